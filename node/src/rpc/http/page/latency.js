// How long items take, as a histogram. A bar counts the items whose time was between two bounds, of which each is twice the
// one before. The first is counted here, from the events of blocks. The others are the node's metrics, since its start.

const LATENCIES = [
  ["age of a block at its acceptance here", null, {},
    "Since this page was opened: from the block's time stamp, by its producer's clock, to its acceptance, by this node's clock. " +
    "Blocks that the node fetches to catch up count as well. A transaction has no time stamp, so its age is not known."],
  ["age of a block at its first announcement here", "block_age_seconds", {},
    "Since the node was started: from the block's time stamp to its first announcement. A block that is pushed before it is " +
    "announced is not counted here."],
  ["announcement of a transaction to its body", "announcement_to_body_seconds", { kind: "transaction" },
    "A transaction that a peer pushes has no announcement before its body, and is not counted here."],
  ["announcement of a block to its body", "announcement_to_body_seconds", { kind: "block" }, ""],
  ["body of a transaction to its acceptance", "body_to_acceptance_seconds", { kind: "transaction" },
    "This time goes to the check of its signature, and to waiting for that."],
  ["body of a block to its acceptance", "body_to_acceptance_seconds", { kind: "block" },
    "This time goes to the checks of its signatures, and to its place in the chain."],
];

let latencyMetrics = null;
/** Blocks by the upper bound of their age, in milliseconds. */
const blockAges = new Map();

/** A block was accepted at this age. */
function tellAge(ms) {
  const to = 2 ** Math.ceil(Math.log2(Math.max(1, ms)));
  blockAges.set(to, (blockAges.get(to) ?? 0) + 1);
}

function ageBars() {
  if (blockAges.size === 0) return [];
  const [least, most] = [Math.min(...blockAges.keys()), Math.max(...blockAges.keys())];
  const bars = [];
  for (let to = least; to <= most; to *= 2) bars.push({ from: to === 1 ? 0 : to / 2, to, count: blockAges.get(to) ?? 0 });
  return bars;
}

/** The bars: items between a lower and an upper bound, in milliseconds. Empty ones at both ends are left out. */
function latencyBars([, name, labels]) {
  if (name === null) return ageBars();
  const buckets = latencyMetrics?.get(`${name}_bucket`) ?? [];
  const found = buckets.filter(([of]) => !labels.kind || of.kind === labels.kind);
  let before = 0;
  let from = 0;
  const bars = found.map(([of, until]) => {
    const bar = { from, to: of.le === "+Inf" ? Infinity : Number(of.le) * 1000, count: until - before };
    before = until;
    from = bar.to;
    return bar;
  });
  const first = bars.findIndex((bar) => bar.count > 0);
  const last = bars.findLastIndex((bar) => bar.count > 0);
  return first < 0 ? [] : bars.slice(first, last + 1);
}

/** The upper bound of the bar in which this share of all items is reached. */
function latencyWithin(bars, wanted) {
  const all = bars.reduce((count, bar) => count + bar.count, 0);
  let count = 0;
  return bars.find((bar) => (count += bar.count) >= all * wanted)?.to ?? Infinity;
}

const bound = (ms) => (ms === Infinity ? "more" : time(ms));

function tellLatency(metrics) {
  latencyMetrics = metrics ?? latencyMetrics;
  const chosen = LATENCIES[byId("latency-of").selectedIndex] ?? LATENCIES[0];
  const bars = latencyBars(chosen);
  const all = bars.reduce((count, bar) => count + bar.count, 0);
  say(byId("latency-text"), all === 0
    ? `No item had this time yet: ${chosen[0]}.`
    : `${plural(all, "item")}: half within ${bound(latencyWithin(bars, 0.5))}, 95 % within ${bound(latencyWithin(bars, 0.95))} (bounds of the bars).`);
  say(byId("latency-how"), chosen[3]);
  byId("latency-figure").hidden = byId("latency-details").hidden = all === 0;
  if (all > 0) drawLatency(bars);
  const words = (bar) => (bar.to === Infinity ? `over ${time(bar.from)}` : `${time(bar.from)} to ${time(bar.to)}`);
  fill(byId("latency-table"), [["Time", false, words], ["Items", true, (bar) => number(bar.count)]], bars, (bar) => String(bar.to));
}

function drawLatency(bars) {
  const picture = byId("latency");
  const width = Math.min(picture.parentElement.clientWidth || 600, 800);
  const [height, left, right, top, bottom] = [220, 56, 28, 26, 46];
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const most = Math.max(...bars.map((bar) => bar.count));
  const step = Math.min((width - left - right) / bars.length, 70);
  const y = (count) => height - bottom - (count / most) * (height - top - bottom);
  const heights = [...new Set([0, Math.round(most / 2), most])];
  const parts = heights.flatMap((count) => [
    draw("path", { class: "grid", d: `M${left} ${y(count)}H${width - right}` }),
    draw("text", { x: left - 6, y: y(count) + 4, "text-anchor": "end", class: "dim" }, number(count)),
  ]);
  const tick = (x, words) => draw("text", { x, y: height - bottom + 16, "text-anchor": "middle", class: "dim" }, words);
  // Labels need some 50 units each.
  const every = Math.max(1, Math.ceil(52 / step));
  bars.forEach((bar, at) => {
    const x = left + at * step;
    const size = { x: x + 1, y: y(bar.count), width: Math.max(1, step - 2), height: height - bottom - y(bar.count) };
    const words = `${time(bar.from)} to ${bound(bar.to)}: ${plural(bar.count, "item")}`;
    parts.push(draw("rect", { class: "bar", ...size }, draw("title", {}, words)));
    if (at % every === 0) parts.push(tick(x, time(bar.from)));
    if (at === bars.length - 1 && bars.length % every === 0) parts.push(tick(x + step, bound(bar.to)));
  });
  parts.push(
    draw("path", { class: "axis-line", d: `M${left} ${height - bottom}H${width - right}` }),
    draw("text", { x: left, y: 14, class: "dim" }, "↑ items"),
    draw("text", { x: width - right, y: height - 8, "text-anchor": "end", class: "dim" }, "time, each bar twice the one before →"),
  );
  picture.replaceChildren(...parts);
}

function startLatency() {
  const choice = byId("latency-of");
  choice.append(...LATENCIES.map(([name]) => make("option", {}, name)));
  choice.addEventListener("change", () => tellLatency());
  window.addEventListener("resize", () => requestAnimationFrame(() => tellLatency()));
}
