// The form of a new experiment: a slug out of the name until somebody writes one, and shares that follow the weights.
(() => {
  const form = document.getElementById("rule-form");
  if (!form) return;
  const MAX_SLUG = 50;
  let isOwnSlug = (form.elements.namedItem("slug")?.value ?? "") !== "";

  function slugOf(name) {
    const plain = name.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
    return plain.replace(/[^a-z0-9]+/g, "-").slice(0, MAX_SLUG).replace(/^-+|-+$/g, "");
  }

  function words(part) {
    const percent = 100 * part;
    return `= ${Number.isInteger(percent) ? percent : percent.toFixed(1)} %`;
  }

  function shareOut() {
    const inputs = [...form.querySelectorAll("[data-weight]")];
    const weights = inputs.map((input) => (input.value.trim() === "" ? NaN : Number(input.value)));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const isKnown = weights.every((weight) => weight >= 0 && Number.isFinite(weight)) && total > 0;
    inputs.forEach((input, place) => {
      input.closest(".weight-row").querySelector("[data-share]").textContent = isKnown ? words(weights[place] / total) : "";
    });
  }

  form.addEventListener("input", (event) => {
    if (event.target.name === "slug") isOwnSlug = event.target.value !== "";
    if (event.target.name === "name" && !isOwnSlug) form.elements.namedItem("slug").value = slugOf(event.target.value);
    if (event.target.matches("[data-weight]")) shareOut();
  });
})();
