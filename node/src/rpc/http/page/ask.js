// Asks the node: its methods, and its metrics. An answer that does not come in time is an error, and so is another status
// than 200. Deliberately absent: the cookie. What needs it is refused, and the page says so.

const ANSWER_MS = 5000;
const NO_METHOD = -32601;
const REFUSED = -31010;
const NEEDS_COOKIE = -31013;

/** Answers to several calls, in their order: each has `result` or `error`. */
async function ask(...calls) {
  const body = calls.map(([method, ...params], id) => ({ jsonrpc: "2.0", id, method, params }));
  const headers = { "content-type": "application/json" };
  const answers = await (await get("/", { method: "POST", headers, body: JSON.stringify(body) })).json();
  return calls.map((_, id) => answers.find((answer) => answer.id === id) ?? { error: { code: 0, message: "no answer" } });
}

async function get(path, options = {}) {
  const answer = await fetch(path, { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(ANSWER_MS), ...options });
  if (!answer.ok) throw new Error(`the node answered with status ${answer.status}`);
  return answer;
}

/** The metrics by their names without `hearsay_`: lists of labels and values. */
async function askMetrics() {
  const found = new Map();
  for (const line of (await (await get("/metrics")).text()).split("\n")) {
    const parts = /^hearsay_(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!parts) continue;
    const labels = Object.fromEntries([...(parts[2] ?? "").matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
    if (!found.has(parts[1])) found.set(parts[1], []);
    found.get(parts[1]).push([labels, Number(parts[3])]);
  }
  return found;
}

/** The sum of a metric's values whose labels have these values; a list of values means any of them. */
function sum(metrics, name, wanted = {}) {
  const fits = (labels) => Object.entries(wanted).every(([label, values]) => [values].flat().includes(labels[label]));
  return (metrics.get(name) ?? []).reduce((all, [labels, value]) => (fits(labels) ? all + value : all), 0);
}
