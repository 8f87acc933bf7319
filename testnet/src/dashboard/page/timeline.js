// What happened, as a list and on a line of time.

/** A mark for each kind of event, so that colour alone tells nothing. */
const MARKS = { phase: "|", kill: "✕", lost: "!", pause: "‖", resume: "▸", cut: "╫", heal: "○", block: "■", hand: "●" };
const MARK_NAMES = { phase: "phase", kill: "kill", lost: "lost", pause: "pause", resume: "resume", cut: "cut", heal: "heal", block: "block", hand: "by hand" };

const strip = { canvas: byId("strip"), width: 0, height: 64 };

function sizeStrip() {
  const scale = Math.min(2, devicePixelRatio || 1);
  strip.width = Math.max(1, Math.round(strip.canvas.getBoundingClientRect().width));
  strip.canvas.width = strip.width * scale;
  strip.canvas.height = strip.height * scale;
  strip.canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
  dirty.events = true;
}

function drawStrip() {
  const pen = strip.canvas.getContext("2d");
  const { colors } = graph;
  const end = Math.max(10_000, run.t, ...run.events.slice(-1).map((event) => event.t));
  const x = (t) => 10 + (t / end) * (strip.width - 20);
  pen.clearRect(0, 0, strip.width, strip.height);
  pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  stroke(pen, colors.dim, 1, [[10, 44, strip.width - 10, 44]]);
  const wanted = Math.max(2, Math.floor(strip.width / 90));
  const step = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200].find((s) => end / 1000 / s <= wanted) || 14400;
  pen.fillStyle = colors.dim;
  for (let s = 0; s * 1000 <= end; s += step) {
    stroke(pen, colors.line, 1, [[x(s * 1000), 40, x(s * 1000), 48]]);
    pen.fillText(String(s), x(s * 1000), 56);
  }
  for (const event of run.events) {
    pen.fillStyle = { kill: colors.alarm, lost: colors.alarm, block: colors.two, hand: colors.one }[event.what] || colors.ink;
    pen.fillText(MARKS[event.what] || "·", x(event.t), event.what === "phase" ? 34 : event.what === "block" ? 22 : 9);
  }
}

function drawEvents() {
  const latest = run.events.slice(-100).reverse();
  say("events", ...latest.map((event) => make("li", {}, make("time", {}, `${number(event.t / 1000, 1)} s`),
    `${MARKS[event.what] || "·"} ${event.what === "phase" ? `phase: ${event.text}` : event.text}`)));
  const used = [...new Set(run.events.map((event) => event.what))];
  say("strip-legend", ...used.map((what) => make("span", {}, make("b", {}, MARKS[what] || "·"), MARK_NAMES[what] || what)));
}

function startTimeline() {
  new ResizeObserver(sizeStrip).observe(strip.canvas);
  sizeStrip();
}
