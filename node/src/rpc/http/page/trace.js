// The way of one item through this node, as `trace_get` tells it: the steps with their times, who announced and sent it and
// why, and to whom it went. A node without this method, without item traces, or without a memory of the item, gets
// a sentence.

const TRACE_STEPS = [
  ["announced", "first announced"],
  ["asked", "asked for"],
  ["received", "body received"],
  ["checked", "signatures checked"],
  ["accepted", "accepted"],
  ["stored", "kept on disk"],
  ["relayed", "relayed first"],
];

const after = (us) => (known(us) ? `+ ${time(us / 1000)}` : DASH);
const whom = (peer) => (peer ? (peer.peer_id ? short(peer.peer_id) : `connection ${peer.handle}`) : "this node");

/** A table that is filled once. */
function traceTable(caption, columns, rows) {
  const table = make("table", {}, make("caption", {}, caption));
  let line = 0;
  fill(table, columns, rows, () => String((line += 1)));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
}

/** What to show of an answer of `trace_get`. */
function traceParts({ result: trace, error }) {
  const text = (words) => [make("p", { class: "how" }, words)];
  if (error?.code === NO_METHOD) return text("This node keeps no ways of items: it has no method trace_get.");
  if (error?.code === REFUSED) return text(`Nothing is shown of this item's way: ${error.message}.`);
  if (error?.code === NEEDS_COOKIE) return text("The way of an item is for the node's owner only.");
  if (error) return text(`The way of this item is not known: ${error.message}`);
  if (!trace) return text("The node does not remember how this item came.");
  const parts = [make("p", {}, trace.summary ?? trace.reason ?? trace.state ?? "")];
  const steps = TRACE_STEPS.filter(([step]) => known(trace.steps_us?.[step]));
  if (steps.length > 0) {
    const columns = [["Step", false, ([, words]) => words], ["After it was first heard of", true, ([step]) => after(trace.steps_us[step])]];
    parts.push(traceTable("Steps in this node", columns, steps));
  }
  const at = ["After", true, (event) => after(event.at_us)];
  const what = ["What", false, (event) => `${event.what}${event.duplicate ? ", a duplicate" : ""}`];
  const peer = (name) => [name, false, (event) => whom(event.peer)];
  const why = ["Why", false, (event) => event.cause ?? DASH];
  const more = (count) => (count > 0 ? `, and ${number(count)} more` : "");
  if (trace.arrivals?.length) {
    parts.push(traceTable(`Arrivals${more(trace.arrivals_left_out)}`, [at, what, peer("Peer"), why], trace.arrivals));
  }
  if (trace.departures?.length) {
    parts.push(traceTable(`Departures${more(trace.departures_left_out)}`, [at, what, peer("To")], trace.departures));
  }
  return parts;
}

/** The items that the node accepted last, the newest first, in the form of events; none if it keeps no ways. */
async function lastItems(count) {
  const [{ result }] = await ask(["trace_list", count]);
  return (result ?? []).filter(({ id, state }) => id && state === "accepted").map((item) => ({
    id: item.id,
    kind: item.kind,
    bytes: item.bytes,
    at_ms: Math.round(item.first_heard_unix_ms + (item.accepted_us ?? 0) / 1000),
  }));
}
