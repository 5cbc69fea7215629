// Keyboard shortcuts: g then a letter goes somewhere, / focuses the first filter, ? lists them. They can be switched off.
(() => {
  const stored = "signalbox-shortcuts";
  const places = { o: "overview", r: "requests", p: "policies", g: "playground", m: "models", k: "keys" };
  const dialog = document.getElementById("shortcuts");
  const choice = dialog?.querySelector("input[type=checkbox]");
  let isGoing = false;

  function isOn() {
    return localStorage.getItem(stored) !== "off";
  }

  if (choice) {
    choice.checked = isOn();
    choice.addEventListener("change", () => localStorage.setItem(stored, choice.checked ? "on" : "off"));
  }

  function focusFilter(event) {
    const field = document.querySelector("[data-first-filter]");
    if (!field) return;
    event.preventDefault();
    field.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (!isOn() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
    if (isGoing && places[event.key]) document.querySelector(`.nav a[data-place="${places[event.key]}"]`)?.click();
    isGoing = event.key === "g" && !isGoing;
    if (event.key === "/") focusFilter(event);
    if (event.key === "?") dialog?.showModal();
  });
})();
