// The parts without a drawing surface: headline, slowest nodes and links, costs, comparison, configuration.

function tellHeadline() {
  const title = `${report.kind === "sim" ? "Simulation" : "Run"} of ${plural(report.nodes, "node")}, relay ${report.relay}`;
  say("title", title);
  document.title = `Hearsay: ${title}`;
  say("subtitle", [`engine ${report.engine}`, `topology ${report.topology}`, `wan ${report.wan}`, `seed ${report.seed}`].join(" · "));
  const warn = [];
  if (report.starved) warn.push("STARVED: the machine was too slow for the load, so latencies are the machine's, not the protocol's.");
  for (const why of report.invalid_because) warn.push(`INVALID: ${why}`);
  if (report.by_hand) warn.push("DRIVEN BY HAND: a person changed this run, so its figures can't be compared with those of another.");
  if (report.echoes > 0) warn.push(`ECHO: ${plural(report.echoes, "send")} went back to where the item had come from.`);
  for (const [name, kind] of KINDS) {
    if (kind.expected > kind.delivered) {
      warn.push(`INCOMPLETE: ${number(kind.expected - kind.delivered)} of ${number(kind.expected)} deliveries of ${name}s are missing.`);
    }
  }
  const broken = report.sim ? report.sim.violations.slice(0, 5) : [];
  for (const one of broken) warn.push(`VIOLATION at ${time(one.at_ms)}, node ${one.node}: ${one.what}`);
  if (report.sim && report.sim.violations_found > broken.length) {
    warn.push(`VIOLATIONS: ${number(report.sim.violations_found - broken.length)} more.`);
  }
  say("warnings", ...warn.map((text) => make("p", { class: "warning" }, text)));
  const card = (name, value, more = "") => make("div", {}, make("dt", {}, name), make("dd", {}, value, make("small", {}, more)));
  const cards = [card("nodes", number(report.nodes), report.kind === "sim" ? "simulated engines" : "real processes")];
  for (const [name, kind] of KINDS) {
    cards.push(card(`${name}s`, number(kind.originated), `of ${number(kind.offered)} offered`));
    cards.push(card(`coverage, ${name}s`, share(kind.coverage), `${number(kind.delivered)} of ${number(kind.expected)} deliveries`));
    const { p50, p95, p99 } = kind.latency_ms;
    cards.push(card(`p50, ${name}s`, time(p50), "to each node"), card(`p95, ${name}s`, time(p95), "to each node"), card(`p99, ${name}s`, time(p99), "to each node"));
    cards.push(card(`redundancy, ${name}s`, number(kind.redundancy), "bodies not needed, for each needed one"));
  }
  cards.push(card("wire ratio", known(report.cost.wire_ratio) ? `${number(report.cost.wire_ratio)} ×` : DASH, "wire bytes over payload"));
  say("cards", ...cards);
  how("cards-how", "How it was computed: these are the values of report.json beside this file; percentiles are by " +
    "nearest rank over all deliveries, and nothing is interpolated.");
}

function tellSlow() {
  if (extract.items_sampled === 0) {
    byId("slow-section").hidden = true;
    return;
  }
  const kinds = `${extract.slow_kind}s`;
  const over = extract.items_sampled < extract.items_all
    ? ` Of ${plural(extract.items_all, "item")} of the run, ${number(extract.items_sampled)} count here, taken evenly.` : "";
  table("slow-nodes", `Nodes, ${kinds}`,
    [["node", true], ["p95", true], ["p50", true], ["max", true], ["arrived", true], ["missing", true]],
    extract.slow_nodes.map((one) => [one.node, time(one.p95_ms), time(one.p50_ms), time(one.max_ms), number(one.delivered), number(one.missing)]));
  how("slow-nodes-how", `How it was computed: percentiles of a node's latencies in deliveries.csv, the ten highest p95.${over}`);
  table("slow-links", `Links, ${kinds}`, [["from", true], ["to", true], ["p50", true], ["max", true], ["items", true]],
    extract.slow_links.map((one) => [one.from, one.node, time(one.p50_ms), time(one.max_ms), number(one.items)]));
  how("slow-links-how", "How it was computed: acceptance at the node minus acceptance at the neighbour `from`, over the " +
    `items that came by themselves; the ten highest medians of links with at least 3 items.${over}`);
}

/** A bar of `value` in a scale that ends at `whole`. */
function bar(name, value, whole, text, kind = "") {
  const line = make("i", { class: kind, "aria-hidden": "true" });
  line.style.width = `${(100 * value) / whole}%`;
  return make("div", { class: "bar" }, make("span", {}, name), make("span", {}, line), make("span", {}, text));
}

function tellCosts() {
  const { cost } = report;
  const ratio = cost.wire_ratio;
  byId("wire-part").hidden = !known(ratio);
  if (known(ratio)) {
    const whole = Math.max(ratio, 1);
    say("wire", make("h3", {}, "Wire bytes for each byte of payload"), bar("payload", 1, whole, "1 ×"),
      bar("everything on the wire", ratio, whole, `${number(ratio)} ×`, "rest"));
    how("wire-how", "How it was computed: `cost.wire_ratio` of report.json, the bytes that all nodes read below the " +
      "encryption divided by the encoded length of the items that were delivered by themselves; idle traffic is subtracted.");
  }
  tellKinds();
  const rows = [
    ["wire bytes per delivery", number(cost.wire_bytes_per_delivery, 1), "bytes"],
    ["idle traffic of a node", number(cost.idle_bytes_per_s_per_node, 1), "bytes/s"],
    ["processor time per delivery", number(cost.cpu_us_per_delivery, 1), "µs"],
    ["peak memory, median node", number(cost.rss_mib.p50, 1), "MiB"],
    ["peak memory, largest node", number(cost.rss_mib.max, 1), "MiB"],
    ["lateness of a 50 ms timer, p99", number(cost.lag_ms), "ms"],
    ["echoes", number(report.echoes), "sends"],
  ];
  table("costs", "Costs", [["", false], ["value", true], ["unit", false]], rows.filter(([, value]) => value !== DASH));
}

