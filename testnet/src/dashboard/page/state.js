// What is known of the run. Batches go in; what they change is marked in `dirty`, and drawn with the next frame.

/** Items that can be chosen to be shown again, and entries of the timeline. */
const WAVES_KEPT = 200;
const EVENTS_KEPT = 500;

/** Items of a person that wait to be shown. Of a burst the last ones are enough. */
const HAND_KEPT = 3;

const run = {
  hello: null, t: 0, phase: "", nodes: [], links: new Map(), places: [], waves: [], figures: null, bytes: null,
  slow: null, events: [], over: false, chosen: -1,
};

/** What has to be drawn again. */
const dirty = { ground: true, places: false, figures: false, bytes: false, slow: false, events: false, nodes: false, items: false, hello: false, clock: true };

/** Waves that have come and were not shown; those of a person first. */
const queue = { hand: [], newest: null };

const linkKey = (a, b) => a * 65536 + b;

function forget() {
  Object.assign(run, { t: 0, phase: "", nodes: [], places: [], waves: [], figures: null, bytes: null, slow: null, events: [], over: false });
  run.links.clear();
  queue.hand = [];
  queue.newest = null;
}

/** Takes a batch. With `quietly` its waves are remembered, and not shown one after the other. */
function apply(batch, quietly = false) {
  if (batch.hello) {
    forget();
    run.hello = batch.hello;
    dirty.hello = true;
  }
  run.t = batch.t;
  dirty.clock = true;
  if (batch.phase !== undefined) run.phase = batch.phase;
  for (const node of batch.nodes || []) {
    const before = run.nodes[node.n];
    if (!before || before.state !== node.state) dirty.ground = true;
    run.nodes[node.n] = node;
    dirty.nodes = true;
  }
  for (const [a, b, open] of batch.links || []) {
    if (open) run.links.set(linkKey(a, b), [a, b]);
    else run.links.delete(linkKey(a, b));
    dirty.ground = true;
  }
  if (batch.places) {
    run.places = batch.places;
    dirty.places = true;
  }
  for (const wave of batch.waves || []) {
    run.waves.push(wave);
    if (!quietly) {
      if (wave.by_hand && !batch.hello) queue.hand.push(wave);
      else queue.newest = wave;
    }
    dirty.items = true;
  }
  if (run.waves.length > WAVES_KEPT) run.waves.splice(0, run.waves.length - WAVES_KEPT);
  if (queue.hand.length > HAND_KEPT) queue.hand.splice(0, queue.hand.length - HAND_KEPT);
  for (const name of ["figures", "bytes", "slow"]) {
    if (batch[name]) {
      run[name] = batch[name];
      dirty[name] = true;
    }
  }
  if (batch.events) {
    run.events.push(...batch.events);
    if (run.events.length > EVENTS_KEPT) run.events.splice(0, run.events.length - EVENTS_KEPT);
    dirty.events = true;
  }
  if (batch.over) run.over = true;
}

/** Which of these marks are set; they are cleared. */
function taken(...names) {
  const any = names.some((name) => dirty[name]);
  for (const name of names) dirty[name] = false;
  return any;
}

const isUp = (n) => run.nodes[n]?.state === "up";
