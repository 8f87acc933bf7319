// Pictures of the node's page for people: wide and narrow, light and dark, with some peers and items. Usage:
// scripts/browser-test.sh --shots DIR

import { mkdir } from "node:fs/promises";

import { openPage, startBrowser } from "./browser.mjs";
import { Nodes, pause } from "./programs.mjs";

const folder = process.argv[2] ?? "out/shots";
/** Transactions that are sent before the pictures. */
const ITEMS = 12;

const nodes = new Nodes();
const browser = await startBrowser();
try {
  await mkdir(folder, { recursive: true });
  const first = await nodes.start("first", "--produce-every", "2s");
  const [second] = [await nodes.start("second"), await nodes.start("third"), await nodes.start("fourth")];
  const shots = [];
  for (const scheme of ["light", "dark"]) {
    for (const [width, height] of [[1280, 900], [390, 844]]) {
      shots.push([`page-${width}-${scheme}`, await openPage(browser, second.url, { width, height, scheme, still: true })]);
    }
  }
  await Promise.all(shots.map(([, { page }]) => page.locator("#items-live", { hasText: "Live" }).waitFor()));
  let id;
  for (let item = 0; item < ITEMS; item += 1) id = await nodes.send(first, `item ${item} ${"x".repeat(40 * item)}`);
  await pause(4_000);
  for (const [name, { page }] of shots) {
    await page.getByRole("button", { name: `Show ${id}` }).click();
    await page.locator("#item-trace").filter({ hasText: /\w/ }).waitFor();
    await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  }
} finally {
  await browser.close();
  await nodes.stop();
}
console.log(`pictures are in ${folder}`);
