// The controls of a run under way. Each button sends one order, and the run answers in words.

async function give(order) {
  say("answer", "…");
  try {
    const response = await fetch("order", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(order) });
    const text = await response.text();
    say("answer", response.ok ? text : `Not done: ${text}`);
    byId("answer").className = response.ok ? "readout" : "readout warning";
  } catch {
    say("answer", "Not done: the run does not answer any more.");
  }
}

const chosenOf = (id) => Number(byId(id).value);

function startControls() {
  const orders = {
    send: () => ({ do: "send", node: chosenOf("send-node"), count: 1 }),
    "send-burst": () => ({ do: "send", node: chosenOf("send-node"), count: chosenOf("burst") }),
    block: () => ({ do: "block" }),
    kill: () => ({ do: "kill", node: chosenOf("act-node") }),
    pause: () => ({ do: "pause", node: chosenOf("act-node") }),
    resume: () => ({ do: "resume", node: chosenOf("act-node") }),
    cut: () => ({ do: "cut" }),
    heal: () => ({ do: "heal" }),
  };
  for (const [id, order] of Object.entries(orders)) byId(id).addEventListener("click", () => give(order()));
  byId("act-node").addEventListener("change", () => choose(chosenOf("act-node")));
}

/** Shows the controls that this run has, and says why others are missing. */
function offerControls() {
  const { controls, nodes } = run.hello;
  byId("controls").hidden = !controls.any;
  const options = () => Array.from({ length: nodes }, (_, n) => make("option", { value: n }, n));
  for (const id of ["send-node", "act-node"]) {
    // A choice stays when the page is told everything again.
    if (byId(id).options.length !== nodes) byId(id).replaceChildren(...options());
  }
  const missing = [["block", controls.no_block], ["cut", controls.no_cut], ["heal", controls.no_cut]];
  for (const [id, why] of missing) {
    byId(id).disabled = Boolean(why);
    if (why) byId(id).title = why;
  }
  const reasons = [...new Set(missing.map(([, why]) => why).filter(Boolean))];
  say("answer", reasons.length ? `Not offered: ${reasons.join("; ")}.` : "");
}

function endControls() {
  for (const button of byId("controls").querySelectorAll("button")) button.disabled = true;
}
