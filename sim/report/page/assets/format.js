"use strict";
// How numbers are written, and the colours of things (Okabe and Ito's palette, which colour-blind readers can tell apart).
const PREFIXES = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"], [1e-12, "p"], [1e-15, "f"]];

function si(value, unit, digits = 3) {
  if (value === null || value === undefined) return "-";
  if (value === 0) return "0 " + unit;
  const [scale, prefix] = PREFIXES.find(([one]) => Math.abs(value) >= one * 0.9995) || PREFIXES[PREFIXES.length - 1];
  return Number((value / scale).toPrecision(digits)) + " " + prefix + unit;
}

function percent(share) { return share === null || share === undefined ? "-" : (100 * share).toFixed(1) + " %"; }

// A path without the outermost group, which all of them share.
function short(path) { return path === null || path === undefined ? "-" : path.slice(path.indexOf(".") + 1); }

function timeUnit(seconds) {
  return [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]].find(([one]) => seconds >= one) || [1e-9, "ns"];
}

const PALETTE = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999", "#332288", "#88CCEE", "#117733", "#882255"];
const KNOWN = {
  compute: "#0072B2", vector: "#332288", load: "#009E73", store: "#56B4E9", transfer: "#117733", collective: "#44AA99", pim: "#CC6677", busy: "#0072B2", idle: "#E3E8EC",
  operand: "#E69F00", result: "#F0E442", credit: "#CC79A7", bank: "#D55E00", bus: "#882255", link: "#AA4499",
  dependency: "#999999", refresh: "#DDCC77", launch: "#661100",
};
const OTHERS = ["#88CCEE", "#999933", "#AA4466", "#4477AA", "#EE8866", "#BBCC33", "#FFAABB", "#77AADD"];
const given = {};

function colour(name) {
  const bare = name.replace(/^stall:\s*/, "");
  if (KNOWN[bare]) return KNOWN[bare];
  if (!given[bare]) given[bare] = OTHERS[Object.keys(given).length % OTHERS.length];
  return given[bare];
}

function element(id) { return document.getElementById(id); }

// Patches of colour with their names, for charts whose own legend would not fit on a small screen.
function legend(names, colours) {
  const made = document.createElement("div");
  made.className = "legend";
  names.forEach((name, place) => {
    const mark = document.createElement("span");
    const patch = document.createElement("i");
    patch.style.background = colours[place];
    mark.append(patch, name);
    made.append(mark);
  });
  return made;
}

function options(select, pairs) {
  for (const [value, text] of pairs) select.add(new Option(text, value));
}

const DATA = JSON.parse(element("data").textContent);
