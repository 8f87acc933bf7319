// Keeps the page up to date: state and peers each second, metrics each two, members each five, and events as they come. If
// the node does not answer, the page says since when, and asks again each second. A page that nobody sees asks nothing.

const POLL_MS = 1000;
const SOON_MS = 200;
const METRICS_EVERY = 2;
const MEMBERS_EVERY = 5;
/** A browser gives a stream up for good if it is refused. Then it is asked for again after this time. */
const STREAM_AGAIN_MS = 5000;

let round = 0;
let lostAt = null;
let pollTimer = 0;
let polling = false;
let startedBefore = null;

function tellConnection(error) {
  const line = byId("connection");
  if (error) lostAt ??= Date.now();
  else lostAt = null;
  line.classList.toggle("lost", Boolean(error));
  document.body.classList.toggle("stale", Boolean(error));
  // A text that changes each second would be read aloud each second.
  say(line, error
    ? `Connection lost: the node has not answered since ${new Date(lostAt).toLocaleTimeString("en-GB")}. The figures are ` +
      "those from before. The page asks again each second."
    : `Connected to ${location.host}. State and peers are asked for each second.`);
}

/** A node that was started again counts from nothing. */
function forgetBefore(status) {
  if (startedBefore !== null && status.uptime_s < startedBefore) {
    wireBefore = null;
    round = 0;
  }
  startedBefore = status.uptime_s;
}

async function look() {
  const wanted = [["admin_nodeInfo"], ["admin_peers"]];
  if (round % MEMBERS_EVERY === 0) wanted.push(["members_list"]);
  const [status, peers, members] = await ask(...wanted);
  for (const { error } of [status, peers]) if (error) throw new Error(error.message);
  forgetBefore(status.result);
  tellIdentity(status.result);
  tellPeers(peers.result);
  if (members) tellMembers(members);
  if (round % METRICS_EVERY === 0) {
    const metrics = await askMetrics();
    tellLatency(metrics);
    tellBytes(metrics);
  }
  round += 1;
}

async function poll() {
  clearTimeout(pollTimer);
  if (polling) return;
  polling = true;
  try {
    if (!document.hidden) {
      await look();
      tellConnection(null);
    }
  } catch (error) {
    tellConnection(error);
  } finally {
    polling = false;
    pollTimer = setTimeout(poll, POLL_MS);
  }
}

/** Something changed. Many changes at once are one question. */
function pollSoon() {
  if (polling) return;
  clearTimeout(pollTimer);
  pollTimer = setTimeout(poll, SOON_MS);
}

function follow() {
  const stream = new EventSource("/events?topics=transactions,blocks,tip,peers");
  const live = (words) => say(byId("items-live"), words);
  const heard = (topic, tell) => stream.addEventListener(topic, (event) => tell(JSON.parse(event.data)));
  stream.addEventListener("open", () => live("Live: the last 50 items that the node accepted."));
  stream.addEventListener("error", () => {
    live("Not live: the stream of events is interrupted, and the page opens it again. Items that come meanwhile are missing.");
    if (stream.readyState === EventSource.CLOSED) setTimeout(follow, STREAM_AGAIN_MS);
  });
  heard("transactions", tellItem);
  heard("blocks", tellItem);
  heard("tip", () => {
    pollSoon();
    lookAgain();
  });
  heard("peers", pollSoon);
  heard("lost", ({ events }) => live(`Live, but this page was too slow: ${plural(events, "event")} are missing in the list.`));
}

startLatency();
startItems();
lastItems(ITEMS_SHOWN).then(tellEarlier, () => {});
document.addEventListener("visibilitychange", poll);
poll();
follow();
