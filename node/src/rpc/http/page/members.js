// The members of the network as this node sees them, if it takes part in membership. A list of thousands is cut, and the
// page says so.

const MEMBERS_SHOWN = 100;
const MEMBER_STATES = ["alive", "suspect", "dead", "left"];

const MEMBER_COLUMNS = [
  ["Member", false, (member) => named(member.peer_id)],
  ["State", false, (member) => `${member.state}${member.is_self ? ", this node" : ""}`],
  ["For", true, (member) => span(member.since_s)],
  ["Height", true, (member) => number(member.tip_height)],
  ["Round trip", true, (member) => {
    if (known(member.round_trip_ms)) return time(member.round_trip_ms);
    return known(member.estimated_ms) ? `about ${time(member.estimated_ms)}` : DASH;
  }],
  ["Program", false, (member) => member.agent || DASH],
];

function tellMembers({ result: members, error }) {
  byId("members-section").hidden = Boolean(error) || !members;
  if (error || !members) return;
  const counts = MEMBER_STATES.map((state) => [members.filter((member) => member.state === state).length, state]);
  const words = counts.filter(([count]) => count > 0).map(([count, state]) => `${number(count)} ${state}`);
  say(byId("members-text"), words.length === 0 ? "No member is known." : `${words.join(", ")}.`);
  const shown = members.slice(0, MEMBERS_SHOWN);
  fill(byId("members"), MEMBER_COLUMNS, shown, (member) => member.public_key);
  const rest = members.length - shown.length;
  const more = rest > 0 ? ` ${plural(rest, "member")} more: the command “node members” lists all.` : "";
  say(byId("members-how"), `Asked every 5 s. “For” is how long the member has been in its state.${more}`);
}
