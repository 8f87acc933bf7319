// The figures since the beginning, the curve against the floor, bytes by cause, and the slowest node and link.

function card(name, value, small = "") {
  return make("div", {}, make("dt", {}, name), make("dd", {}, value, make("small", {}, small)));
}

function drawFigures() {
  const [tx, block] = run.figures;
  const reached = (kind) => (kind.expected > 0 ? share(Math.min(1, kind.delivered / kind.expected)) : DASH);
  const cards = [
    card("transactions", number(tx.submitted), `${reached(tx)} of deliveries`),
    card("p50 to each node", time(tx.p50_ms), "transactions"),
    card("p95", time(tx.p95_ms), "transactions"),
    card("p99", time(tx.p99_ms), "transactions"),
    card("redundancy", number(tx.redundancy, 2), "unneeded bodies for each needed one"),
  ];
  if (block.submitted > 0) {
    cards.push(card("blocks", number(block.submitted), `${reached(block)} of deliveries`), card("p95", time(block.p95_ms), "blocks"));
  }
  say("cards", ...cards);
  drawCurves(tx, block);
}

/** How long a link of the floor takes. */
function floorOf(measured) {
  return measured?.startsWith("the fastest") ? "as long as the fastest message on it so far" : "its delay, without jitter";
}

/** The curve is drawn by the report's own code, from figures in the report's form. */
function drawCurves(tx, block) {
  const kinds = [["transaction", tx, report.tx], ["block", block, report.block]];
  extract.curves = [];
  for (const [kind, live, figures] of kinds) {
    Object.assign(figures, {
      expected: live.expected, delivered: Math.min(live.delivered, live.expected),
      latency_ms: { p50: live.p50_ms, p95: live.p95_ms, p99: live.p99_ms },
    });
    if (live.curve.length) extract.curves.push({ kind, measured: live.curve, floor: live.floor });
  }
  if (extract.curves.length === 0) return;
  drawCdf();
  const color = (curve) => (curve.kind === "block" ? "two" : "one");
  say("cdf-legend", ...extract.curves.flatMap((curve) => [
    swatch(`series ${color(curve)}`, `${curve.kind}s`),
    ...(curve.floor.length ? [swatch(`series floor ${color(curve)}`, "the earliest possible")] : []),
  ]));
  const floors = extract.curves.some((curve) => curve.floor.length);
  how("cdf-how", "Deliveries of items that every node has, or that have had 3 s." +
    (floors ? ` The floor is the shortest path over the open links; a link takes ${floorOf(run.hello?.measured)}.` : " No floor is known yet."));
  say("cdf-text", extract.curves.map((curve) => `${curve.kind}s: ${number(curve.measured.length)} steps`).join(", "));
}

function bar(name, bytes, whole, rest) {
  const line = make("i", rest ? { class: "rest" } : {});
  line.style.width = `${(100 * bytes) / Math.max(1, whole)}%`;
  return make("div", { class: "bar" }, make("span", {}, name), make("span", {}, line), make("span", {}, sized(bytes)));
}

function sized(bytes) {
  if (bytes >= 1048576) return `${number(bytes / 1048576, 1)} MiB`;
  return bytes >= 1024 ? `${number(bytes / 1024, 1)} KiB` : `${number(bytes)} B`;
}

function drawBytes() {
  const { read, needed, unneeded, announced, per_s: perSecond } = run.bytes;
  if (read + needed === 0) {
    say("bytes");
    how("bytes-how", run.hello?.kind === "sim" ? "A simulation keeps no times of bytes; the report has their sum." : "No node has told its bytes yet.");
    return;
  }
  const bodies = needed + unneeded;
  const whole = Math.max(read, bodies);
  const rows = [["bodies, needed", needed], ["bodies, not needed", unneeded, true]];
  const { relay, repair, sync, members, link } = run.bytes;
  const told = relay + repair + sync + members + link;
  if (told > 0) {
    // Counters are read one after the other, so a difference may be a little below nothing.
    const rest = (all, part) => Math.max(0, all - part);
    rows.push(["announcements, requests", rest(relay, bodies)], ["reconciliation", repair], ["catching up", sync],
      ["membership", members], ["acks, pings", link], ["discovery, libp2p", rest(whole, Math.max(told, bodies))]);
  } else {
    rows.push(["all else", whole - bodies]);
  }
  say("bytes", ...rows.map(([name, count, rest]) => bar(name, count, whole, rest)));
  how("bytes-how", `Read by all nodes below the encryption: ${sized(read)}, ${sized(perSecond)} in the last second, with ` +
    `${plural(announced, "announcement")}. ${told > 0 ? "The last row is all that is in no message of the gossip: discovery, libp2p's own protocols, and encryption."
      : "All else is announcements, requests, members, discovery and encryption."}`);
}

function drawSlow() {
  const { node, link } = run.slow;
  say("slow-node", node ? `node ${node.n}, p95 ${time(node.p95_ms)}: ${node.why}.` : "Too few deliveries to say.");
  say("slow-link", link ? `${link.from} → ${link.to}, median ${time(link.p50_ms)} from acceptance to acceptance: ${link.why}.` : "Too few deliveries to say.");
}

function drawNodes() {
  tellNode();
  if (!byId("nodes").closest("details").open) return;
  table("nodes", "Nodes", [["node", true], ["state", false], ["links", true], ["height", true], ["items", true], ["p95", true], ["timer late", true]],
    run.nodes.map((node) => [node.n, node.state, node.links, number(node.height), number(node.items), time(node.p95_ms), time(node.late_ms)]));
}
