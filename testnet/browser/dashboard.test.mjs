// The dashboard of a run of eight real nodes on emulated links: what it shows, its controls, and the replay afterwards.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { openPage, overflow, startBrowser } from "./browser.mjs";
import { Program, until } from "./programs.mjs";

const NODES = 8;
const LOAD = ["--nodes", `${NODES}`, "--degree", "4", "--wan", "uniform:5ms", "--duration", "10m", "--idle", "1s"];

/**
 * A page has failed if it shows nothing for this time, or draws fewer frames a second. A good machine is much quicker: the
 * figures are printed, and this is only what a starved one must still do.
 */
const SHOWN_MS = 20_000;
const FRAMES_MIN = 2;

/** How long frames are counted. */
const FRAMES_S = 3;

let browser;
let directory;
let run;
let url;

/** Starts the instrument, and waits for the address that it prints. */
async function start(name, args) {
  assert.ok(process.env.HEARSAY_TESTNET, "HEARSAY_TESTNET names no program: run scripts/browser-test.sh");
  const program = new Program(name, process.env.HEARSAY_TESTNET, args);
  const address = await until("the address", async () => {
    if (!program.running) throw new Error(program.log);
    return /^dashboard: (\S+)$/m.exec(program.log)?.[1];
  });
  return [program, address];
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "hearsay-dashboard-"));
  browser = await startBrowser();
  [run, url] = await start("run", ["run", ...LOAD, "--dashboard", "--out", join(directory, "run")]);
  // Everything below is about a run with load.
  await until("the load", async () => /^load for/m.test(run.log));
});

