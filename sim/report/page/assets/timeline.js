"use strict";
// Lanes over time with linked rows of utilization, bandwidth, power and buffers. What is narrower than a pixel is drawn
// together with its neighbours, and drawn again at every zoom, so that a page of many slices stays quick.
const ROW = 17;
const LOWER = 105;
const APART = 34;

class Timeline {
  constructor(data, onPick) {
    Object.assign(this, { data, onPick, elapsed: data.timeline.elapsed_ps, shown: [0, data.timeline.elapsed_ps], marked: null });
    [this.scale, this.unit] = timeUnit(this.elapsed * 1e-12);
    this.lanes = data.timeline.lanes.map((lane) => this.decode(lane));
    this.plot = element("timeline");
    const names = Object.keys(data.series.components);
    const select = element("timeline-component");
    options(select, names.map((name) => [name, short(name)]));
    const busiest = names.reduce((best, name) => (this.busyShare(name) > this.busyShare(best) ? name : best), names[0]);
    if (busiest) select.value = busiest;
    select.addEventListener("change", () => this.draw());
    element("zoom-out").addEventListener("click", () => this.show([0, this.elapsed]));
    element("timeline-notes").textContent = data.timeline.notes.length ? "Shown: " + data.timeline.notes.join("; ") + "." : "";
    this.legend();
    this.draw();
    this.plot.on("plotly_relayout", (change) => this.follow(change));
    this.plot.addEventListener("mousemove", (event) => this.tell(this.at(event)));
    this.plot.addEventListener("click", (event) => { const found = this.at(event); if (found && found.owner >= 0) this.onPick(found.owner); });
  }

  busyShare(name) {
    const one = this.data.series.components[name];
    return one.busy_ps.reduce((sum, value) => sum + value, 0) / Math.max(1, one.lanes);
  }

  decode(lane) {
    const start = [], end = [];
    let time = 0;
    lane.gap.forEach((gap, place) => { start.push(time += gap); end.push(time += lane.length[place]); });
    return { ...lane, start, end };
  }

  x(ps) { return (ps * 1e-12) / this.scale; }
  ps(x) { return (x * this.scale) / 1e-12; }

  legend() {
    const used = new Set(this.lanes.flatMap((lane) => lane.what));
    const whats = this.data.timeline.whats.filter((_, number) => used.has(number)).sort();
    element("timeline-legend").replaceWith(Object.assign(legend(whats.map((what) => what.replace(":", ": ")), whats.map(colour)), { id: "timeline-legend" }));
  }

  // First slice of a lane that ends after `time`.
  first(lane, time) {
    let [low, high] = [0, lane.end.length];
    while (low < high) { const middle = (low + high) >> 1; if (lane.end[middle] > time) high = middle; else low = middle + 1; }
    return low;
  }

  // Line segments by what they show; neighbours below a pixel become one segment of the commonest sort among them.
  segments() {
    const [from, to] = this.shown;
    const pixel = (to - from) / Math.max(300, this.plot.clientWidth - 120);
    const found = new Map();
    const put = (what, row, start, end) => {
      if (!found.has(what)) found.set(what, { x: [], y: [] });
      const one = found.get(what);
      one.x.push(this.x(start), this.x(end), null);
      one.y.push(row, row, null);
    };
    this.lanes.forEach((lane, row) => {
      let heap = null;
      const flush = () => {
        if (heap) put([...heap.by.entries()].reduce((best, one) => (one[1] > best[1] ? one : best))[0], row, heap.start, heap.end);
        heap = null;
      };
      for (let place = this.first(lane, from); place < lane.start.length && lane.start[place] < to; place++) {
        const [start, end, what] = [lane.start[place], lane.end[place], lane.what[place]];
        if (heap && start - heap.end > pixel) flush();
        if (end - start >= pixel) { flush(); put(what, row, start, end); continue; }
        if (!heap) heap = { start, end, by: new Map() };
        heap.end = end;
        heap.by.set(what, (heap.by.get(what) || 0) + end - start);
        if (heap.end - heap.start >= pixel) flush();
      }
      flush();
    });
    return [...found.entries()].sort((one, other) => one[0] - other[0]);
  }

  laneTraces() {
    return this.segments().map(([what, { x, y }]) => ({
      type: "scatter", mode: "lines", x, y, hoverinfo: "skip", showlegend: false, name: this.data.timeline.whats[what],
      line: { color: colour(this.data.timeline.whats[what]), width: ROW - 6, simplify: false },
    }));
  }

