"use strict";
// The page of one run: summary, tables, charts, and what follows when an operator is selected.
let selected = null;
let table = null;
let timeline = null;

function fillSummary() {
  document.title = DATA.title;
  element("title").textContent = DATA.title;
  for (const [label, value] of DATA.summary) {
    const tile = document.createElement("div");
    tile.className = "tile";
    tile.append(Object.assign(document.createElement("b"), { textContent: label }), Object.assign(document.createElement("span"), { textContent: value }));
    element("summary").append(tile);
  }
  if (!DATA.warnings.length) return;
  element("warnings").hidden = false;
  element("warnings").append(Object.assign(document.createElement("b"), { textContent: "Warnings" }), list(DATA.warnings));
}

function list(lines) {
  const made = document.createElement("ul");
  for (const line of lines) made.append(Object.assign(document.createElement("li"), { textContent: line }));
  return made;
}

function moved(one) { return Object.values(one.bytes).reduce((sum, way) => sum + way.read + way.written, 0); }

function fillOperators() {
  const columns = [
    { title: "operator", value: (one) => one.title, name: true },
    { title: "kind", value: (one) => one.kind },
    { title: "engine", value: (one) => one.dataflow || one.engine },
    { title: "time", value: (one) => one.time_s, text: (one) => one.within || si(one.time_s, "s"), number: true },
    { title: "cycles", value: (one) => one.cycles, text: (one) => one.cycles.toLocaleString("en"), number: true },
    { title: "utilization", value: (one) => one.utilization, text: (one) => percent(one.utilization), number: true },
    { title: "MACs", value: (one) => one.macs, text: (one) => (one.macs ? si(one.macs, "") : "-"), number: true },
    { title: "bytes", value: moved, text: (one) => si(moved(one), "B"), number: true },
    { title: "energy", value: (one) => one.energy_j, text: (one) => si(one.energy_j, "J"), number: true },
    { title: "bound by", value: (one) => one.bound_by, text: (one) => short(one.bound_by) },
  ];
  if (DATA.operators.some((one) => one.imbalance)) {
    columns.push({ title: "imbalance", value: (one) => one.imbalance, text: (one) => (one.imbalance ? one.imbalance.toFixed(2) : "-"), number: true });
  }
  table = new DataTable(element("operators"), columns, DATA.operators, select);
  const tell = (shown) => { element("count").textContent = `${shown} of ${DATA.operators.length} operators`; };
  tell(DATA.operators.length);
  element("filter").addEventListener("input", (event) => tell(table.filter(event.target.value)));
  element("to-timeline").addEventListener("click", () => {
    const one = DATA.operators[selected];
    if (timeline) timeline.zoom(one.start_s, one.end_s);
    element("timeline-part").scrollIntoView();
  });
}

function select(number) {
  selected = number;
  const one = DATA.operators[number];
  table.select(number);
  element("selected").hidden = false;
  element("selected-name").textContent = one.title;
  element("selected-text").textContent = one.text;
  if (timeline) timeline.mark(one.start_s, one.end_s);
  if (document.body.dataset.drawn) drawRoofline();
}

