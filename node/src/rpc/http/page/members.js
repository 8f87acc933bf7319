// The members of the network as this node sees them, if it takes part in membership. A list of thousands is cut, and the
// page says so.

const MEMBERS_SHOWN = 100;
const MEMBER_STATES = ["alive", "suspect", "dead", "left"];

const MEMBER_COLUMNS = [
  ["Member", false, (member) => named(member.peer_id)],
  ["State", false, (member) => `${member.state}${member.is_self ? ", this node" : ""}`],
  ["For", true, (member) => span(member.since_s)],
  ["Height", true, (member) => number(member.tip_height)],
  ["Round trip", true, (member) => (known(member.round_trip_ms) ? time(member.round_trip_ms) : known(member.estimated_ms) ? `about ${time(member.estimated_ms)}` : DASH)],
  ["Program", false, (member) => member.agent || DASH],
];

function tellMembers({ result: members, error }) {
  byId("members-section").hidden = Boolean(error) || !members;
  if (error || !members) return;
  const counts = MEMBER_STATES.map((state) => [members.filter((member) => member.state === state).length, state]);
  say(byId("members-text"), members.length === 0 ? "No member is known." : counts.filter(([count]) => count > 0).map(([count, state]) => `${number(count)} ${state}`).join(", ") + ".");
  const shown = members.slice(0, MEMBERS_SHOWN);
  fill(byId("members"), MEMBER_COLUMNS, shown, (member) => member.public_key);
  const rest = members.length - shown.length;
  say(byId("members-how"), `Asked every 5 s. “For” is how long the member has been in its state.${rest > 0 ? ` ${plural(rest, "member")} more: see node members.` : ""}`);
}
