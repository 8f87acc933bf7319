// Items as they are accepted, the newest first, and what is known of one of them. The list has the last 50. They come from
// the stream of events. A node that remembers the ways of items tells the ones from before.

const ITEMS_SHOWN = 50;

let items = [];
let heldItems = false;
let itemsDue = false;
/** The item that is shown. */
let shownItem = null;

const ITEM_COLUMNS = [
  ["Accepted at", false, (item) => clock(item.at_ms)],
  ["Item", false, (item) => (known(item.height) ? `block ${number(item.height)}` : item.kind ?? "transaction")],
  ["Id", false, (item) => idButton(item)],
  ["Size", true, (item) => (known(item.transactions) ? plural(item.transactions, "transaction") : bytes(item.bytes))],
  ["Came", false, (item) => (item.within ? `within block ${short(item.within)}` : item.within === null ? "by itself" : DASH)],
];

function idButton(item) {
  const button = make("button", { type: "button", class: "id", "aria-label": `Show ${item.id}` }, short(item.id));
  button.addEventListener("click", () => showItem(item.id, item));
  return button;
}

/** An item was accepted. Many may come at once, so the list is drawn once for all of them. */
function tellItem(item) {
  if (known(item.timestamp_ms)) tellAge(item.at_ms - item.timestamp_ms);
  items.unshift(item);
  items.length = Math.min(items.length, ITEMS_SHOWN);
  if (itemsDue) return;
  itemsDue = true;
  requestAnimationFrame(() => {
    itemsDue = false;
    drawItems();
  });
}

/** Items from before the page was opened. Those that came meanwhile are above them. */
function tellEarlier(earlier) {
  const there = new Set(items.map((item) => item.id));
  items = [...items, ...earlier.filter((item) => !there.has(item.id))].slice(0, ITEMS_SHOWN);
  drawItems();
}

function drawItems() {
  if (heldItems) return;
  fill(byId("items"), ITEM_COLUMNS, items, (item) => item.id);
  byId("items-none").hidden = items.length > 0;
}

/** Shows what is known of an item. `told` is its event, if the page has seen it. */
async function showItem(id, told = {}) {
  say(byId("item-title"), id);
  shownItem = null;
  const panel = byId("item");
  panel.hidden = false;
  sayFacts(byId("item-facts"), [["State", "asking the node"]]);
  byId("item-trace").replaceChildren();
  panel.focus();
  panel.scrollIntoView({ block: "nearest" });
  let transaction, trace;
  try {
    [transaction, trace] = await ask(["tx_get", id], ["trace_get", id]);
  } catch (error) {
    return sayFacts(byId("item-facts"), [["State", `unknown: ${error.message}`]]);
  }
  // The reader may have chosen another one meanwhile.
  if (byId("item-title").textContent !== id) return;
  shownItem = { id, told, trace: trace.result };
  sayFacts(byId("item-facts"), itemFacts(transaction.result, told, trace.result));
  byId("item-trace").replaceChildren(...traceParts(trace));
}

/** The chain has grown: the item that is shown may be confirmed now. Its way stays as it was told. */
async function lookAgain() {
  const shown = shownItem;
  if (!shown || byId("item").hidden) return;
  const [{ result }] = await ask(["tx_get", shown.id]).catch(() => [{}]);
  if (result && shown === shownItem) sayFacts(byId("item-facts"), itemFacts(result, shown.told, shown.trace));
}

function itemFacts(found, told, trace) {
  const facts = [];
  if (known(told.height)) {
    facts.push(["Item", `block ${number(told.height)} with ${plural(told.transactions, "transaction")}`]);
    facts.push(["Producer", told.producer], ["Parent", told.parent]);
    facts.push(["Made at", `${clock(told.timestamp_ms)}, by its producer's clock`]);
  } else if (found) {
    facts.push(["Item", "transaction"], ["State", found.status]);
    if (found.block) facts.push(["In block", `${number(found.height)}, ${found.block}`]);
    if (found.transaction) facts.push(["Size", bytes(found.transaction.length / 2)]);
  } else {
    facts.push(["Item", trace?.kind ?? told.kind ?? "no transaction that this node knows"]);
  }
  if (trace?.state) facts.push(["Verdict", trace.refusal ? `${trace.state}: ${trace.refusal}` : trace.state]);
  if (known(told.at_ms)) facts.push(["Accepted at", `${clock(told.at_ms)}, by this node's clock`]);
  return facts;
}

function startItems() {
  byId("look-up").addEventListener("submit", (event) => {
    event.preventDefault();
    const id = byId("item-id").value.trim().toLowerCase();
    showItem(id, items.find((item) => item.id === id));
  });
  byId("items-hold").addEventListener("click", ({ currentTarget }) => {
    heldItems = !heldItems;
    currentTarget.setAttribute("aria-pressed", String(heldItems));
    drawItems();
  });
  byId("item-close").addEventListener("click", () => {
    byId("item").hidden = true;
    byId("item-id").focus();
  });
}
