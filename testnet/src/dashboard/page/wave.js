// The way of one item, slower than it was. Lines grow from the node that had the item to the node that got it, and a
// node lights up when the item is there. Each frame draws only what is new.

/** How long a way takes on the screen, and how long it stays. */
const WAVE_MS = 1500;
const REST_MS = 600;

const shown = { wave: null, steps: [], longest: 1, began: 0, done: true, pinned: false };

function showWave(wave, pinned = false) {
  const had = new Map([[wave.origin, 0]]);
  const depth = new Map([[wave.origin, 0]]);
  const steps = [];
  for (let at = 0; at + 3 < wave.arrivals.length; at += 4) {
    const [n, from, us, flags] = wave.arrivals.slice(at, at + 4);
    const start = had.get(from);
    had.set(n, us);
    depth.set(n, (depth.get(from) ?? 0) + 1);
    steps.push({ n, from: known(start) ? from : -1, start: start ?? us, end: us, asked: (flags & 2) > 0, drawn: 0, lit: false });
  }
  const longest = steps.reduce((most, step) => Math.max(most, step.end), 1);
  Object.assign(shown, { wave, steps, longest, began: performance.now(), done: false, pinned });
  wipe();
  tellWave(Math.max(0, ...depth.values()));
}

/** Draws the way from its beginning again, as far as it has come, because nodes have moved. */
function restartWave() {
  if (!shown.wave) return;
  for (const step of shown.steps) Object.assign(step, { drawn: 0, lit: false });
  shown.done = false;
  wipe();
}

function wipe() {
  graph.overlay.getContext("2d").clearRect(0, 0, graph.width, graph.height);
  if (shown.wave && graph.at[shown.wave.origin]) light(shown.wave.origin, true);
}

function tellWave(hops) {
  const { wave, steps, longest } = shown;
  const last = steps[steps.length - 1];
  const slower = Math.max(1, (WAVE_MS * 1000) / longest);
  const asked = steps.filter((step) => step.asked).length;
  say("wave-read", `${wave.by_hand ? "By hand: " : ""}${wave.kind} ${wave.id} entered at node ${wave.origin} at ${number(wave.t / 1000, 2)} s and reached ` +
    `${number(steps.length)} of ${number(wave.wanted)} nodes` +
    (last ? `, the last (node ${last.n}) after ${time(last.end / 1000)}, in at most ${plural(hops, "hop")}` : "") +
    (asked ? `; ${plural(asked, "node")} had to ask` : "") + `. Shown ${number(slower, slower < 10 ? 1 : 0)} times slower.`);
}

function light(n, origin = false) {
  const pen = graph.overlay.getContext("2d");
  const { colors, radius } = graph;
  const color = shown.wave.kind === "block" ? colors.two : colors.one;
  disc(pen, graph.at[n], radius, color);
  if (radius >= 8) number_(pen, n, graph.at[n], colors.ground);
  if (origin) ring(pen, graph.at[n], radius + 3.5, color, 2.5);
}

/** Draws what is new. */
function growWave(now) {
  if (!shown.wave || shown.done) return;
  const played = still.matches ? WAVE_MS : now - shown.began;
  const us = (Math.min(played, WAVE_MS) / WAVE_MS) * shown.longest;
  const pen = graph.overlay.getContext("2d");
  pen.strokeStyle = shown.wave.kind === "block" ? graph.colors.two : graph.colors.one;
  const arrived = [];
  for (const step of shown.steps) {
    if (step.lit || step.start > us) continue;
    const part = step.end > step.start ? Math.min(1, (us - step.start) / (step.end - step.start)) : 1;
    const [from, to] = [graph.at[step.from], graph.at[step.n]];
    if (!to) continue;
    if (from && part > step.drawn) {
      pen.lineWidth = step.asked ? 1 : 2.5;
      pen.beginPath();
      pen.moveTo(from[0] + (to[0] - from[0]) * step.drawn, from[1] + (to[1] - from[1]) * step.drawn);
      pen.lineTo(from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part);
      pen.stroke();
      step.drawn = part;
    }
    if (part >= 1) {
      step.lit = true;
      arrived.push(step);
    }
  }
  // Nodes stand above lines.
  for (const step of arrived) {
    light(step.n);
    if (step.from >= 0 && graph.at[step.from]) light(step.from, step.from === shown.wave.origin);
  }
  if (played >= WAVE_MS) shown.done = true;
}

/** Goes on to the next item, if there is one and the present one has had its time. */
function nextWave(now) {
  if (shown.wave && now - shown.began < (still.matches ? 0 : WAVE_MS) + REST_MS) return;
  const byHand = queue.hand.shift();
  if (byHand) return showWave(byHand);
  if (shown.pinned || !queue.newest) return;
  showWave(queue.newest);
  queue.newest = null;
}

/** The list of items, unless a person is about to choose one. */
function listItems() {
  const list = byId("item");
  if (document.activeElement === list) return;
  const chosen = list.value;
  const latest = run.waves.slice(-40).reverse();
  const word = (wave) => `${wave.by_hand ? "by hand, " : ""}${wave.kind} ${wave.id} at ${number(wave.t / 1000, 2)} s from node ${wave.origin}`;
  list.replaceChildren(make("option", { value: "" }, "the newest, one after the other"),
    ...latest.map((wave) => make("option", { value: wave.id }, word(wave))));
  list.value = latest.some((wave) => wave.id === chosen) ? chosen : "";
}

function startWaves() {
  byId("item").addEventListener("change", () => {
    const wave = run.waves.find((one) => one.id === byId("item").value);
    shown.pinned = Boolean(wave);
    if (wave) showWave(wave, true);
  });
}
