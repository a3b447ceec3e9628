"use strict";
// What all charts have in common.
const NARROW = window.innerWidth < 600;
const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"], displayModeBar: NARROW ? false : "hover" };

function layout(extra) {
  return Object.assign({
    font: { family: "system-ui, sans-serif", size: NARROW ? 10 : 12, color: "#1b1f24" }, margin: { l: 60, r: 12, t: 26, b: 44 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "#fff", hovermode: "closest", hoverlabel: { align: "left" }, modebar: { bgcolor: "rgba(255,255,255,0.8)", color: "#9aa5ae", activecolor: "#0072b2" },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
  }, extra);
}

function axis(title, extra) {
  return Object.assign({ title: { text: title, standoff: 8 }, gridcolor: "#e6eaee", zerolinecolor: "#c5ccd3", automargin: true }, extra);
}

// Bars along the names in `labels`, stacked or in groups: {name, values, text, colour}. Height follows their number.
function horizontalBars(id, labels, series, title, unit, mode) {
  const thick = mode === "group" ? 6 + 11 * series.length : 22;
  const clip = NARROW ? 20 : 42;
  const shown = labels.map((one, place) => (one.length > clip ? "…" + one.slice(1 - clip) : one) + "\u200b".repeat(place));
  const traces = series.map((one) => ({
    showlegend: false, type: "bar", orientation: "h", y: shown, x: one.values, name: one.name, marker: { color: one.colour || colour(one.name) },
    customdata: labels.map((label, place) => [label, one.text ? one.text[place] : si(one.values[place], unit)]),
    hovertemplate: "%{customdata[0]}<br>" + one.name + ": %{customdata[1]}<extra></extra>",
  }));
  const before = element(id).previousElementSibling;
  if (before && before.dataset.legend === id) before.remove();
  const names = legend(series.map((one) => one.name), series.map((one) => one.colour || colour(one.name)));
  names.dataset.legend = id;
  element(id).before(names);
  Plotly.react(id, traces, layout({
    barmode: mode, margin: { l: 60, r: 12, t: 30, b: 44 }, height: 84 + labels.length * thick, bargap: 0.25,
    xaxis: axis(title, unit === "%" ? { range: [0, 100] } : { exponentformat: "SI", ticksuffix: "" }),
    yaxis: axis("", { autorange: "reversed", fixedrange: true, title: undefined }),
  }), CONFIG);
}

// Draws one chart after the other; between two of them the page answers its reader.
function drawInTurn(steps) {
  const next = () => {
    const step = steps.shift();
    if (!step) { document.body.dataset.drawn = "yes"; return; }
    step();
    setTimeout(next, 0);
  };
  setTimeout(next, 0);
}
