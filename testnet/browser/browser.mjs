// Opens pages in a headless browser, and records what a page must not do: errors on its console, and requests to anywhere
// but its own address.
//
// CHROMIUM names the browser. scripts/browser-test.sh sets it.

import { chromium } from "playwright-core";

/** How long a page may take to show what it is to show. */
const PATIENCE_MS = 30_000;

export const startBrowser = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--disable-gpu"] });

/**
 * Opens a page. `problems` lists what it must not do; a test looks at the end whether it is empty. Options: `width` and
 * `height` in pixels, `scheme` (light or dark), and `still` for a reader who wants no motion.
 */
export async function openPage(browser, url, { width = 1280, height = 900, scheme = "light", still = false } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: still ? "reduce" : "no-preference",
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const problems = [];
  const own = new URL(url).origin;
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`script: ${error.message}`));
  page.on("request", (request) => {
    const asked = new URL(request.url());
    if (asked.protocol !== "data:" && asked.origin !== own) problems.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  return { page, problems, close: () => context.close() };
}

/** By how many pixels a page is wider than its window; 0 if all of it can be read without moving it sideways. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth).then((over) => Math.max(0, over));