function tellKinds() {
  const kinds = report.members ? Object.entries(report.members.bytes_by_kind).filter(([, bytes]) => known(bytes)) : [];
  if (kinds.length === 0) {
    how("kinds-how", report.causes ? "The bytes of items by cause stand above." :
      "This run has no bytes by cause: report.json has them in `causes`, of real nodes, and for membership in `members`, of a simulation.");
    return;
  }
  const whole = Math.max(1e-9, ...kinds.map(([, bytes]) => bytes));
  say("kinds", make("h3", {}, "Membership: bytes a second of a node, by cause"),
    ...kinds.map(([name, bytes]) => bar(name, bytes, whole, `${number(bytes, 1)} bytes/s`)));
  how("kinds-how", "How it was computed: `members.bytes_by_kind` of report.json, what a node sent for membership in a second of the load.");
}

function tellMembers() {
  const { members } = report;
  if (!members) return;
  byId("members-section").hidden = false;
  const events = [["all alive, from the start", "settle_ms"], ["a crashed one dead", "detect_ms"], ["a late one known", "join_ms"],
    ["an entry held", "entry_ms"], ["all alive, from the heal", "heal_ms"]];
  const rows = events.filter(([, name]) => known(members[name].p50))
    .map(([what, name]) => [what, ...["p50", "p99", "max"].map((p) => time(members[name][p]))]);
  table("members", "How soon members saw it", [["", false], ["p50", true], ["p99", true], ["max", true]], rows);
  say("members-text", `${plural(members.false_deaths, "false death")}, ${plural(members.deaths_over_cuts, "death")} over cuts, ` +
    `${plural(members.false_accusations, "false accusation")}, ${plural(members.true_accusations, "true accusation")}, ` +
    `${plural(members.refutations, "refutation")}.`);
  how("members-how", "How it was computed: `members` of report.json; percentiles are over all pairs of an event and a " +
    "member that lived to the end, and a dash means that so many never learned.");
}

/** Everything in the report that stands beside something else: another run, the limit, theory, a partition. */
function tellCompared() {
  const rows = [];
  const add = (what, measured, against, value) => rows.push([what, measured, against, value]);
  for (const [name, kind] of KINDS) {
    for (const p of ["p50", "p95"]) {
      if (known(kind.stretch[p])) add(`${name}s, latency`, p, "the floor (shortest path)", `${number(kind.stretch[p], 2)} ×`);
      if (known(kind.over_limit[p])) add(`${name}s, latency`, p, `the limit of any relay (${time(kind.limit_ms[p])})`, `${number(kind.over_limit[p], 2)} ×`);
    }
  }
  const { rumor, partition, spread, compared } = report;
  if (rumor) add("rounds to all nodes", `${number(rumor.rounds_to_all.p50)} rounds (p50)`, "theory", `${number(rumor.rounds_to_all_model, 1)} rounds`);
  if (spread) add("intervals to all nodes", "p50", `an interval is ${time(spread.interval_ms)}`, `${number(spread.to_all.p50, 2)} intervals`);
  if (partition) add(`partition of ${partition.halves.join(" + ")} nodes for ${time(partition.lasts_ms)}`, "converged", "the heal", `${time(partition.converged_after_ms)} after it`);
  byId("compare-section").hidden = rows.length === 0 && !compared;
  if (compared) {
    say("compare-text", `This run is round ${compared.round} of a comparison under the load “${compared.workload}”` +
      `${compared.reference ? ", and its reference" : ""}. The comparison's own report.json and compare.svg have all its runs side by side.`);
  }
  if (rows.length === 0) return;
  table("compare", "Beside what is possible or expected", [["what", false], ["figure", false], ["beside", false], ["value", true]], rows);
  how("compare-how", "How it was computed: `stretch`, `over_limit`, `rumor`, `spread` and `partition` of report.json, as they stand there.");
}

function tellConfiguration() {
  const stored = known(report.stored) ? (report.stored ? "yes" : "no") : DASH;
  const rows = [["engine", report.engine], ["relay", report.relay], ["nodes", number(report.nodes)], ["topology", report.topology],
    ["wan", report.wan], ["seed", String(report.seed)], ["items on disk", stored], ["valid", report.valid ? "yes" : "no"]];
  if (report.trace_hash) rows.push(["fingerprint", report.trace_hash.slice(0, 16)]);
  table("configuration", "Configuration", [["", false], ["value", false]], rows);
  const shown = (what, text) => [make("p", { class: "how" }, what), make("pre", { tabindex: "0" }, text)];
  const commands = shown("The command that made this run:", report.command);
  if (report.sim && report.sim.repeat !== report.command) {
    commands.push(...shown("The command that repeats it, with the seed and every setting that matters:", report.sim.repeat));
  }
  say("commands", ...commands);
  if (report.sim) {
    byId("options").hidden = false;
    say("options-text", JSON.stringify(report.sim.options, null, 2));
  }
  table("figures", "report.json, name by name", [["name", false], ["value", true]], leaves("", report));
}

/** Every name of the report that has a value, with its path. */
function leaves(at, value) {
  if (!known(value)) return [];
  if (Array.isArray(value) && value.length > 20) return [[at, plural(value.length, "entry").replace("entrys", "entries")]];
  if (typeof value !== "object") return [[at, String(value)]];
  return Object.entries(value).flatMap(([name, inner]) => leaves(at ? `${at}.${name}` : name, inner));
}