function drawRoofline() {
  const engine = DATA.roofline.engines[element("roofline-engine").value];
  const tier = element("roofline-tier").value;
  const tiers = Object.keys(DATA.roofline.tiers);
  if (!engine || !tiers.length) { element("roofline").textContent = "No work on this engine, or no bytes moved."; return; }
  const points = [];
  DATA.operators.forEach((one, number) => {
    const way = one.bytes[tier] || { read: 0, written: 0 };
    const work = one[engine.work], size = way.read + way.written;
    if (engine.of.includes(one.engine) && work && size && one.span_s) points.push({ number, x: work / size, y: work / one.span_s, one });
  });
  const xs = points.map((point) => point.x).concat(Object.values(DATA.roofline.tiers).map((rate) => engine.peak / rate));
  const [left, right] = [Math.min(...xs) / 3, Math.max(...xs) * 3];
  const roofs = tiers.map((path, place) => {
    const knee = engine.peak / DATA.roofline.tiers[path];
    return {
      type: "scatter", mode: "lines", name: `${short(path)}: ${si(DATA.roofline.tiers[path], "B/s")}`, hoverinfo: "name",
      x: [left, knee, right], y: [left * DATA.roofline.tiers[path], engine.peak, engine.peak],
      line: { color: path === tier ? "#1b1f24" : "#999999", dash: path === tier ? "solid" : ["dot", "dash", "dashdot"][place % 3], width: path === tier ? 2 : 1.3 },
    };
  });
  const bounds = [...new Set(points.map((point) => point.one.bound_by))].sort();
  const marks = ["circle", "square", "diamond", "triangle-up", "cross", "x"];
  const clouds = bounds.map((bound, place) => {
    const own = points.filter((point) => point.one.bound_by === bound);
    return {
      type: "scatter", mode: "markers", name: "bound by " + short(bound), x: own.map((point) => point.x), y: own.map((point) => point.y),
      customdata: own.map((point) => [point.number, point.one.title, percent(point.one.utilization)]),
      marker: {
        color: PALETTE[place % PALETTE.length], symbol: marks[place % marks.length], opacity: 0.85,
        size: own.map((point) => (point.number === selected ? 16 : 8)), line: { width: own.map((point) => (point.number === selected ? 3 : 0.5)), color: "#1b1f24" },
      },
      hovertemplate: `<b>%{customdata[1]}</b><br>%{x:.3s} ${engine.unit}/B<br>%{y:.3s}${engine.unit}/s<br>utilization %{customdata[2]}<extra></extra>`,
    };
  });
  Plotly.react("roofline", [...roofs, ...clouds], layout({
    height: 440, margin: { l: 70, r: 12, t: 30, b: 50 }, xaxis: axis(`${engine.unit} per byte of ${short(tier)}`, { type: "log", exponentformat: "SI", dtick: 1 }),
    yaxis: axis(`${engine.unit} per second`, { type: "log", exponentformat: "SI", dtick: 1 }), legend: { orientation: "h", y: -0.2, yanchor: "top", x: 0 },
  }), CONFIG);
}

function fillRoofline() {
  options(element("roofline-engine"), Object.keys(DATA.roofline.engines).map((name) => [name, name]));
  options(element("roofline-tier"), Object.keys(DATA.roofline.tiers).map((path) => [path, short(path)]));
  const bound = DATA.roofline.bound_by;
  const backing = DATA.roofline.tiers[bound] ? bound : Object.keys(DATA.roofline.tiers).pop();
  if (backing) element("roofline-tier").value = backing;
  for (const id of ["roofline-engine", "roofline-tier"]) element(id).addEventListener("change", drawRoofline);
  drawRoofline();
  if (element("roofline").on) element("roofline").on("plotly_click", (event) => {
    const found = event.points[0].customdata;
    if (found) select(found[0]);
  });
}

function fillStalls() {
  const paths = Object.keys(DATA.components);
  const share = (path, value) => { const whole = DATA.time_ps * DATA.components[path].lanes; return whole ? (100 * value) / whole : 0; };
  const causes = [...new Set(paths.flatMap((path) => Object.keys(DATA.components[path].stall_ps)))].sort();
  const series = [{ name: "busy", values: paths.map((path) => share(path, DATA.components[path].busy_ps)) }];
  for (const cause of causes) series.push({ name: "stall: " + cause, values: paths.map((path) => share(path, DATA.components[path].stall_ps[cause] || 0)) });
  series.push({ name: "idle", values: paths.map((path) => share(path, DATA.components[path].idle_ps)) });
  for (const one of series) one.text = one.values.map((value) => value.toFixed(2) + " %");
  horizontalBars("stalls", paths.map((path) => short(path) + (DATA.components[path].count > 1 ? " ×" + DATA.components[path].count : "")), series, "share of time", "%", "stack");
}

function fillEnergy() {
  if (!DATA.energy) { element("energy-note").textContent = "No energy is reported: the architecture has no energy table."; return; }
  const paths = Object.keys(DATA.components).filter((path) => DATA.components[path].energy_j.dynamic || DATA.components[path].energy_j.static);
  const by = (name) => paths.map((path) => DATA.components[path].energy_j[name]);
  horizontalBars("energy-components", paths.map(short), [{ name: "dynamic", values: by("dynamic"), colour: "#0072B2" }, { name: "static", values: by("static"), colour: "#E69F00" }], "energy by component (J)", "J", "stack");
  const top = DATA.operators.filter((one) => one.energy_j).sort((one, other) => other.energy_j - one.energy_j).slice(0, 25);
  const parts = [...new Set(top.flatMap((one) => Object.keys(one.joules)))].sort();
  horizontalBars("energy-operators", top.map((one) => one.title), parts.map((path, place) => ({ name: short(path), colour: PALETTE[place % PALETTE.length], values: top.map((one) => one.joules[path] || 0) })), "dynamic energy by operator (J)", "J", "stack");
  const left = DATA.operators.filter((one) => one.energy_j).length - top.length;
  element("energy-note").textContent = `Total ${si(DATA.energy.total_j, "J", 4)}, of which ${si(DATA.energy.unattributed_j, "J")} (static power, refresh) belong to no operator. ` + (left > 0 ? `${left} operators with less are in the table only. ` : "") + `Prices: ${DATA.energy_table}.`;
}

