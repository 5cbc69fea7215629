// The target on the front: a slider, two buttons and the chart's points, all moving one list. And slugs out of names.
(() => {
  const MAX_SLUG = 60;

  function slugOf(name) {
    const plain = name.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
    return plain.replace(/[^a-z0-9]+/g, "-").slice(0, MAX_SLUG).replace(/^-+|-+$/g, "");
  }

  for (const form of document.querySelectorAll("[data-slugs]")) {
    let isOwnSlug = (form.elements.namedItem("slug")?.value ?? "") !== "";
    form.addEventListener("input", (event) => {
      if (event.target.name === "slug") isOwnSlug = event.target.value !== "";
      if (event.target.name === "name" && !isOwnSlug) form.elements.namedItem("slug").value = slugOf(event.target.value);
    });
  }

  const form = document.querySelector("[data-target]");
  if (!form) return;
  const list = form.elements.namedItem("point");
  const range = form.querySelector("[data-range]");
  const policy = form.elements.namedItem("policy");
  const plot = document.getElementById("front-plot");
  let front = -1;

  function show() {
    range.value = list.value;
    range.setAttribute("aria-valuetext", list.selectedOptions[0]?.textContent ?? "");
    mark();
    const here = new URL(location.href);
    here.searchParams.set("point", list.value);
    if (!here.pathname.endsWith("/draft/")) history.replaceState(null, "", here);
  }

  function choose(place) {
    list.value = String(Math.min(Math.max(place, 0), list.options.length - 1));
    show();
  }

  // The chosen point is larger than the others.
  function mark() {
    if (!plot?.data || front < 0) return;
    const sizes = plot.data[front].x.map((_, place) => (place === Number(list.value) ? 17 : 9));
    Plotly.restyle(plot, { "marker.size": [sizes] }, [front]);
  }

  function listen() {
    if (!plot?.data || plot.dataset.listens) return;
    plot.dataset.listens = "yes";
    front = plot.data.findIndex((trace) => trace.meta === "front");
    plot.on("plotly_click", (event) => {
      const point = event.points.find((one) => one.curveNumber === front);
      if (point) choose(point.pointNumber);
    });
    mark();
  }

  function showNew() {
    form.querySelector("[data-new-policy]").hidden = policy.value !== "";
  }

  list.addEventListener("change", show);
  range.addEventListener("input", () => choose(Number(range.value)));
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-step]");
    if (button) choose(Number(list.value) + Number(button.dataset.step));
    const preset = event.target.closest("[data-point]");
    if (preset) {
      event.preventDefault();
      choose(Number(preset.dataset.point));
    }
  });
  policy.addEventListener("change", showNew);
  document.addEventListener("theme:change", () => requestAnimationFrame(mark));
  showNew();
  listen();
  show();
})();
