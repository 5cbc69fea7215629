// Draws every [data-chart] from the JSON beside it, in the theme's colours; again after swaps and theme changes.
(() => {
  const drawn = new Set();
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);

  function color(name) {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  }

  // "var(--x)" anywhere in a figure becomes the colour it has now.
  function resolve(value) {
    if (typeof value === "string") return value.startsWith("var(--") ? color(value.slice(4, -1)) : value;
    if (Array.isArray(value)) return value.map(resolve);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolve(inner)]));
    }
    return value;
  }

  function layout(own) {
    const axis = {
      gridcolor: color("--chart-grid"),
      zerolinecolor: color("--chart-grid"),
      linecolor: color("--line"),
      tickfont: { size: 11 },
      automargin: true,
      exponentformat: "none",
      fixedrange: matchMedia("(pointer: coarse)").matches,
    };
    const soft = color("--text-muted");
    return {
      ...own,
      xaxis: { ...axis, showgrid: own.yaxis?.type === "category", ...own.xaxis },
      yaxis: { ...axis, nticks: 8, ...own.yaxis },
      margin: { l: 44, r: 12, t: 6, b: 28 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: soft },
      showlegend: false,
      hoverlabel: {
        bgcolor: color("--raised"),
        bordercolor: color("--line-strong"),
        font: { color: color("--text"), size: 12 },
        namelength: -1,
      },
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      transition: { duration: 0 },
      uirevision: "kept",
    };
  }

  function draw(plot) {
    const source = document.getElementById(plot.dataset.chart);
    if (!source) return;
    const figure = resolve(JSON.parse(source.textContent));
    Plotly.react(plot, figure.data, layout(figure.layout), { displayModeBar: false, responsive: true });
    drawn.add(plot);
  }

  function drawAll() {
    for (const plot of drawn) {
      if (plot.isConnected) continue;
      Plotly.purge(plot);
      drawn.delete(plot);
    }
    for (const plot of document.querySelectorAll("[data-chart]")) draw(plot);
  }

  document.addEventListener("htmx:after:settle", drawAll);
  document.addEventListener("theme:change", drawAll);
  drawAll();
})();
