// The share of the wanted deliveries that had happened after each time. The corners of the curves are in the data; the
// marked percentiles are those of the report.

/** The left end of the axis is no lower than this, in milliseconds. */
const AXIS_MS_MIN = 0.01;

function drawCdf() {
  const picture = byId("cdf");
  const width = Math.max(320, Math.round(picture.getBoundingClientRect().width) || 900);
  const height = width < 600 ? 300 : 420;
  const box = { left: 52, right: width - 26, top: 20, bottom: height - 46 };
  picture.replaceChildren();
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  if (extract.curves.length === 0) {
    byId("cdf").toggleAttribute("hidden", true);
    how("cdf-how", "There is no curve, because deliveries.csv is not there or has no delivery with a time.");
    return;
  }
  const scale = cdfScale(box);
  cdfAxes(picture, box, scale, width);
  for (const curve of extract.curves) {
    const color = curve.kind === "block" ? "two" : "one";
    if (curve.floor.length) picture.append(stairs(curve.floor, scale, `series floor ${color}`));
    picture.append(stairs(curve.measured, scale, `series ${color}`));
  }
  for (const [name, kind, color] of KINDS) cdfMarks(picture, scale, name, kind, color, width);
}

function cdfScale(box) {
  const times = extract.curves.flatMap((curve) => [...curve.measured, ...curve.floor].map(([ms]) => ms));
  const low = Math.max(AXIS_MS_MIN, times.reduce((a, b) => Math.min(a, b)));
  const high = Math.max(low * 10, times.reduce((a, b) => Math.max(a, b)));
  const steps = roundTimes(low / 10, high * 10);
  const from = steps.filter((step) => step <= low).pop();
  const to = steps.find((step) => step >= high);
  const span = Math.log(to / from);
  return {
    from, to,
    x: (ms) => box.left + (Math.log(Math.max(ms, from) / from) / span) * (box.right - box.left),
    y: (part) => box.bottom - part * (box.bottom - box.top),
  };
}

function cdfAxes(picture, box, scale, width) {
  const every = roundTimes(scale.from, scale.to);
  // Where labels would touch, only the powers of ten have one.
  const crowded = (box.right - box.left) / every.length < 52;
  const power = (ms) => Math.abs(Math.log10(ms) - Math.round(Math.log10(ms))) < 1e-9;
  for (const ms of every) {
    const x = scale.x(ms);
    picture.append(draw("path", { class: "grid", d: `M${x} ${box.top}V${box.bottom}` }));
    if (!crowded || power(ms)) {
      picture.append(draw("text", { x, y: box.bottom + 18, "text-anchor": "middle" }, time(ms)));
    }
  }
  for (let percent = 0; percent <= 100; percent += 20) {
    const y = scale.y(percent / 100);
    picture.append(draw("path", { class: "grid", d: `M${box.left} ${y}H${box.right}` }));
    picture.append(draw("text", { x: box.left - 6, y: y + 4, "text-anchor": "end" }, `${percent} %`));
  }
  picture.append(draw("path", { class: "axis-line", fill: "none", d: `M${box.left} ${box.top}V${box.bottom}H${box.right}` }));
  const name = width < 600 ? "time since submission, logarithmic → share ↑" : "time since submission (logarithmic) → share of wanted deliveries ↑";
  picture.append(draw("text", { class: "dim", x: (box.left + box.right) / 2, y: box.bottom + 38, "text-anchor": "middle" }, name));
}

/** A share stays the same until the next time. */
function stairs(corners, scale, className) {
  let path = `M${scale.x(scale.from).toFixed(1)} ${scale.y(0).toFixed(1)}`;
  for (const [ms, part] of corners) path += `H${scale.x(ms).toFixed(1)}V${scale.y(part).toFixed(1)}`;
  return draw("path", { class: className, d: `${path}H${scale.x(scale.to).toFixed(1)}` });
}

function cdfMarks(picture, scale, name, kind, color, width) {
  const reached = kind.expected > 0 ? kind.delivered / kind.expected : 0;
  for (const percent of [50, 95, 99]) {
    const ms = kind.latency_ms[`p${percent}`];
    if (!known(ms)) continue;
    const [x, y] = [scale.x(ms), scale.y((reached * percent) / 100)];
    // The slower kind has its labels to the right, and the faster one to the left.
    const right = KINDS.every(([, other]) => (other.latency_ms[`p${percent}`] ?? 0) <= ms);
    const near = x > width - 60 ? false : right;
    picture.append(draw("circle", { cx: x, cy: y, r: 4, class: `dot-${color}` },
      draw("title", {}, `p${percent} of ${name}s: ${time(ms)}`)));
    const at = { x: near ? x + 8 : x - 8, y: percent === 99 ? y - 3 : y + 12, "text-anchor": near ? "start" : "end" };
    picture.append(draw("text", at, `p${percent}`));
  }
}

function tellCdf() {
  byId("cdf-section").hidden = KINDS.length === 0;
  const curves = (curve) => {
    const color = curve.kind === "block" ? "two" : "one";
    const shown = [swatch(`series ${color}`, `${curve.kind}s, measured`)];
    if (curve.floor.length) shown.push(swatch(`series floor ${color}`, `${curve.kind}s, the earliest possible`));
    return shown;
  };
  say("cdf-legend", ...extract.curves.flatMap(curves));
  const floors = extract.curves.some((curve) => curve.floor.length);
  how("cdf-how", "How it was computed: each delivery of deliveries.csv is one step of the curve at its latency, from " +
    "submission at the origin to acceptance at the node; the whole is `expected` of report.json, so a curve that ends " +
    "below 100 % has missing deliveries." +
    (floors ? " The dashed floor is the shortest path over the network's links without jitter for the same deliveries, so jitter may bring an item a little earlier." : ""));
  const rows = [];
  for (const [name, kind] of KINDS) {
    const row = (what, p) => rows.push([`${name}, ${what}`, ...[p.p50, p.p90, p.p95, p.p99, p.max].map(time)]);
    row("to each node", kind.latency_ms);
    row("to the last node", kind.to_all_ms);
    if (known(kind.warm.latency_ms.p50)) row("to each node, warm", kind.warm.latency_ms);
    const s = kind.stretch;
    if (known(s.p50)) {
      const times = (value) => (known(value) ? `${number(value, 2)} ×` : DASH);
      rows.push([`${name}, over the floor`, times(s.p50), DASH, times(s.p95), times(s.p99), DASH]);
    }
  }
  table("latencies", "Latency", [["", false], ["p50", true], ["p90", true], ["p95", true], ["p99", true], ["max", true]], rows);
  say("cdf-text", KINDS.map(([name, kind]) =>
    `${name}s: p50 ${time(kind.latency_ms.p50)}, p95 ${time(kind.latency_ms.p95)}, p99 ${time(kind.latency_ms.p99)}.`).join(" "));
}
