// The wizard's list of models: a field that hides what does not match. What is ticked stays ticked, seen or not.
(() => {
  document.addEventListener("input", (event) => {
    const list = document.getElementById(event.target.dataset?.filters ?? "");
    if (!list) return;
    const words = event.target.value.toLowerCase().split(/\s+/);
    for (const label of list.querySelectorAll("label")) {
      const text = label.textContent.toLowerCase();
      label.hidden = !words.every((word) => text.includes(word));
    }
  });
})();