after(async () => {
  await browser?.close();
  await run?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** A page of the run that shows an item's way. */
async function opened(options) {
  const all = await openPage(browser, url, options);
  await all.page.locator("#clock", { hasText: `${NODES} nodes are up` }).waitFor();
  await all.page.locator("#wave-read", { hasText: "reached" }).waitFor();
  return all;
}

test("it shows every node and link, and goes on drawing", async () => {
  const began = Date.now();
  const { page, problems, close } = await openPage(browser, url);
  await page.locator("#clock", { hasText: `${NODES} of ${NODES} nodes are up` }).waitFor({ timeout: SHOWN_MS });
  assert.equal(await page.evaluate(() => [run.places.length, run.nodes.length, run.links.size].join()), `${NODES},${NODES},${(NODES * 4) / 2}`);
  console.log(`shown ${Date.now() - began} ms after it was opened`);
  await page.locator("#wave-read", { hasText: "reached 7 of 7 nodes" }).waitFor();
  await page.locator("#cdf path.series").first().waitFor();
  await page.locator("#slow-node", { hasText: "node" }).waitFor();
  await page.locator("#bytes .bar").first().waitFor();
  const rate = await page.evaluate((seconds) => new Promise((done) => {
    let frames = 0;
    const began = performance.now();
    const count = (now) => {
      frames += 1;
      if (now - began < seconds * 1000) requestAnimationFrame(count);
      else done((frames * 1000) / (now - began));
    };
    requestAnimationFrame(count);
  }), FRAMES_S);
  console.log(`${rate.toFixed(1)} frames a second`);
  assert.ok(rate >= FRAMES_MIN, `${rate} frames a second`);
  assert.deepEqual(problems, []);
  await close();
});

test("a transaction that is sent is seen to arrive everywhere", async () => {
  const { page, problems, close } = await opened();
  await page.locator("#send-node").selectOption("2");
  await page.getByRole("button", { name: "Send a transaction" }).click();
  await page.locator("#answer", { hasText: "1 sent at node 2" }).waitFor();
  await page.locator("#wave-read", { hasText: /By hand: transaction \w+ entered at node 2 .* reached 7 of 7 nodes/ }).waitFor();
  await page.locator("#burst").fill("20");
  await page.getByRole("button", { name: "Send the burst" }).click();
  await page.locator("#answer", { hasText: "20 sent at node 2" }).waitFor();
  await page.locator("#events li", { hasText: "20 items are sent by hand" }).waitFor();
  await page.getByRole("button", { name: "Make a block" }).click();
  await page.locator("#answer", { hasText: "is published" }).waitFor();
  await page.locator("#wave-read", { hasText: /By hand: block .* reached 7 of 7 nodes/ }).waitFor();
  assert.deepEqual(problems, []);
  await close();
});

test("a node is paused and goes on, and the network is cut and heals", async () => {
  const { page, problems, close } = await opened();
  await page.locator("#graph").focus();
  for (let n = 0; n <= 4; n += 1) await page.keyboard.press("ArrowRight");
  await page.locator("#node-read", { hasText: "node 4: up" }).waitFor();
  await page.getByRole("button", { name: "Pause" }).press("Enter");
  await page.locator("#node-read", { hasText: "node 4: paused" }).waitFor();
  await page.getByRole("button", { name: "Resume" }).press("Enter");
  await page.locator("#node-read", { hasText: "node 4: up" }).waitFor();
  await page.getByRole("button", { name: "Cut in two halves" }).click();
  await page.locator("#events li", { hasText: "nothing passes between the two halves" }).waitFor();
  await page.getByRole("button", { name: "Heal" }).click();
  await page.locator("#events li", { hasText: "the two halves are one again" }).waitFor();
  await page.locator("#wave-read", { hasText: "reached 7 of 7 nodes" }).waitFor();
  assert.deepEqual(problems, []);
  await close();
});

test("a node that is killed is shown", async () => {
  const { page, problems, close } = await opened();
  await page.locator("#act-node").selectOption("6");
  await page.getByRole("button", { name: "Kill" }).click();
  await page.locator("#answer", { hasText: "node 6 is killed" }).waitFor();
  await page.locator("#node-read", { hasText: "node 6: killed, 0 links" }).waitFor();
  await page.locator("#clock", { hasText: `7 of ${NODES} nodes are up` }).waitFor();
  // The browser itself reports each answer that is not good, so problems are looked at before one.
  assert.deepEqual(problems, []);
  await page.getByRole("button", { name: "Kill" }).click();
  await page.locator("#answer", { hasText: "Not done: node 6 does not run" }).waitFor();
  await close();
});

for (const scheme of ["light", "dark"]) {
  test(`in a window of 390 pixels nothing is cut, ${scheme}`, async () => {
    const { page, problems, close } = await opened({ width: 390, height: 844, scheme, still: true });
    await page.locator("#bytes .bar").first().waitFor();
    assert.equal(await overflow(page), 0);
    assert.deepEqual(problems, []);
    await close();
  });
}

test("when the run ends the page says so, and the report says that a person took part", async () => {
  const { page, close } = await opened();
  await run.stop();
  await page.locator("#warnings", { hasText: "The run has ended" }).waitFor();
  assert.ok(await page.getByRole("button", { name: "Kill" }).isDisabled());
  const report = JSON.parse(await readFile(join(directory, "run/report.json"), "utf8"));
  assert.deepEqual(report.by_hand, { transactions: 21, blocks: 1, killed: 1, paused: 1, cuts: 1 });
  assert.match(run.log, /DRIVEN BY HAND/);
  await close();
});

test("the finished run is played again, and any moment of it can be chosen", async () => {
  const [replay, address] = await start("replay", ["replay", join(directory, "run")]);
  try {
    const { page, problems, close } = await openPage(browser, address);
    await page.locator("#title", { hasText: `A run, again: ${NODES} nodes` }).waitFor();
    assert.ok(await page.locator("#controls").isHidden());
    await page.locator("#time").focus();
    await page.keyboard.press("End");
    await page.locator("#phase", { hasText: "ended" }).waitFor();
    await page.locator("#events li", { hasText: "node 6 is killed" }).waitFor();
    const submitted = () => page.evaluate(() => run.figures[0].submitted);
    const all = await submitted();
    await page.keyboard.press("Home");
    await until("the beginning", async () => (await submitted()) < all);
    assert.deepEqual(problems, []);
    await close();
  } finally {
    await replay.stop();
  }
});
