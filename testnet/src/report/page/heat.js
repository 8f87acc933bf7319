// The heat map: one column for each shown item, one row for each shown node, and the latency as a colour.

/** Nine colours of viridis without its ends: they differ in brightness alone too, for every kind of sight. */
const RAMP = ["#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#9bd93c", "#c8e020", "#e5e419"]
  .map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));

const heat = { grid: extract.heat, empty: emptyRows(extract.heat), cell: [0, 0], at: [0, 0], from: 1, to: 10, chosen: () => {} };

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The colour at a place from 0 to 1. */
function rampColor(place) {
  const along = Math.min(1, Math.max(0, place)) * (RAMP.length - 1);
  const below = Math.min(RAMP.length - 2, Math.floor(along));
  const mix = RAMP[below].map((value, at) => Math.round(value + (RAMP[below + 1][at] - value) * (along - below)));
  return `rgb(${mix.join(",")})`;
}

/** The place of a latency on the ramp; the ramp is logarithmic. */
const heatPlace = (us) => Math.log(Math.max(us / 1000, heat.from) / heat.from) / Math.log(heat.to / heat.from);

function startHeat(chosen) {
  const { grid } = heat;
  if (grid.items.length === 0 || grid.nodes.length === 0) {
    byId("heat-section").hidden = true;
    return;
  }
  heat.chosen = chosen;
  const times = grid.latency_us.flat().filter((us) => known(us) && us > 0);
  heat.from = Math.max(AXIS_MS_MIN, times.reduce((a, b) => Math.min(a, b), Infinity) / 1000);
  if (!Number.isFinite(heat.from)) heat.from = 1;
  heat.to = Math.max(heat.from * 2, times.reduce((a, b) => Math.max(a, b), 0) / 1000);
  tellHeat();
  drawHeat();
  readHeat();
  const canvas = byId("heat");
  canvas.addEventListener("mousemove", (event) => moveHeat(...heatCell(event)));
  canvas.addEventListener("click", (event) => { moveHeat(...heatCell(event)); heat.chosen(heat.at[0]); });
  canvas.addEventListener("keydown", heatKey);
}

function heatCell(event) {
  const box = byId("heat").getBoundingClientRect();
  return [Math.floor((event.clientX - box.left) / heat.cell[0]), Math.floor((event.clientY - box.top) / heat.cell[1])];
}

function heatKey(event) {
  const [x, y] = heat.at;
  const to = {
    ArrowLeft: [x - 1, y], ArrowRight: [x + 1, y], ArrowUp: [x, y - 1], ArrowDown: [x, y + 1],
    Home: [0, y], End: [heat.grid.items.length - 1, y],
  }[event.key];
  if (event.key === "Enter") heat.chosen(x);
  else if (to) moveHeat(...to);
  else return;
  event.preventDefault();
}

function moveHeat(x, y) {
  const inside = (value, count) => Math.min(count - 1, Math.max(0, value));
  heat.at = [inside(x, heat.grid.items.length), inside(y, heat.grid.nodes.length)];
  drawHeat();
  readHeat();
}

function drawHeat() {
  const { grid } = heat;
  const [columns, rows] = [grid.items.length, grid.nodes.length];
  const room = byId("heat-scroll").clientWidth || 900;
  heat.cell = [Math.max(2, Math.min(24, Math.floor(room / columns))), Math.max(3, Math.min(12, Math.floor(480 / rows)))];
  const [wide, high] = heat.cell;
  const canvas = byId("heat");
  const dots = window.devicePixelRatio || 1;
  canvas.width = columns * wide * dots;
  canvas.height = rows * high * dots;
  canvas.style.width = `${columns * wide}px`;
  canvas.style.height = `${rows * high}px`;
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.scale(dots, dots);
  const colors = { missing: css("--missing"), empty: css("--line"), origin: css("--ground"), unknown: css("--dim"), mark: css("--mark") };
  grid.latency_us.forEach((column, x) => column.forEach((us, y) => drawCell(pen, colors, x, y, us)));
  pen.strokeStyle = colors.mark;
  pen.lineWidth = 2;
  pen.strokeRect(heat.at[0] * wide - 1, heat.at[1] * high - 1, wide + 2, high + 2);
}

