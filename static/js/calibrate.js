// Calibration: the form shows what the chosen source and grading need; answers are marked by the keys 1 to 5, s skips.
(() => {
  const form = document.querySelector("[data-calibrate]");

  function show() {
    for (const part of form.querySelectorAll("[data-source], [data-grading]")) {
      const [name, wanted] = Object.entries(part.dataset)[0];
      part.hidden = form.elements.namedItem(name).value !== wanted;
    }
  }

  if (form) {
    form.addEventListener("change", show);
    show();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
    const button = document.querySelector(`[data-grade] [data-key="${CSS.escape(event.key)}"]`);
    if (!button || button.disabled) return;
    event.preventDefault();
    button.click();
  });
})();