  rows() {
    const name = element("timeline-component").value;
    const one = this.data.series.components[name];
    const edges = this.data.series.edges_ps;
    const widths = edges.slice(1).map((edge, place) => edge - edges[place]);
    if (!one || !widths.length) return [];
    const steps = (values) => ({ x: edges.map((edge) => this.x(edge)), y: [...values, values[values.length - 1]] });
    const line = (values, title, tint, unit) => ({
      ...steps(values), type: "scatter", mode: "lines", line: { shape: "hv", width: 1.2, color: tint }, fill: "tozeroy", name: title, showlegend: false,
      hovertemplate: `%{y:.3s}${unit}<extra>${title}</extra>`,
    });
    const share = (values) => values.map((value, place) => (100 * value) / (widths[place] * one.lanes));
    const stacked = [["busy", one.busy_ps], ...Object.entries(one.stall_ps).map(([cause, values]) => ["stall: " + cause, values])];
    const found = [{ title: "% of time", range: [0, 100], traces: stacked.map(([label, values]) => ({
      ...steps(share(values)), type: "scatter", mode: "lines", stackgroup: "use", line: { shape: "hv", width: 0 }, fillcolor: colour(label), name: label,
      showlegend: false, hovertemplate: "%{y:.1f} %<extra>" + label + "</extra>",
    })) }];
    if (one.bytes.length) found.push({ title: "B/s", traces: [line(one.bytes.map((value, place) => value / (widths[place] * 1e-12)), short(name) + " bandwidth", "#009E73", "B/s")] });
    if (one.row_hits.length) found.push({ title: "% row hits", range: [0, 100], traces: [line(one.row_hits, short(name) + " bursts in open rows", "#CC79A7", "%")] });
    const every = Object.values(this.data.series.components);
    if (every.some((other) => other.energy_j.length)) {
      const watts = widths.map((width, place) => every.reduce((sum, other) => sum + (other.energy_j[place] || 0) + (other.static_j * width) / this.elapsed, 0) / (width * 1e-12));
      found.push({ title: "W, all", traces: [line(watts, "power of everything", "#D55E00", "W")] });
    }
    const levels = Object.entries(this.data.series.levels).filter(([level]) => level.startsWith(name + "."));
    if (levels.length) found.push({ title: "B taken", traces: levels.map(([level, points], place) => ({
      type: "scatter", mode: "lines", x: points.time_ps.map((time) => this.x(time)), y: points.bytes, name: short(level), showlegend: false,
      line: { shape: "hv", width: 1.2, color: PALETTE[place] }, hovertemplate: "%{y:.3s}B<extra>" + short(level) + "</extra>",
    })) });
    return found;
  }

  draw() {
    const rows = this.rows();
    const upper = this.lanes.length * ROW + 8;
    const whole = upper + rows.length * (LOWER + APART);
    const clip = NARROW ? 16 : 30;
    const names = this.lanes.map((lane) => { const text = lane.label; return text.length > clip ? "…" + text.slice(1 - clip) : text; });
    const plan = layout({
      height: whole + 82, margin: { l: NARROW ? 96 : 170, r: 14, t: NARROW ? 8 : 30, b: 52 }, dragmode: "zoom", hovermode: "closest", shapes: [],
      xaxis: axis(`time (${this.unit})`, { range: this.shown.map((time) => this.x(time)), anchor: rows.length ? "y" + (rows.length + 1) : "y", automargin: false }),
      yaxis: axis("", { domain: [1 - upper / whole, 1], range: [this.lanes.length - 0.4, -0.6], tickvals: names.map((_, row) => row), ticktext: names, fixedrange: true, zeroline: false, showgrid: false, automargin: false, tickfont: { size: 10 } }),
    });
    const traces = this.laneTraces();
    rows.forEach((row, place) => {
      const top = 1 - (upper + APART * (place + 1) + LOWER * place) / whole;
      plan["yaxis" + (place + 2)] = axis(row.title, { domain: [Math.max(0, top - LOWER / whole), top], fixedrange: true, automargin: false, exponentformat: "SI", nticks: 4, ...(row.range ? { range: row.range } : { rangemode: "tozero" }) });
      for (const trace of row.traces) traces.push({ ...trace, yaxis: "y" + (place + 2) });
    });
    if (this.marked) plan.shapes = [{ type: "rect", xref: "x", yref: "paper", x0: this.x(this.marked[0]), x1: this.x(this.marked[1]), y0: 0, y1: 1, fillcolor: "#E69F00", opacity: 0.13, line: { width: 0 } }];
    Plotly.react(this.plot, traces, plan, CONFIG);
  }

  follow(change) {
    let range = null;
    if (change["xaxis.autorange"]) range = [0, this.elapsed];
    else if (change["xaxis.range"]) range = change["xaxis.range"].map((x) => this.ps(x));
    else if (change["xaxis.range[0]"] !== undefined) range = [this.ps(change["xaxis.range[0]"]), this.ps(change["xaxis.range[1]"])];
    if (range) this.show(range);
  }

  show(range) { this.shown = range; this.draw(); }

  zoom(start, end) {
    const margin = Math.max((end - start) * 0.15, 1e-12);
    this.show([Math.max(0, (start - margin) / 1e-12), Math.min(this.elapsed, (end + margin) / 1e-12)]);
  }

  mark(start, end) { this.marked = [start / 1e-12, end / 1e-12]; this.draw(); }

  // The slice under the pointer.
  at(event) {
    const full = this.plot._fullLayout;
    const box = this.plot.getBoundingClientRect();
    const x = full.xaxis.p2d(event.clientX - box.left - full.margin.l);
    const row = Math.round(full.yaxis.p2d(event.clientY - box.top - full.yaxis._offset));
    const lane = this.lanes[row];
    if (!lane) return null;
    const time = this.ps(x);
    const place = this.first(lane, time);
    if (place >= lane.start.length || lane.start[place] > time) return null;
    return { lane: lane.label, start: lane.start[place], length: lane.length[place], what: this.data.timeline.whats[lane.what[place]], owner: lane.owner[place], tile: lane.tile[place], merged: lane.merged ? lane.merged[place] : 1 };
  }

  tell(found) {
    if (!found) return;
    const operator = found.owner >= 0 ? this.data.operators[found.owner].title : "no operator";
    const tile = found.tile >= 0 ? `, tile ${found.tile}` : "";
    const merged = found.merged > 1 ? `, ${found.merged} slices merged` : "";
    element("timeline-under").textContent = `${found.lane}: ${found.what.replace(":", ": ")} for ${operator}${tile}; ${si(found.length * 1e-12, "s", 4)} (${found.length} ps) from ${si(found.start * 1e-12, "s", 6)} (${found.start} ps)${merged}`;
  }
}