function drawCell(pen, colors, x, y, us) {
  const [wide, high] = heat.cell;
  const origin = heat.grid.items[x].origin === heat.grid.nodes[y];
  const missing = us === null && !origin;
  const empty = heat.empty.has(y);
  pen.fillStyle = origin ? colors.origin : empty ? colors.empty : missing ? colors.missing : us < 0 ? colors.unknown : rampColor(heatPlace(us));
  pen.fillRect(x * wide, y * high, wide, high);
  if (missing && !empty && wide >= 5 && high >= 5) {
    pen.strokeStyle = colors.origin;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x * wide + 1, y * high + 1);
    pen.lineTo((x + 1) * wide - 1, (y + 1) * high - 1);
    pen.moveTo((x + 1) * wide - 1, y * high + 1);
    pen.lineTo(x * wide + 1, (y + 1) * high - 1);
    pen.stroke();
  }
}

/** Says in words what the marked cell is. */
function readHeat() {
  const { grid, at: [x, y] } = heat;
  const [item, node, us] = [grid.items[x], grid.nodes[y], grid.latency_us[x][y]];
  const begin = `Node ${node}, ${item.kind} ${item.id}: `;
  if (item.origin === node) return say("heat-read", `${begin}it entered here.`);
  if (us === null) return say("heat-read", `${begin}never arrived. It entered at node ${item.origin}.`);
  const from = grid.from[x][y];
  const floor = grid.floor_us && grid.floor_us[x][y];
  const words = [us < 0 ? "arrived at an unknown time" : `arrived after ${time(us / 1000)}`];
  if (known(from)) words.push(`from node ${from}`);
  if (grid.within_block[x].includes(y)) words.push("inside a block");
  if (known(floor)) words.push(`the earliest possible is ${time(floor / 1000)}`);
  return say("heat-read", `${begin}${words.join(", ")}.`);
}

function tellHeat() {
  const { grid } = heat;
  const part = [];
  if (grid.items.length < extract.items_all) {
    part.push(`${number(grid.items.length)} of ${plural(extract.items_all, "item")} are shown, taken evenly over the run.`);
  }
  if (grid.nodes.length < extract.nodes_all) {
    part.push(`${number(grid.nodes.length)} of ${plural(extract.nodes_all, "node")} are shown, taken evenly over their numbers.`);
  }
  const unseen = report.tx.originated + report.block.originated - extract.items_all;
  if (unseen > 0) part.push(`${plural(unseen, "item")} reached no other node, and have no column.`);
  const empty = [...heat.empty].map((y) => grid.nodes[y]);
  if (empty.length) {
    part.push(`Nothing arrived at node ${empty.slice(0, 20).join(", ")}${empty.length > 20 ? ", …" : ""}: killed and ` +
      "adversarial nodes have no deliveries, and count in no figure of the report.");
  }
  how("heat-how", "How it was computed: each cell is one row of deliveries.csv, and its colour is the latency, on a " +
    `logarithmic scale. ${part.join(" ")}`);
  const ramp = make("canvas", { class: "ramp", width: "220", height: "12", "aria-hidden": "true" });
  const pen = ramp.getContext("2d");
  for (let x = 0; pen && x < 220; x += 1) {
    pen.fillStyle = rampColor(x / 219);
    pen.fillRect(x, 0, 1, 12);
  }
  const box = (color) => {
    const square = make("span", { class: "swatch", "aria-hidden": "true" });
    square.style.background = `var(${color})`;
    square.style.border = "1px solid var(--dim)";
    return square;
  };
  say("heat-legend", make("span", {}, time(heat.from), ramp, time(heat.to)),
    make("span", {}, box("--missing"), "never arrived"), make("span", {}, box("--ground"), "entered here"),
    ...(empty.length ? [make("span", {}, box("--line"), "nothing arrived at this node")] : []));
  tellMissing();
}

/** Rows of the table of missing deliveries; a person reads no more. */
const MISSING_ROWS = 200;

function tellMissing() {
  const { grid } = heat;
  const rows = [];
  let count = 0;
  grid.items.forEach((item, x) => {
    const nodes = grid.nodes.filter((node, y) => grid.latency_us[x][y] === null && node !== item.origin && !heat.empty.has(y));
    count += nodes.length;
    if (nodes.length) rows.push([`${item.kind} ${item.id}`, item.origin, nodes.length, nodes.slice(0, 20).join(", ") + (nodes.length > 20 ? ", …" : "")]);
  });
  const without = heat.empty.size ? ", without the nodes at which nothing arrived" : "";
  const cut = rows.length > MISSING_ROWS ? `, the first ${MISSING_ROWS} items` : "";
  table("missing", `${plural(count, "missing delivery").replace("deliverys", "deliveries")} in the map${without}${cut}`,
    [["item", false], ["entered at", true], ["missing", true], ["at nodes", false]], rows.slice(0, MISSING_ROWS));
}
