"use strict";
// The architecture as boxes in boxes, and the bytes that went between its memories as arrows.
const SVG = "http://www.w3.org/2000/svg";

function shape(parent, name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function clipped(text, most) { return text.length > most ? text.slice(0, most - 1) + "…" : text; }

function drawDiagram(id, data) {
  const svg = shape(element(id), "svg", { viewBox: `0 0 ${data.width} ${data.height}`, width: data.width, role: "img", "aria-label": "traffic between memories" });
  const heads = shape(svg, "defs", {});
  const head = shape(heads, "marker", { id: "head", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" });
  shape(head, "path", { d: "M0,0 L8,4 L0,8 z", fill: "#D55E00" });
  for (const box of data.boxes) drawBox(svg, box);
  const most = Math.max(1, ...data.arrows.map((one) => one.bytes));
  for (const one of data.arrows) {
    const line = shape(svg, "line", { x1: one.x1, y1: one.y1, x2: one.x2, y2: one.y2, stroke: "#D55E00", "stroke-width": 1 + 6 * Math.sqrt(one.bytes / most), "stroke-opacity": 0.75, "marker-end": "url(#head)" });
    shape(line, "title", {}, `${one.source} to ${one.destination}: ${one.bytes.toLocaleString("en")} bytes`);
  }
  for (const one of data.arrows) {
    shape(svg, "text", { x: one.label_x, y: one.label_y, "text-anchor": one.label_anchor, fill: "#8a3c00", stroke: "#fff", "stroke-width": 4, "paint-order": "stroke", "font-weight": 600 }, si(one.bytes, "B"));
  }
}

function drawBox(svg, box) {
  const { x, y, width, height } = box;
  const group = box.kind === "group";
  const copies = box.count > 1 ? ` ×${box.count}` : "";
  const part = shape(svg, "rect", { x, y, width, height, rx: 5, fill: group ? "#f6f8f9" : "#fff", stroke: group ? "#b9c2ca" : "#5b6670" });
  shape(part, "title", {}, box.path);
  shape(svg, "text", { x: x + 9, y: y + 17, "font-weight": 600, fill: "#1b1f24" }, clipped(box.name + copies, Math.floor(width / 7.2)));
  if (group) return;
  const slim = height < 40;
  shape(svg, "text", slim ? { x: x + 90, y: y + 17, fill: "#5b6670" } : { x: x + 9, y: y + 34, fill: "#5b6670" }, clipped(box.kind, 22));
  if (box.busy === null) return;
  const full = slim ? 60 : width - 66;
  const [left, top] = slim ? [x + width - 120, y + 9] : [x + 9, y + 42];
  shape(svg, "rect", { x: left, y: top, width: full, height: 7, fill: "#e3e8ec" });
  shape(svg, "rect", { x: left, y: top, width: full * box.busy, height: 7, fill: "#0072B2" });
  shape(svg, "text", { x: left + full + 6, y: top + 8, fill: "#5b6670", "font-size": 11 }, percent(box.busy));
}

// Routed fabrics: routers as squares, links as lines, coloured from cold to hot by their load; the scale and words below.
function drawNetworks(id, views) {
  const LINE = 15, PATCH = 44;
  for (const view of views) {
    const width = Math.max(view.width, 360), height = view.height + LINE * (view.title.length + 3);
    const svg = shape(element(id), "svg", { viewBox: `0 0 ${width} ${height}`, width, role: "img", "aria-label": `load of ${view.path}` });
    for (const one of view.lines) {
      const d = `M${one.x1},${one.y1} Q${one.bend_x},${one.bend_y} ${one.x2},${one.y2}`;
      const line = shape(svg, "path", { d, fill: "none", stroke: one.colour, "stroke-width": 2 + 5 * one.utilization });
      shape(line, "title", {}, `link ${one.name}: ${percent(one.utilization)} of its cycles`);
    }
    for (const one of view.spots) {
      const half = view.side / 2;
      const box = shape(svg, "rect", { x: one.x - half, y: one.y - half, width: view.side, height: view.side, rx: 4, fill: one.colour, stroke: "#5b6670" });
      shape(box, "title", {}, `router ${one.name}: ${percent(one.utilization)} of its links; ${one.endpoints.join(", ") || "no endpoint"}`);
      shape(svg, "text", { x: one.x, y: one.y + 4, "text-anchor": "middle", fill: "#1b1f24" }, one.name);
      if (one.label) shape(svg, "text", { x: one.x, y: one.label_y, "text-anchor": "middle", "font-size": 11, fill: "#1b1f24", stroke: "#fff", "stroke-width": 3, "paint-order": "stroke" }, one.label);
    }
    view.legend.forEach((step, place) => {
      const x = 4 + place * (PATCH + 8);
      shape(svg, "rect", { x, y: view.height, width: PATCH, height: 10, fill: step.colour, stroke: "#5b6670", "stroke-width": 0.5 });
      shape(svg, "text", { x, y: view.height + 10 + LINE, "font-size": 11, fill: "#1b1f24" }, step.text);
    });
    view.title.forEach((text, place) => shape(svg, "text", { x: 4, y: view.height + LINE * (place + 3), fill: "#1b1f24" }, text));
  }
}
