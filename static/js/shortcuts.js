// Keyboard shortcuts: g then a letter goes somewhere, / focuses the first filter, ? lists them. They can be switched off. Letters stand in the navigation.
(() => {
  const stored = "signalbox-shortcuts";
  const patience = 1500;
  const dialog = document.getElementById("shortcuts");
  const choice = dialog?.querySelector("input[type=checkbox]");
  let goingSince = -Infinity;

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

  function placeOf(key) {
    return [...document.querySelectorAll(".nav a[data-letter]")].find((link) => link.dataset.letter === key);
  }

  document.addEventListener("keydown", (event) => {
    if (!isOn() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.key === "Shift") return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
    const isGoing = event.timeStamp - goingSince < patience;
    goingSince = -Infinity;
    const place = isGoing && placeOf(event.key);
    if (place) return place.click();
    if (event.key === "g") goingSince = event.timeStamp;
    if (event.key === "/") focusFilter(event);
    if (event.key === "?") dialog?.showModal();
  });
})();
