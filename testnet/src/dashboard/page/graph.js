// The overlay: links and nodes on one canvas, which is drawn again only if they change. The canvas above it has the
// way of the item that is shown.

const TWEEN_MS = 500;
const still = matchMedia("(prefers-reduced-motion: reduce)");

const graph = {
  frame: byId("graph"), ground: byId("ground"), overlay: byId("overlay"), width: 0, height: 0, radius: 8,
  at: [], from: [], tween: 0, colors: {},
};

const colorOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function readColors() {
  for (const name of ["ink", "dim", "line", "one", "two", "ground", "raised", "alarm", "node", "link"]) graph.colors[name] = colorOf(`--${name}`);
  dirty.ground = true;
  dirty.events = true;
}

function sizeGraph() {
  const box = graph.frame.getBoundingClientRect();
  const scale = Math.min(2, devicePixelRatio || 1);
  graph.width = Math.max(1, Math.round(box.width));
  graph.height = Math.max(1, Math.round(box.height));
  for (const canvas of [graph.ground, graph.overlay]) {
    canvas.width = graph.width * scale;
    canvas.height = graph.height * scale;
    canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
  }
  moveNodes(0);
}

/** Where a node should be, in pixels. */
function target([x, y]) {
  const edge = graph.radius + 8;
  return [edge + x * (graph.width - 2 * edge), edge + y * (graph.height - 2 * edge)];
}

function moveNodes(tween) {
  const count = Math.max(1, run.places.length);
  graph.radius = Math.min(12, Math.max(2.5, 0.17 * Math.sqrt((graph.width * graph.height) / count)));
  graph.from = graph.at.length === run.places.length ? graph.at.map((at) => [...at]) : run.places.map(target);
  graph.tween = still.matches || tween === 0 ? 0 : performance.now();
  if (!graph.tween) graph.at = run.places.map(target);
  dirty.ground = true;
  restartWave();
}

/** Moves nodes that are on their way to new places. */
function tweenNodes(now) {
  if (!graph.tween) return;
  const part = Math.min(1, (now - graph.tween) / TWEEN_MS);
  const soft = part * part * (3 - 2 * part);
  graph.at = run.places.map((place, n) => {
    const [x, y] = target(place);
    const [fromX, fromY] = graph.from[n] || [x, y];
    return [fromX + (x - fromX) * soft, fromY + (y - fromY) * soft];
  });
  if (part === 1) graph.tween = 0;
  dirty.ground = true;
  restartWave();
}

function drawGround() {
  const pen = graph.ground.getContext("2d");
  const { colors, at, radius } = graph;
  pen.clearRect(0, 0, graph.width, graph.height);
  pen.lineWidth = run.links.size > 600 ? 0.5 : 1;
  pen.strokeStyle = colors.link;
  pen.beginPath();
  for (const [a, b] of run.links.values()) {
    if (!at[a] || !at[b]) continue;
    pen.moveTo(...at[a]);
    pen.lineTo(...at[b]);
  }
  pen.stroke();
  at.forEach((place, n) => drawNode(pen, n, place, radius));
  if (at[run.chosen]) {
    pen.strokeStyle = colors.one;
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (const [a, b] of run.links.values()) {
      if ((a === run.chosen || b === run.chosen) && at[a] && at[b]) {
        pen.moveTo(...at[a]);
        pen.lineTo(...at[b]);
      }
    }
    pen.stroke();
    drawNode(pen, run.chosen, at[run.chosen], radius);
    ring(pen, at[run.chosen], radius + 4, colors.ink, 2.5);
  }
}

/** A node by its state: the shape differs, not the colour alone. */
function drawNode(pen, n, place, radius) {
  const { colors } = graph;
  const state = run.nodes[n]?.state || "starting";
  disc(pen, place, radius, state === "up" ? colors.node : colors.raised);
  ring(pen, place, radius, state === "killed" || state === "lost" ? colors.alarm : colors.node, 1.5, state === "starting" || state === "ended");
  const [x, y] = place;
  const half = radius * 0.55;
  if (state === "killed" || state === "lost") {
    stroke(pen, colors.alarm, 2, [[x - half, y - half, x + half, y + half], [x - half, y + half, x + half, y - half]]);
  } else if (state === "paused") {
    stroke(pen, colors.ink, 2.5, [[x - half / 2, y - half, x - half / 2, y + half], [x + half / 2, y - half, x + half / 2, y + half]]);
  } else if (radius >= 8) {
    number_(pen, n, place, state === "up" ? colors.ground : colors.dim);
  }
}

function disc(pen, [x, y], radius, color) {
  pen.fillStyle = color;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

function ring(pen, [x, y], radius, color, width, dashed = false) {
  pen.strokeStyle = color;
  pen.lineWidth = width;
  pen.setLineDash(dashed ? [3, 3] : []);
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.stroke();
  pen.setLineDash([]);
}

function stroke(pen, color, width, lines) {
  pen.strokeStyle = color;
  pen.lineWidth = width;
  pen.beginPath();
  for (const [fromX, fromY, toX, toY] of lines) {
    pen.moveTo(fromX, fromY);
    pen.lineTo(toX, toY);
  }
  pen.stroke();
}

function number_(pen, n, [x, y], color) {
  pen.fillStyle = color;
  pen.font = `600 ${Math.max(8, Math.round(graph.radius * 0.95))}px system-ui, "DejaVu Sans", sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(String(n), x, y + 0.5);
}

function choose(n) {
  run.chosen = n;
  dirty.ground = true;
  dirty.nodes = true;
  if (n >= 0) for (const id of ["act-node", "send-node"]) byId(id).value = String(n);
}

function tellNode() {
  const node = run.nodes[run.chosen];
  if (!node) return say("node-read", "No node is chosen.");
  say("node-read", `node ${node.n}: ${node.state}, ${plural(node.links, "link")}${run.hello.kind === "sim" ? "" : `, height ${number(node.height)}`}, ` +
    `${plural(node.items, "item")}, p95 of its latest ${time(node.p95_ms)}` +
    (known(node.late_ms) ? `, a timer of 50 ms at most ${time(node.late_ms)} late (p99)` : ""));
}

function startGraph() {
  readColors();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColors(); restartWave(); });
  new ResizeObserver(sizeGraph).observe(graph.frame);
  sizeGraph();
  graph.frame.addEventListener("click", (event) => {
    const box = graph.frame.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const far = (n) => Math.hypot(graph.at[n][0] - x, graph.at[n][1] - y);
    const nearest = graph.at.map((_, n) => n).reduce((a, b) => (a < 0 || far(b) < far(a) ? b : a), -1);
    choose(nearest >= 0 && far(nearest) < graph.radius + 14 ? nearest : -1);
  });
  graph.frame.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const count = run.hello?.nodes || 0;
    if (event.key === "Escape") choose(-1);
    else if (step && count) choose((Math.max(run.chosen, step > 0 ? -1 : 0) + step + count) % count);
    else return;
    event.preventDefault();
  });
  const shape = (text, className) => make("span", {}, make("b", { class: className, "aria-hidden": "true" }, text), ` ${className === "dim" ? "" : ""}`);
  say("graph-legend", swatch("series one", "a transaction's way"), swatch("series two", "a block's way"),
    make("span", {}, shape("✕", "mark"), "killed or lost"), make("span", {}, shape("‖", "mark"), "paused"),
    make("span", {}, "thin: the node had to ask"));
}
