// Where batches come from: the stream of a run under way, or a whole film with a slider for the time. Then the loop
// that draws what has changed, once a frame.

const player = { batches: [], next: 0, now: 0, end: 0, going: true, last: 0 };

function openStream() {
  const source = new EventSource("stream");
  source.onmessage = (message) => {
    apply(JSON.parse(message.data));
    if (!run.over) return;
    source.close();
    endControls();
    say("warnings", make("p", { class: "warning" }, "The run has ended. Its report is in its directory; this page stays as it is."));
  };
  source.onopen = () => say("warnings");
  source.onerror = () => {
    if (!run.over) say("warnings", make("p", { class: "warning" }, "The run does not answer. This page asks again."));
  };
}

async function openFilm() {
  const lines = (await (await fetch("film")).text()).split("\n");
  player.batches = lines.filter(Boolean).map((line) => JSON.parse(line));
  player.end = player.batches[player.batches.length - 1].t;
  byId("replay").hidden = false;
  byId("time").max = String(Math.ceil(player.end / 100) * 100);
  seek(0);
  const toggle = () => {
    if (player.now >= player.end) seek(0);
    player.going = !player.going || player.now === 0;
    say("play", player.going ? "Pause" : "Play");
  };
  byId("play").addEventListener("click", toggle);
  byId("time").addEventListener("input", () => seek(Number(byId("time").value)));
}

/** Goes to a moment: everything up to it happens at once. */
function seek(t) {
  if (t < player.now || player.next === 0) {
    player.next = 0;
    if (player.batches[0]) apply(player.batches[player.next++], true);
  }
  player.now = t;
  while (player.next < player.batches.length && player.batches[player.next].t <= t) apply(player.batches[player.next++], true);
  queue.newest = run.waves[run.waves.length - 1] || null;
}

function playFilm(now) {
  const passed = player.last ? Math.min(250, now - player.last) : 0;
  player.last = now;
  if (!player.batches.length || !player.going) return;
  player.now = Math.min(player.end, player.now + passed * Number(byId("speed").value));
  while (player.next < player.batches.length && player.batches[player.next].t <= player.now) apply(player.batches[player.next++]);
  if (player.now >= player.end) {
    player.going = false;
    say("play", "Play again");
  }
}

function tellClock() {
  const film = run.hello && run.hello.kind !== "run";
  const at = film ? player.now : run.t;
  if (film) {
    byId("time").value = String(player.now);
    say("time-read", `${number(at / 1000, 1)} of ${number(player.end / 1000, 1)} s`);
  }
  const up = run.nodes.filter((node) => node?.state === "up").length;
  say("phase", run.over ? "ended" : run.phase || "waiting for the first news");
  say("clock", `at ${(at / 1000).toFixed(1)} s, ${number(up)} of ${number(run.hello?.nodes || 0)} nodes are up` +
    (run.hello?.late_ms ? `; shown ${number(run.hello.late_ms / 1000, 1)} s after it happened` : ""));
}

function tellHello() {
  const { title, kind, nodes, measured } = run.hello;
  const name = { run: "A run under way", replay: "A run, again", sim: "A simulation" }[kind] || "A run";
  document.title = `Hearsay: ${name.toLowerCase()}`;
  say("title", `${name}: ${plural(nodes, "node")}`);
  say("subtitle", title);
  how("graph-how", `Nodes with a short round trip between them stand close together; round trips are from ${measured}.`);
  offerControls();
  choose(run.chosen < nodes ? run.chosen : -1);
}

/** Words that change with each batch are read by people, who need no more of them than this, in milliseconds. */
const WORDS_EVERY = { clock: 250, items: 1000, figures: 800 };
const told = { clock: 0, items: 0, figures: 0 };

/** Whether words have changed, and were not drawn a moment ago. */
function isTime(name, now) {
  if (!dirty[name] || now - told[name] < WORDS_EVERY[name]) return false;
  told[name] = now;
  return taken(name);
}

function frame(now) {
  if (document.documentElement.dataset.from === "film") playFilm(now);
  if (taken("hello")) tellHello();
  if (taken("places")) moveNodes(TWEEN_MS);
  tweenNodes(now);
  nextWave(now);
  if (taken("ground")) drawGround();
  growWave(now);
  if (isTime("clock", now)) tellClock();
  if (isTime("figures", now) && run.figures) drawFigures();
  if (taken("bytes") && run.bytes) drawBytes();
  if (taken("slow") && run.slow) drawSlow();
  if (taken("nodes")) drawNodes();
  if (isTime("items", now)) listItems();
  if (taken("events")) {
    drawEvents();
    drawStrip();
  }
  requestAnimationFrame(frame);
}

startGraph();
startWaves();
startTimeline();
startControls();
if (document.documentElement.dataset.from === "film") openFilm();
else openStream();
requestAnimationFrame(frame);
