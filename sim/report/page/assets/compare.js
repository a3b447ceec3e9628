"use strict";
// The page of a comparison: variants side by side, operator by operator.
const NAMES = Object.keys(DATA.variants);
const METRICS = {
  time: { title: "time (s)", unit: "s", of: (one) => one.time_s },
  energy: { title: "energy (J)", unit: "J", of: (one) => one.energy_j },
  bytes: { title: "bytes to and from memories (B)", unit: "B", of: (one) => bytes(one) },
  utilization: { title: "utilization (%)", unit: "%", of: (one) => (one.utilization === null ? null : 100 * one.utilization) },
};
let table = null;

function bytes(one) { return Object.values(one.bytes).reduce((sum, way) => sum + way.read + way.written, 0); }

function change(value, first) {
  if (value === null || first === null || value === undefined || !first) return null;
  return value / first - 1;
}

function signed(share) { return share === null ? "-" : (share > 0 ? "+" : "") + (100 * share).toFixed(1) + " %"; }

function fillTotals() {
  const first = DATA.variants[NAMES[0]];
  new DataTable(element("totals"), [
    { title: "variant", value: (name) => name, name: true },
    { title: "time", value: (name) => DATA.variants[name].time_s, text: (name) => si(DATA.variants[name].time_s, "s", 4), number: true },
    { title: "Δ time", value: (name) => change(DATA.variants[name].time_s, first.time_s), text: (name) => signed(change(DATA.variants[name].time_s, first.time_s)), number: true },
    { title: "cycles", value: (name) => DATA.variants[name].cycles, text: (name) => DATA.variants[name].cycles.toLocaleString("en"), number: true },
    { title: "clock", value: (name) => DATA.variants[name].clock.hz, text: (name) => si(DATA.variants[name].clock.hz, "Hz"), number: true },
    { title: "utilization", value: (name) => DATA.variants[name].utilization, text: (name) => percent(DATA.variants[name].utilization), number: true },
    { title: "energy", value: (name) => DATA.variants[name].energy_j, text: (name) => si(DATA.variants[name].energy_j, "J", 4), number: true },
    { title: "Δ energy", value: (name) => change(DATA.variants[name].energy_j, first.energy_j), text: (name) => signed(change(DATA.variants[name].energy_j, first.energy_j)), number: true },
    { title: "bytes", value: (name) => bytes(DATA.variants[name]), text: (name) => si(bytes(DATA.variants[name]), "B"), number: true },
    { title: "roofline bound", value: (name) => DATA.variants[name].bound_by || "-" },
  ], NAMES);
}

function drawBars() {
  const metric = METRICS[element("metric").value];
  const most = element("most").value === "all" ? Infinity : Number(element("most").value);
  const slowest = (row) => Math.max(...Object.values(row.variants).map((one) => one.time_ps));
  const top = [...DATA.operators].sort((one, other) => slowest(other) - slowest(one)).slice(0, most);
  const kept = DATA.operators.filter((row) => top.includes(row));
  const series = NAMES.map((name, place) => ({
    name, colour: PALETTE[place % PALETTE.length], values: kept.map((row) => (row.variants[name] ? metric.of(row.variants[name]) : null)),
  }));
  horizontalBars("bars", kept.map((row) => row.name + (row.count > 1 ? " ×" + row.count : "")), series, metric.title, metric.unit, "group");
}

function fillOperators() {
  const time = (row, name) => (row.variants[name] ? row.variants[name].time_s : null);
  const columns = [{ title: "operator", value: (row) => row.name + (row.count > 1 ? " ×" + row.count : ""), name: true }, { title: "kind", value: (row) => row.kind }];
  NAMES.forEach((name, place) => {
    columns.push({ title: name, value: (row) => time(row, name), text: (row) => si(time(row, name), "s"), number: true });
    if (place) columns.push({ title: "Δ", value: (row) => change(time(row, name), time(row, NAMES[0])), text: (row) => signed(change(time(row, name), time(row, NAMES[0]))), number: true });
  });
  columns.push({ title: "fastest", value: (row) => row.best });
  columns.push({ title: "because the others lose most in", value: (row) => lostIn(row) });
  table = new DataTable(element("operators"), columns, DATA.operators, select);
  const tell = (shown) => { element("count").textContent = `${shown} of ${DATA.operators.length} operators`; };
  tell(DATA.operators.length);
  element("filter").addEventListener("input", (event) => tell(table.filter(event.target.value)));
}

function lostIn(row) {
  return Object.entries(row.why.against).filter(([, one]) => one.slower_ps > 0 && one.largest)
    .map(([name, one]) => `${name}: ${one.largest.replace("_", "/")}`).join(", ") || "-";
}

const TERMS = ["compute", "unfilled", "fill_drain", "vector", "waiting"];

function term(name, of) {
  const value = (variant) => (of(variant).account ? of(variant).account.terms_ps[name] / 1e12 : null);
  return { title: name.replace("_", "/"), value, text: (variant) => (value(variant) === null ? "-" : si(value(variant), "s")), number: true };
}

function fillWhy() {
  for (const one of Object.values(DATA.why.against)) {
    const line = document.createElement("p");
    line.textContent = one.text;
    element("why").append(line);
  }
}

function select(number) {
  const row = DATA.operators[number];
  table.select(number);
  element("selected").hidden = false;
  element("selected-name").textContent = row.name;
  const fresh = document.createElement("table");
  fresh.id = "selected-table";
  element("selected-table").replaceWith(fresh);
  const of = (name) => row.variants[name];
  new DataTable(fresh, [
    { title: "variant", value: (name) => name, name: true }, { title: "dataflow", value: (name) => of(name).dataflow || "-" },
    { title: "cycles", value: (name) => of(name).cycles, text: (name) => of(name).cycles.toLocaleString("en"), number: true },
    { title: "utilization", value: (name) => of(name).utilization, text: (name) => percent(of(name).utilization), number: true },
    { title: "bytes", value: (name) => bytes(of(name)), text: (name) => si(bytes(of(name)), "B"), number: true },
    { title: "energy", value: (name) => of(name).energy_j, text: (name) => si(of(name).energy_j, "J"), number: true },
    { title: "bound by", value: (name) => of(name).bound_by || "-" },
    ...TERMS.map((name) => term(name, of)),
    { title: "why slower", value: (name) => (row.why.against[name] || { text: "-" }).text },
  ], NAMES.filter((name) => row.variants[name]));
}

function fill() {
  element("title").textContent = `${DATA.trace}: ${NAMES.join(" · ")}`;
  fillTotals();
  fillWhy();
  fillOperators();
  const best = DATA.best_of_each;
  element("best").textContent = "Fastest for how many operators: " + NAMES.map((name) => `${name} ${best.operators_per_variant[name]}`).join(", ") + ".";
  document.body.dataset.ready = "yes";
  performance.mark("ready");
}

function draw() {
  options(element("metric"), Object.keys(METRICS).map((name) => [name, name]));
  options(element("most"), [["20", "the 20 slowest"], ["60", "the 60 slowest"], ["all", "all"]]);
  for (const id of ["metric", "most"]) element(id).addEventListener("change", drawBars);
  drawInTurn([drawBars]);
}
