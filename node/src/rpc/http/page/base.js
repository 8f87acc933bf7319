"use strict";
// What all parts share: elements, tables that keep their rows, and figures as words with their units. Words that come from
// the node or its peers become text nodes only.

const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const DASH = "–";

/** An element with these attributes and children; a child that is no element becomes text. */
const make = (name, attributes = {}, ...children) => filled(document.createElement(name), attributes, children);

/** The same inside a picture. */
const draw = (name, attributes = {}, ...children) => filled(document.createElementNS(SVG, name), attributes, children);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

/** Puts words into an element, if they differ from those that are there. So a reader's selection stays. */
function say(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/** Pairs of a name and words as a list. Their order does not change. */
function sayFacts(list, facts) {
  const same = list.children.length === facts.length * 2 && facts.every(([name], at) => list.children[at * 2].textContent === name);
  if (!same) list.replaceChildren(...facts.flatMap(([name]) => [make("dt", {}, name), make("dd")]));
  facts.forEach(([, words], at) => say(list.children[at * 2 + 1], words));
}

const known = (value) => value !== null && value !== undefined;

/** At most `digits` digits after the point, and commas between thousands. */
const number = (value, digits = 0) => (known(value) ? value.toLocaleString("en-US", { maximumFractionDigits: digits }) : DASH);

const digits3 = (value) => number(value, value >= 100 ? 0 : value >= 10 ? 1 : 2);

/** A time in milliseconds with its unit. */
function time(ms) {
  if (!known(ms)) return DASH;
  if (ms >= 999.5) return `${digits3(ms / 1000)} s`;
  return ms > 0 && ms < 0.9995 ? `${digits3(ms * 1000)} µs` : `${digits3(ms)} ms`;
}

/** Bytes with their unit: KiB are 1,024 bytes. */
function bytes(count) {
  if (!known(count)) return DASH;
  if (count < 1024) return `${number(count)} B`;
  const power = Math.min(Math.floor(Math.log2(count) / 10), 4);
  return `${digits3(count / 1024 ** power)} ${["", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

/** A span in seconds, in its two largest units. */
function span(seconds) {
  if (!known(seconds)) return DASH;
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = parts.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  let left = Math.floor(seconds);
  const words = [];
  for (const [unit, size] of parts.slice(first, first + 2)) {
    words.push(`${Math.floor(left / size)} ${unit}`);
    left %= size;
  }
  return words.join(" ");
}

const share = (part, whole) => (whole > 0 ? `${number((part / whole) * 100, 1)} %` : DASH);
const plural = (count, one) => `${number(count)} ${one}${count === 1 ? "" : "s"}`;

/** The beginning of an id of 64 digits, or the end of a peer id, whose beginnings are alike. */
const short = (id) => (/^[0-9a-f]{64}$/.test(id) ? `${id.slice(0, 10)}…` : `…${id.slice(-8)}`);

/** A time of day, with milliseconds. */
const clock = (ms) => `${new Date(ms).toLocaleTimeString("en-GB")}.${String(Math.floor(ms % 1000)).padStart(3, "0")}`;

/** Fills a table: columns are [heading, is a number, words or element of a row]. A row keeps its element by its key. */
function fill(table, columns, rows, keyOf) {
  const kind = (at) => (columns[at][1] ? { class: "number" } : {});
  if (!table.tHead) {
    const head = columns.map(([name], at) => make("th", { scope: "col", role: "columnheader", ...kind(at) }, name));
    table.append(make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...head)), make("tbody", { role: "rowgroup" }));
    // On a narrow screen rows are blocks, and a browser would no longer take them for a table.
    table.setAttribute("role", "table");
  }
  const body = table.tBodies[0];
  const wasThere = body.rows.length > 0;
  const before = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  rows.forEach((row, place) => {
    const key = keyOf(row);
    let line = before.get(key);
    before.delete(key);
    if (!line) {
      const role = (at) => (at ? { role: "cell" } : { scope: "row", role: "rowheader" });
      const cells = columns.map(([name], at) =>
        make(at ? "td" : "th", { ...role(at), ...kind(at), "data-label": name }, make("span")));
      line = make("tr", { "data-key": key, role: "row", ...(wasThere ? { class: "fresh" } : {}) }, ...cells);
    }
    columns.forEach(([, , words], at) => {
      const cell = line.cells[at].firstChild;
      const found = words(row);
      if (!(found instanceof Node)) say(cell, String(found));
      else if (!cell.firstElementChild) cell.replaceChildren(found);
    });
    if (body.rows[place] !== line) body.insertBefore(line, body.rows[place] ?? null);
  });
  for (const line of before.values()) line.remove();
  table.hidden = rows.length === 0;
}
