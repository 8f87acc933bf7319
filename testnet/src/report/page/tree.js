// The tree of one item: each node hangs below the neighbour from which it got the item. Each node has a line of its
// own, as in an outline, and its place on the axis of time is the time of its acceptance.

const trees = extract.trees ?? extract.heat;
const treeEmpty = emptyRows(trees);
const TREE_LINE = 16;

function startTree() {
  const select = byId("tree-item");
  if (trees.items.length === 0 || extract.nodes_all > trees.nodes.length) {
    byId("tree-section").hidden = trees.items.length === 0;
    for (const part of ["tree-item", "tree", "tree-table"]) byId(part).parentElement.hidden = true;
    how("tree-how", `Trees are drawn of at most ${number(extract.limits.tree_nodes)} nodes; this run has ` +
      `${number(extract.nodes_all)}. deliveries.csv has the neighbour from which each node got each item.`);
    return;
  }
  trees.items.forEach((item, index) => {
    select.append(make("option", { value: index }, `${item.kind} ${item.id}, from node ${item.origin}`));
  });
  select.addEventListener("change", drawTree);
  say("tree-legend", swatch("series two", "first hop, from the origin"), swatch("series one", "later hops"),
    swatch("series floor one", "inside a block"));
  const fewer = trees.items.length < extract.items_all
    ? ` ${number(trees.items.length)} of ${plural(extract.items_all, "item")} can be chosen, taken evenly over the run.` : "";
  how("tree-how", "How it was computed: a node's parent is `from` of its row in deliveries.csv, which is the neighbour " +
    "that brought the item first; a hop's latency is the node's acceptance minus its parent's, so it includes the " +
    `verification.${fewer}`);
  drawTree();
}

/** Shows the item with this column of the heat map, if the trees have it. */
function chooseTree(column) {
  const wanted = extract.heat.items[column];
  const index = trees.items.findIndex((item) => item.id === wanted.id && item.kind === wanted.kind);
  if (index < 0 || byId("tree-item").parentElement.hidden) return;
  byId("tree-item").value = index;
  drawTree();
  byId("tree-title").scrollIntoView({ block: "start" });
}

/** The nodes of an item, parents first, with their depth; then those whose parent is unknown, with depth null. */
function treeNodes(index) {
  const item = trees.items[index];
  const inside = new Set(trees.within_block[index].map((y) => trees.nodes[y]));
  const at = new Map([[item.origin, { node: item.origin, us: 0, from: null, inside: false }]]);
  trees.nodes.forEach((node, y) => {
    const us = trees.latency_us[index][y];
    if (us !== null && node !== item.origin) {
      at.set(node, { node, us: us < 0 ? null : us, from: trees.from[index][y], inside: inside.has(node) });
    }
  });
  const children = new Map();
  for (const one of at.values()) {
    if (one.from !== null) children.set(one.from, [...(children.get(one.from) ?? []), one]);
  }
  const order = [];
  const stack = [[at.get(item.origin), 0]];
  const seen = new Set();
  while (stack.length) {
    const [one, depth] = stack.pop();
    if (seen.has(one.node)) continue;
    seen.add(one.node);
    order.push({ ...one, depth, parent: at.get(one.from) });
    const below = [...(children.get(one.node) ?? [])].sort((a, b) => (b.us ?? 0) - (a.us ?? 0));
    for (const child of below) stack.push([child, depth + 1]);
  }
  const rest = [...at.values()].filter((one) => !seen.has(one.node));
  return [...order, ...rest.map((one) => ({ ...one, depth: null, parent: at.get(one.from) }))];
}

/** Microseconds between a node's acceptance and its parent's. */
const hop = (one) => (one.parent && known(one.us) && known(one.parent.us) ? one.us - one.parent.us : null);

function drawTree() {
  const index = Number(byId("tree-item").value) || 0;
  const item = trees.items[index];
  const nodes = treeNodes(index);
  const picture = byId("tree");
  const width = Math.max(340, Math.min(1068, picture.parentElement.clientWidth || 900));
  const longest = Math.max(1, ...nodes.map((one) => one.us ?? 0)) / 1000;
  const [left, right, top] = [14, width - 150, 34];
  const x = (us) => left + ((us ?? 0) / 1000 / longest) * (right - left);
  const line = new Map(nodes.map((one, at) => [one.node, top + at * TREE_LINE]));
  picture.replaceChildren();
  picture.setAttribute("viewBox", `0 0 ${width} ${top + nodes.length * TREE_LINE + 8}`);
  picture.style.width = `${width}px`;
  const ticks = width < 600 ? 3 : 6;
  for (let tick = 0; tick <= ticks; tick += 1) {
    const at = x((longest * 1000 * tick) / ticks);
    picture.append(draw("path", { class: "grid", d: `M${at} ${top - 12}V${top + nodes.length * TREE_LINE}` }));
    picture.append(draw("text", { class: "dim", x: at, y: 14, "text-anchor": tick ? "middle" : "start" }, time((longest * tick) / ticks)));
  }
  for (const one of nodes.filter((each) => each.parent)) {
    const [from, to] = [[x(one.parent.us), line.get(one.parent.node)], [x(one.us), line.get(one.node)]];
    const kind = `series ${one.depth === 1 ? "two" : "one"}${one.inside ? " floor" : ""}`;
    picture.append(draw("path", { class: kind, "stroke-opacity": 0.55, d: `M${from}V${to[1]}H${to[0]}` }));
  }
  for (const one of nodes) treeDot(picture, one, x(one.us), line.get(one.node));
  tellTree(item, nodes);
}

function treeDot(picture, one, x, y) {
  const color = one.depth === 1 ? "two" : one.depth === 0 ? "dim" : "one";
  const step = hop(one);
  const place = one.depth === 0 ? "entered here" : `${time(known(one.us) ? one.us / 1000 : null)}${known(step) ? ` (+${time(step / 1000)})` : ""}`;
  picture.append(draw("circle", { cx: x, cy: y, r: one.depth === 0 ? 6 : 4, class: `dot-${color}` }));
  picture.append(draw("text", { x: x + 9, y: y + 4 }, `${one.node}: ${place}`));
}

function tellTree(item, nodes) {
  const depths = nodes.map((one) => one.depth ?? 0);
  const here = new Set(nodes.map((one) => one.node));
  const never = trees.nodes.filter((node, y) => !here.has(node) && !treeEmpty.has(y)).length;
  const lost = nodes.filter((one) => one.depth === null).length;
  const last = nodes.reduce((a, b) => ((b.us ?? 0) > (a.us ?? 0) ? b : a));
  say("tree-text", `${item.kind} ${item.id} entered at node ${item.origin} and reached ${plural(nodes.length - 1, "other node")} ` +
    `in at most ${plural(Math.max(...depths), "hop")}; the last was node ${last.node} after ${time((last.us ?? 0) / 1000)}.` +
    (never > 0 ? ` It never reached ${plural(never, "node")}.` : "") +
    (lost > 0 ? ` How it came to ${plural(lost, "node")} is not known; they stand at the end.` : ""));
  const rows = nodes.map((one) => [
    one.node, known(one.from) ? one.from : DASH, known(one.depth) ? one.depth : DASH,
    known(hop(one)) ? time(hop(one) / 1000) : DASH, known(one.us) ? time(one.us / 1000) : DASH, one.inside ? "yes" : "no",
  ]);
  table("tree-table", `The way of ${item.kind} ${item.id}, parents first`,
    [["node", true], ["from", true], ["hops", true], ["hop's latency", true], ["latency", true], ["inside a block", false]], rows);
}
