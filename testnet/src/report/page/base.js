"use strict";
// What all parts share: the two blocks of data, elements, and figures as words. Foreign words become text nodes only.

const byId = (id) => document.getElementById(id);
const report = JSON.parse(byId("report").textContent);
const extract = JSON.parse(byId("extract").textContent);
const SVG = byId("cdf").namespaceURI;
const DASH = "–";

/** An element with these attributes and children; a child that is no element becomes text. */
function make(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same inside a picture. */
function draw(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

function say(id, ...children) {
  byId(id).replaceChildren(...children);
}

/** Says how a part was computed. Names of report.json stand between backticks. */
function how(id, text) {
  say(id, ...text.split("`").map((part, at) => (at % 2 ? make("code", {}, part) : part)));
}

const known = (value) => value !== null && value !== undefined;

/** At most `digits` digits after the point, and commas between thousands. */
function number(value, digits = 3) {
  return known(value) ? value.toLocaleString("en-US", { maximumFractionDigits: digits }) : DASH;
}

/** A time with its unit, with three digits that say something. */
function time(ms) {
  if (!known(ms)) return DASH;
  const size = Math.abs(ms);
  // 999.6 ms would be shown as 1,000 ms.
  if (size >= 999.5) return `${digits3(ms / 1000)} s`;
  if (size < 0.9995 && size > 0) return `${digits3(ms * 1000)} µs`;
  return `${digits3(ms)} ms`;
}

function digits3(value) {
  const size = Math.abs(value);
  return number(value, size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

function share(value) {
  if (!known(value)) return DASH;
  // 99.999 % must not be shown as 100 %.
  return `${number(value === 1 ? 100 : Math.floor(value * 1e5) / 1e3)} %`;
}

const plural = (count, one) => `${number(count)} ${one}${count === 1 ? "" : "s"}`;

/** Fills a table: columns are [heading, is a number], rows are arrays of words. */
function table(id, caption, columns, rows) {
  const kind = (at) => (columns[at][1] ? { class: "number" } : {});
  const head = make("tr", {}, ...columns.map(([name], at) => make("th", { scope: "col", ...kind(at) }, name)));
  const body = rows.map((row) =>
    make("tr", {}, ...row.map((word, at) => make(at ? "td" : "th", at ? kind(at) : { scope: "row", ...kind(at) }, word))));
  say(id, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...body));
}

function swatch(className, text) {
  const picture = draw("svg", { class: "swatch", viewBox: "0 0 22 12", "aria-hidden": "true" });
  picture.append(draw("path", { d: "M0 6H22", class: className }));
  return make("span", {}, picture, text);
}

/** The kinds of items that took part, with their figures. */
const KINDS = [["transaction", report.tx, "one"], ["block", report.block, "two"]].filter(([, kind]) => kind.offered > 0);

/** The places of the nodes of a grid at which nothing arrived: they were killed, are adversaries, or cut off. */
function emptyRows(grid) {
  return new Set([...grid.nodes.keys()].filter((y) => grid.latency_us.every((column) => column[y] === null)));
}

/** Round times (1, 2 and 5 times powers of ten) between two times. */
function roundTimes(from, to) {
  const all = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power += 1) {
    for (const factor of [1, 2, 5]) all.push(factor * 10 ** power);
  }
  return all.filter((ms) => ms >= from * 0.9999 && ms <= to * 1.0001);
}