function fillArchitecture() {
  element("sources").replaceWith(Object.assign(list(DATA.architecture.sources), { id: "sources" }));
  element("yaml").textContent = DATA.architecture.yaml;
  new DataTable(element("prices"), [
    { title: "component", value: (row) => row.component, text: (row) => short(row.component) }, { title: "action", value: (row) => row.action },
    { title: "price", value: (row) => row.joules, text: (row) => si(row.joules, "J") + "/" + row.per, number: true },
    { title: "entry", value: (row) => row.entry, name: true }, { title: "standing", value: (row) => row.confidence },
    { title: "source", value: (row) => row.source, name: true },
  ], DATA.prices);
}

function fillGroups() {
  element("groups-part").hidden = !DATA.core_groups;
  if (!DATA.core_groups) return;
  const share = (title, key) => ({ title, value: (row) => row[key], text: (row) => (100 * row[key]).toFixed(1) + " %", number: true });
  const words = (title, key) => ({ title, value: (row) => row[key], number: true });
  new DataTable(element("groups"), [
    { title: "cores", value: (row) => row.cores.map(short).join(", "), name: true }, share("busy", "busy"), share("stall", "stalled"), share("idle", "idle"),
    words("weights", "weights"), words("kept", "kept"), words("gets", "gets"), { title: "through", value: (row) => row.through.join(", "), name: true },
  ], DATA.core_groups.rows);
  element("groups-line").textContent = DATA.core_groups.line;
}

function fillMemories() {
  element("memories-part").hidden = !DATA.memories.length;
  const count = (title, key) => ({ title, value: (row) => row[key], text: (row) => row[key].toLocaleString("en"), number: true });
  const words = (title, key) => ({ title, value: (row) => row[key], number: true });
  new DataTable(element("memories"), [
    { title: "memory", value: (row) => row.path, text: (row) => short(row.path) }, { title: "channels", value: (row) => row.channels, name: true },
    words("achieved", "achieved"), words("peak", "peak"), words("of peak", "share"), words("rows hit", "hits"), count("hits", "row_hits"), count("misses", "row_misses"), count("conflicts", "row_conflicts"),
    { title: "time of the data bus", value: (row) => row.spent, name: true },
  ], DATA.memories);
}

function fillPim() {
  element("pim-part").hidden = !DATA.pim.length;
  for (const one of DATA.pim) {
    const scroll = Object.assign(document.createElement("div"), { className: "scroll" });
    const [channels, actions] = [document.createElement("table"), document.createElement("table")];
    const energy = Object.assign(document.createElement("div"), { className: "scroll" });
    scroll.append(channels);
    energy.append(actions);
    element("pim").append(Object.assign(document.createElement("b"), { textContent: short(one.path) }), list(one.lines), scroll,
      Object.assign(document.createElement("p"), { className: "note", textContent: "Actions of the units, and what they cost:" }), energy);
    const words = (title, key) => ({ title, value: (row) => row[key], number: true });
    new DataTable(channels, [
      { title: "channels", value: (row) => row.channels, name: true }, words("busy", "busy"), words("banks multiply", "banks"),
      { title: "waits for", value: (row) => row.waits, name: true },
    ], one.channels);
    new DataTable(actions, [
      { title: "action", value: (row) => row.action, name: true },
      { title: "count", value: (row) => row.count, text: (row) => row.count.toLocaleString("en"), number: true },
      { title: "each", value: (row) => row.each_j, text: (row) => (row.each_j === null ? "no price" : si(row.each_j, "J")), number: true },
      { title: "energy", value: (row) => row.energy_j, text: (row) => (row.energy_j === null ? "-" : si(row.energy_j, "J")), number: true },
    ], one.energy);
  }
}

function fillTimeline() {
  if (DATA.timeline) timeline = new Timeline(DATA, (number) => select(number));
  if (timeline && selected !== null) timeline.mark(DATA.operators[selected].start_s, DATA.operators[selected].end_s);
}

function fill() {
  fillSummary();
  fillOperators();
  fillArchitecture();
  fillMemories();
  fillPim();
  fillGroups();
  if (!DATA.timeline) element("timeline-part").hidden = true;
  document.body.dataset.ready = "yes";
  performance.mark("ready");
}

function draw() {
  drawInTurn([fillRoofline, fillTimeline, fillStalls, fillEnergy, () => drawDiagram("diagram", DATA.diagram), () => drawNetworks("networks", DATA.networks)]);
}
