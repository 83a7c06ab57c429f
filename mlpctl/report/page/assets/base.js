"use strict";
// What every script of the page uses. Data become text nodes, never HTML: what users typed stays text.

const state = {}; // what a reader has chosen, by id: it outlives a refresh of the data
const find = (id) => document.getElementById(id);

function make(tag, { attributes = {}, ...given } = {}, ...inside) {
  const node = Object.assign(document.createElement(tag), given);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...inside);
  return node;
}

// A column of the page: its values, one by one.
const decode = (column) =>
  column.values ?? column.codes.map((code) => (code < 0 ? null : column.levels[code]));

// A measured number as people read it: four digits.
function measured(value) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size > 1) return value.toLocaleString("en");
  if (size <= 1 && size >= 0.001) return value.toFixed(4);
  if (value === 0) return "0";
  return size >= 0.001 && size < 10000 ? String(Number(value.toPrecision(4))) : value.toPrecision(4);
}

// A value as somebody would have written it; a dash where a configuration does not have the axis.
const chosen = (value) =>
  value === null ? "—" : typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);

// Numbers by size, then words, then what is missing.
function compare(a, b) {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  const both = [Number(a), Number(b)];
  if (!Number.isNaN(both[0]) && !Number.isNaN(both[1])) return both[0] - both[1];
  if (Number.isNaN(both[0]) && Number.isNaN(both[1])) return String(a) < String(b) ? -1 : 1;
  return Number.isNaN(both[0]) ? 1 : -1;
}

function evenly(list, most) {
  if (list.length <= most) return list;
  return Array.from({ length: most }, (_, k) => list[Math.round((k * (list.length - 1)) / (most - 1))]);
}

function extent(values) {
  let low = Infinity, high = -Infinity; // no spread: there may be more values than a call takes
  for (const value of values) {
    if (value === null || value === undefined) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}
