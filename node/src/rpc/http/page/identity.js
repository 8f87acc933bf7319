// Who the node is, and its state in short: cards with the figures that an operator looks at first, and warnings.

/** A rate is that of at least this time, in seconds. In a shorter one, a single frame would look like much. */
const RATE_OVER = 0.9;

/** The bytes of the transport when a rate was last computed, and that rate. */
let wireBefore = null;

/** The rates of the transport, in bytes a second; null before the second look. */
function rates(status) {
  const before = wireBefore;
  const took = before ? status.uptime_s - before.uptime : Infinity;
  if (took < RATE_OVER) return before.rate;
  const rate = before && { in: (status.wire_in - before.in) / took, out: (status.wire_out - before.out) / took };
  wireBefore = { uptime: status.uptime_s, in: status.wire_in, out: status.wire_out, rate };
  return rate;
}

function tellIdentity(status) {
  say(byId("name"), short(status.peer_id));
  document.title = `Hearsay node ${short(status.peer_id)} · height ${number(status.tip_height)}`;
  const rate = rates(status);
  const perSecond = (value) => (rate ? `${bytes(Math.round(value))}/s` : DASH);
  const outbound = `${number(status.peers_out)} of ${number(status.peers_out_target)} dialled, ${number(status.peers_in)} dialled this node`;
  tellCards([
    ["Height", number(status.tip_height), `best known: ${number(status.best_known_height)}`],
    ["Peers", number(status.peers_in + status.peers_out), outbound],
    ["Mempool", plural(status.mempool_transactions, "transaction"), bytes(status.mempool_bytes)],
    ["Received", perSecond(rate?.in), `${bytes(status.wire_in)} since the start`],
    ["Sent", perSecond(rate?.out), `${bytes(status.wire_out)} since the start`],
    ["Memory, at its peak", bytes(status.rss_peak), "resident"],
    ["Running for", span(status.uptime_s), `version ${status.version}`],
    ["Network", status.network, `relays by ${status.relay}`],
  ]);
  sayFacts(byId("identity"), [
    ["Peer id", status.peer_id],
    ["Public key", status.public_key],
    ["Last block", status.tip_id],
    ["Listens on", status.listen.join("\n") || "nothing: nobody can join through this node"],
    ["Seen at", status.observed.map((seen) => `${seen.ip} (by ${plural(seen.peers, "peer")})`).join(", ") || DASH],
    ["Bodies kept from", `height ${number(status.kept_from_height)}`],
    ["Banned", `${number(status.bans.length)} peers and addresses`],
  ]);
  tellWarnings(status);
}

function tellCards(cards) {
  const list = byId("cards");
  if (list.children.length !== cards.length) {
    const card = ([name]) => make("div", {}, make("dt", {}, name), make("dd", {}, make("span"), make("small")));
    list.replaceChildren(...cards.map(card));
  }
  cards.forEach(([, figure, note], at) => {
    const [first, second] = list.children[at].lastChild.children;
    say(first, figure);
    say(second, note);
  });
}

function tellWarnings(status) {
  const warnings = [];
  if (status.behind) warnings.push(`The node is behind: ${status.behind.text}.`);
  if (status.equivocations > 0) {
    warnings.push("A producer signed two blocks for one height: the command “node evidence” shows the headers.");
  }
  const box = byId("warnings");
  if (box.textContent !== warnings.join("")) box.replaceChildren(...warnings.map((text) => make("p", { class: "warning" }, text)));
}
