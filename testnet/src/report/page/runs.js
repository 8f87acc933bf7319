// The page of several runs: a line for each run's latencies, the medians over seeds, and a table of all runs.

const PERCENTILES = ["p50", "p95", "p99"];
const STEP = 26;

const several = (values) => values.filter(known);

function median(values) {
  const sorted = several(values).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.ceil(sorted.length / 2) - 1] : null;
}

function tellRuns() {
  const title = `${plural(report.all, "run")}${report.parameter ? `, by ${report.parameter}` : ""}`;
  say("title", title);
  document.title = `Hearsay: ${title}`;
  say("subtitle", report.kind === "compare" ? "a comparison of engines and policies on the same work" : "one scenario, with several values or seeds");
  const warn = [];
  const count = (what, rule) => {
    const found = report.rows.filter(rule).length;
    if (found > 0) warn.push(`${plural(found, "run")} ${what}.`);
  };
  count("of a machine that was too slow (starved)", (row) => row.starved);
  count("not valid", (row) => !row.valid);
  count("with violations", (row) => row.violations > 0);
  if (report.rows.length < report.all) warn.push(`Only the first ${number(report.rows.length)} are shown; report.json and sweep.csv have all.`);
  say("warnings", ...warn.map((text) => make("p", { class: "warning" }, text)));
  say("command", report.command);
}

/** The words that tell a run from the others. */
const nameOf = (row) => [row.name, report.seeds ? `seed ${row.seed}` : ""].filter((word) => word).join(", ");

function drawRuns() {
  const kind = byId("figure").value;
  const rows = report.rows.filter((row) => known(row[kind].p50));
  const picture = byId("cdf");
  picture.replaceChildren();
  const times = rows.flatMap((row) => several(PERCENTILES.map((p) => row[kind][p]))).map((ms) => Math.max(0.01, ms));
  if (times.length === 0) return say("cdf-text", "No run has latencies.");
  const [low, high] = [Math.min(...times) / 1.1, Math.max(...times) * 1.1];
  const [left, top] = [220, 30];
  const width = Math.max(560, Math.min(1068, picture.parentElement.clientWidth || 900));
  const height = top + rows.length * STEP + 10;
  const x = (ms) => left + (Math.log(Math.max(0.01, ms) / low) / Math.log(high / low)) * (width - left - 30);
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  picture.style.width = `${width}px`;
  for (const ms of roundTimes(low, high)) {
    picture.append(draw("path", { class: "grid", d: `M${x(ms)} ${top - 8}V${height}` }));
    picture.append(draw("text", { class: "dim", x: x(ms), y: 14, "text-anchor": "middle" }, time(ms)));
  }
  rows.forEach((row, at) => {
    const y = top + at * STEP + STEP / 2;
    const { p50, p95, p99 } = row[kind];
    picture.append(draw("text", { x: left - 10, y: y + 4, "text-anchor": "end" }, nameOf(row).slice(0, 34)));
    picture.append(draw("path", { class: "series one", d: `M${x(p50)} ${y}H${x(p99 ?? p95 ?? p50)}` }));
    picture.append(draw("circle", { class: "dot-one", cx: x(p50), cy: y, r: 5 }));
    if (known(p95)) picture.append(draw("circle", { class: "dot-two", cx: x(p95), cy: y, r: 4 }));
    if (known(p99)) picture.append(draw("path", { class: "series one", d: `M${x(p99)} ${y - 6}V${y + 6}` }));
  });
  say("cdf-text", `${plural(rows.length, "run")}; the table below has the same figures.`);
}

function tellValues() {
  const groups = new Map();
  for (const row of report.rows) groups.set(row.name, [...(groups.get(row.name) ?? []), row]);
  if (!report.seeds || groups.size === report.rows.length) return;
  byId("values-section").hidden = false;
  const kind = byId("figure").value;
  const range = (rows, figure, words) => {
    const values = several(rows.map(figure));
    return values.length ? `${words(median(values))} (${words(Math.min(...values))} to ${words(Math.max(...values))})` : DASH;
  };
  table("values", "Median, least and most over the seeds", [[report.parameter || "runs", false], ["seeds", true], ["p50", true], ["p95", true],
    ["p99", true], ["bytes a delivery", true], ["redundancy", true]],
  [...groups].map(([name, rows]) => [name || "all", number(rows.length), ...PERCENTILES.map((p) => range(rows, (row) => row[kind][p], time)),
    range(rows, (row) => row.wire_bytes_per_delivery, (value) => number(value, 0)), range(rows, (row) => row[kind].redundancy, (value) => number(value, 2))]));
  how("values-how", "How it was computed: each figure's median, lowest and highest value over the runs of all seeds. Of an even " +
    "number of runs, the lower of the two in the middle is the median.");
}

function tellTable() {
  const kind = byId("figure").value;
  table("runs", "Every run", [["run", false], ["coverage", true], ["p50", true], ["p95", true], ["p99", true], ["max", true], ["redundancy", true],
    ["bytes a delivery", true], ["wire ratio", true], ["violations", true]],
  report.rows.map((row) => [nameOf(row) || `seed ${row.seed}`, share(row[kind].coverage), ...[...PERCENTILES, "max"].map((p) => time(row[kind][p])),
    number(row[kind].redundancy), number(row.wire_bytes_per_delivery, 1), number(row.wire_ratio), number(row.violations)]));
  how("runs-how", "How it was computed: values of the runs in report.json; sweep.csv has them as a table for programs.");
}

function showRuns() {
  drawRuns();
  tellValues();
  tellTable();
}

for (const [name, key] of [["transactions", "tx"], ["blocks", "block"]].filter(([, key]) => report[key].offered > 0)) {
  byId("figure").append(make("option", { value: key }, name));
}
if (byId("figure").options.length === 0) byId("figure").append(make("option", { value: "tx" }, "transactions"));
byId("figure").addEventListener("change", showRuns);
say("cdf-legend", swatch("series one", "from the median (dot) to the p99 (end)"), swatch("series two", "p95 (second dot)"));
how("cdf-how", "How it was computed: `latency_ms` of each run in report.json, on a logarithmic axis.");
tellRuns();
showRuns();
let waiting = 0;
window.addEventListener("resize", () => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(drawRuns);
});
