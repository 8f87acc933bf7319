// The node's own page, with three real nodes: peers, items, a node that goes, and a page that loses its node.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { openPage, overflow, startBrowser } from "./browser.mjs";
import { Nodes } from "./programs.mjs";

const PRODUCE = ["--produce-every", "1s"];

let browser;
let nodes;
let first;
let second;
let third;

before(async () => {
  nodes = new Nodes();
  [first, browser] = await Promise.all([nodes.start("first", ...PRODUCE), startBrowser()]);
  second = await nodes.start("second");
  third = await nodes.start("third");
});

after(async () => {
  await browser?.close();
  await nodes?.stop();
});

/** The row of a peer. */
const row = (page, node) => page.locator("#peers tbody tr", { hasText: node.peerId.slice(-8) });

test("it shows who the node is, its peers with their figures, and its height", async () => {
  const { page, problems, close } = await openPage(browser, first.url);
  await page.locator("#name", { hasText: first.peerId.slice(-8) }).waitFor();
  for (const peer of [second, third]) {
    await row(page, peer).filter({ hasText: "ready" }).filter({ hasText: "dialled this node" }).waitFor();
    await row(page, peer).filter({ hasText: /\d (B|KiB)/ }).filter({ hasText: /\d (ms|µs)/ }).waitFor();
  }
  await page.locator("#cards div", { hasText: "Height" }).filter({ hasText: /[1-9]/ }).waitFor();
  await page.locator("#members tbody tr", { hasText: "this node" }).waitFor();
  await page.locator("#bytes", { hasText: "Membership" }).waitFor();
  assert.deepEqual(problems, []);
  await close();
});

test("a transaction appears as soon as the node accepts it, and the keyboard leads to what is known of it", async () => {
  const { page, problems, close } = await openPage(browser, second.url);
  await page.locator("#items-live", { hasText: "Live" }).waitFor();
  const id = await nodes.send(first, "hello");
  const button = page.getByRole("button", { name: `Show ${id}` });
  await button.focus();
  await page.keyboard.press("Enter");
  await page.locator("#item-title", { hasText: id }).waitFor();
  await page.locator("#item-facts", { hasText: /pending|confirmed/ }).waitFor();
  await page.locator("#item-trace").filter({ hasText: /\w/ }).waitFor();
  await page.locator("#items tbody tr", { hasText: "block" }).first().waitFor();
  await page.locator("#latency .bar").first().waitFor();
  // By its id as well, after the list no longer has it.
  await page.locator("#item-close").press("Enter");
  await page.locator("#item-id").fill(id);
  await page.keyboard.press("Enter");
  await page.locator("#item-facts", { hasText: "confirmed" }).waitFor();
  assert.deepEqual(problems, []);
  await close();
});

test("a node that ends is gone from the list of peers", async () => {
  const { page, problems, close } = await openPage(browser, first.url);
  await row(page, third).waitFor();
  await third.kill();
  await row(page, third).waitFor({ state: "detached" });
  await row(page, second).waitFor();
  assert.deepEqual(problems, []);
  await close();
});

test("a page whose node ends says so, and goes on when the node is back", async () => {
  const { page, close } = await openPage(browser, second.url);
  await page.locator("#connection", { hasText: "Connected" }).waitFor();
  await second.stop();
  await page.locator("#connection", { hasText: "Connection lost" }).waitFor();
  await page.locator("#items-live", { hasText: "Not live" }).waitFor();
  second = await nodes.startAgain(second);
  await page.locator("#connection", { hasText: "Connected" }).waitFor();
  await page.locator("#items-live", { hasText: "Live:" }).waitFor();
  // The browser itself reports each request that nobody answered, so problems are not looked at here.
  await close();
});

test("a node without peers and items says so in words", async () => {
  const alone = new Nodes();
  try {
    const node = await alone.start("alone");
    const { page, problems, close } = await openPage(browser, node.url);
    await page.getByText("No peer is connected.").waitFor();
    await page.getByText("No item was accepted yet").waitFor();
    await page.getByText("No item had this time yet").waitFor();
    assert.deepEqual(problems, []);
    await close();
  } finally {
    await alone.stop();
  }
});

for (const scheme of ["light", "dark"]) {
  test(`in a window of 390 pixels nothing is cut, ${scheme}`, async () => {
    const { page, problems, close } = await openPage(browser, first.url, { width: 390, height: 844, scheme, still: true });
    await page.locator("#peers tbody tr").first().waitFor();
    await page.locator("#bytes .cause").first().waitFor();
    assert.equal(await overflow(page), 0);
    assert.deepEqual(problems, []);
    await close();
  });
}
