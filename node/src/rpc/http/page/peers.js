// The gossip peers, one row each, and who of them serves this node first.

const PEER_COLUMNS = (delivered) => [
  ["Peer", false, (peer) => named(peer.peer_id)],
  ["Address", false, (peer) => peer.address.replace(`/p2p/${peer.peer_id}`, "")],
  ["Direction", false, (peer) => (peer.inbound ? "inbound" : "outbound")],
  ["State", false, (peer) => `${peer.ready ? "ready" : "no hello"}, ${span(peer.connected_s)}`],
  ["Height", true, (peer) => number(peer.tip_height)],
  ["Round trip", true, (peer) => time(peer.round_trip_ms)],
  ["Received", true, (peer) => bytes(peer.bytes_in)],
  ["Sent", true, (peer) => bytes(peer.bytes_out)],
  ["First", true, (peer) => (delivered > 0 ? `${number(peer.delivered)} (${share(peer.delivered, delivered)})` : number(peer.delivered))],
];

/** The end of a peer id, with the whole id for the pointer and for a screen reader. */
function named(id) {
  return make("abbr", { title: id, class: "code" }, short(id));
}

function tellPeers(peers) {
  const delivered = peers.reduce((all, peer) => all + peer.delivered, 0);
  fill(byId("peers"), PEER_COLUMNS(delivered), peers, (peer) => `${peer.peer_id} ${peer.address}`);
  byId("peers-none").hidden = peers.length > 0;
  byId("peers-how").hidden = peers.length === 0;
}
