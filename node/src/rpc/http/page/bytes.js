// What the bytes of the node were spent on. Gossip messages are counted by kind. The transport is counted as a whole, so
// what is left of it belongs to discovery, to libp2p's own protocols, and to encryption.

const BODY_KINDS = ["transactions", "block"];

/** The rows of a direction: [cause, bytes, is a waste]. */
function causes(metrics, direction) {
  const of = (cause) => sum(metrics, "message_bytes_total", { direction, cause });
  const bodies = sum(metrics, "message_bytes_total", { direction, kind: BODY_KINDS });
  const received = (use) => sum(metrics, "received_bodies_bytes_total", { use });
  const rows = direction === "in"
    ? [["Bodies, new", received("new")], ["Bodies, duplicate", received("duplicate"), true],
      ["Announcements, requests", of(["relay", "fetch"]) - received("new") - received("duplicate")]]
    : [["Bodies", bodies], ["Announcements, requests", of(["relay", "fetch"]) - bodies]];
  rows.push(["Reconciliation", of("repair")], ["Catching up", of("sync")], ["Membership", of(["members", "aggregates"])],
    ["Links: acks, pings", of(["link", "unlisted"])]);
  const messages = sum(metrics, "message_bytes_total", { direction });
  rows.push(["Discovery, libp2p", sum(metrics, "wire_bytes_total", { direction }) - messages]);
  // Two counters are read one after the other, so a difference may be a little below nothing.
  return rows.map(([cause, count, waste]) => [cause, Math.max(0, count), waste]);
}

function tellBytes(metrics) {
  const parts = [["Received", "in"], ["Sent", "out"]].map(([title, direction]) => [title, causes(metrics, direction)]);
  const total = parts.flatMap(([, rows]) => rows).reduce((all, [, count]) => all + count, 0);
  byId("bytes-none").hidden = total > 0;
  byId("bytes").hidden = byId("bytes-how").hidden = total === 0;
  const most = Math.max(1, ...parts.flatMap(([, rows]) => rows.map(([, count]) => count)));
  byId("bytes").replaceChildren(...parts.map(([title, rows]) => {
    const all = rows.reduce((sumOf, [, count]) => sumOf + count, 0);
    return make("div", {}, make("h3", {}, `${title}: ${bytes(all)}`), ...rows.map((row) => causeLine(row, all, most)));
  }));
}

function causeLine([cause, count, waste], all, most) {
  const bar = draw("svg", { viewBox: "0 0 100 12", preserveAspectRatio: "none", "aria-hidden": "true" },
    draw("rect", { width: (count / most) * 100, height: 12, ...(waste ? { class: "waste" } : {}) }));
  return make("div", { class: "cause" }, make("span", {}, cause), bar,
    make("span", { class: "figure" }, bytes(count)), make("span", { class: "figure part" }, share(count, all)));
}
