// The command palette: Ctrl-K or ⌘-K opens it, typing asks the server, arrows choose, Enter goes. Focus stays in the field (combobox with a listbox).
(() => {
  const dialog = document.getElementById("palette");
  const field = document.getElementById("palette-query");
  if (!dialog || !field) return;

  const entries = () => [...dialog.querySelectorAll("[role=option]")];
  const chosen = () => dialog.querySelector("[role=option][aria-selected=true]");

  function choose(entry) {
    chosen()?.setAttribute("aria-selected", "false");
    if (!entry) return field.removeAttribute("aria-activedescendant");
    entry.setAttribute("aria-selected", "true");
    entry.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", entry.id);
  }

  function move(key) {
    const all = entries();
    const place = all.indexOf(chosen());
    const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: all.length - 1 }[key];
    choose(all[(next + all.length) % all.length]);
  }

  function open() {
    if (dialog.open) return field.select();
    if (document.querySelector("dialog[open]")) return;
    dialog.showModal();
    field.value = "";
    field.focus();
    htmx.trigger(field, "palette:open");
  }

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("click", (event) => event.target.closest("[data-opens-palette]") && open());

  field.addEventListener("keydown", (event) => {
    const isEdge = event.key === "Home" || event.key === "End";
    if (event.key === "ArrowDown" || event.key === "ArrowUp" || (isEdge && !field.value)) {
      event.preventDefault();
      move(event.key);
    } else if (event.key === "Enter") {
      event.preventDefault();
      chosen()?.click();
    }
  });
  dialog.addEventListener("click", (event) => event.target.closest("button[role=option]") && dialog.close());
  document.addEventListener("htmx:after:settle", () => dialog.open && !chosen() && choose(entries()[0]));

  // On a Mac the key has another name.
  if (/Mac|iP(hone|ad)/.test(navigator.platform)) {
    for (const key of document.querySelectorAll("[data-command-key]")) key.textContent = "⌘ K";
  }
})();
