// Why items came, where the time of their hops went, and what late deliveries are due to: `causes` of report.json.

/** How an item came, by the cause of its coming. */
const COMING = {
  pushed: ["author-route", "entry-route", "graft", "new-route", "policy"],
  fetched: ["after-grace", "announced", "retry", "sketch", "list", "catch-up"],
  enclosed: ["within-block"],
};

function causeName(cause) {
  const found = Object.entries(COMING).find(([, causes]) => causes.includes(cause));
  return found ? `${found[0]} (${cause})` : cause;
}

const orNothing = (blame) => blame || "nothing found";

function tellCauses() {
  const { causes } = report;
  if (!causes) return;
  byId("causes-section").hidden = false;
  tellTime(causes);
  tellByCause(causes);
  byId("late-section").hidden = false;
  tellBlame(causes);
  tellSlowest(causes);
}

function tellTime(causes) {
  const { queue, wait, floor, processor, link, verify } = causes.time_ms;
  const parts = [["queue", queue], ["waiting", wait], ["link, its delay", floor], ["link, a busy processor", processor],
    ["link, the rest", link], ["verification", verify]].map(([name, ms]) => [name, Math.max(0, ms)]);
  const sum = parts.reduce((all, [, ms]) => all + ms, 0) || 1;
  const most = Math.max(1e-9, ...parts.map(([, ms]) => ms));
  say("time", make("h3", {}, "Where the time of all hops went"),
    ...parts.map(([name, ms]) => bar(name, ms, most, `${number((100 * ms) / sum, 1)} %`)));
  how("time-how", "How it was computed: `causes.time_ms` of report.json, the sums over all hops of hops.csv. A queue is the " +
    "time in which the neighbour had the item and had sent nothing; waiting is the time in which the node knew of the item " +
    "and the body was not on its way.");
}

function tellByCause(causes) {
  const rows = [...causes.by_cause.map((row) => [causeName(row.cause), row.bytes, row.hops]),
    ["bodies for nothing", causes.needless.bytes, causes.needless.count]];
  const most = Math.max(1e-9, ...rows.map(([, bytes]) => bytes));
  say("cause-bytes", make("h3", {}, "Bytes of items, by the cause of their coming"),
    ...rows.map(([name, bytes], at) => bar(name, bytes, most, `${number(bytes / 1024, 1)} KiB`, at === rows.length - 1 ? "rest" : "")));
  how("cause-bytes-how", "How it was computed: `causes.by_cause` and `causes.needless` of report.json: the encoded length of " +
    "items, without what carries them. A transaction inside a block counts with its own length. The wire's other bytes are not divided.");
  table("causes", "Hops by cause", [["cause", false], ["hops", true], ["p50", true], ["p95", true], ["max", true]],
    causes.by_cause.map((row) => [causeName(row.cause), number(row.hops), time(row.hop_ms.p50), time(row.hop_ms.p95), time(row.hop_ms.max)]));
  say("causes-text", `${plural(causes.announcements, "announcement")} were received.`);
}

function tellBlame(causes) {
  const all = causes.by_cause.reduce((sum, row) => sum + row.hops, 0);
  say("late-text", `${number(causes.late)} of ${plural(all, "delivery").replace("deliverys", "deliveries")} are late: a hop on ` +
    `their way lost ${time(causes.late_from_ms)} or more.`);
  const rows = causes.to_blame.map((row) => [
    [row.what, row.nodes.join("-")].join(" ").trim(), number(row.late), time(row.lost_ms.p50), row.why,
  ]);
  byId("blame").hidden = rows.length === 0;
  table("blame", "What late deliveries are due to", [["", false], ["late", true], ["lost, p50", true], ["evidence", false]], rows);
  how("blame-how", "How it was computed: `causes.to_blame` of report.json. The hop of a delivery's way that lost the most decides. " +
    "docs/MEASURING.md has the rules, and says what they can't know.");
}

function tellSlowest(causes) {
  const rows = causes.slowest.flatMap((one) => one.hops.map((step, at) => [
    at ? "" : `${one.kind} ${one.item} at node ${one.node}`, at ? "" : time(one.latency_ms), `${step.from} → ${step.node}`,
    causeName(step.cause), time(step.hop_ms), time(step.queue_ms), time(step.wait_ms), time(step.link_ms), time(step.floor_ms),
    time(step.verify_ms), step.blame,
  ]));
  table("slowest", "The slowest deliveries, hop by hop", [["delivery", false], ["latency", true], ["hop", false], ["cause", false],
    ["took", true], ["queue", true], ["waiting", true], ["link", true], ["its floor", true], ["verification", true], ["slow because of", false]], rows);
  table("late-links", "The links that are the furthest above their delay", [["from", true], ["to", true], ["late, median", true],
    ["delay", true], ["messages", true], ["because of", false]],
  causes.links.map((one) => [one.from, one.node, time(one.late_ms), time(one.floor_ms), number(one.messages), orNothing(one.blame)]));
  table("late-nodes", "The nodes that get items last", [["node", true], ["p95", true], ["messages to it late", true],
    ["its timer late, p95", true], ["because of", false]],
  causes.nodes.map((one) => [one.node, time(one.p95_ms), time(one.messages_late_ms), time(one.timer_late_ms), orNothing(one.blame)]));
}
