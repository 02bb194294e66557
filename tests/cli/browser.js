// browser.js - a real browser for the tests of the page: headless Chromium, steered by playwright-core.
//
// HARK_CHROMIUM names the browser; else Debian's is looked for. Without one its tests are skipped.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after } from 'node:test';
import { packages, within } from './lib.js';

const { chromium } = packages('playwright-core');
const executablePath = process.env.HARK_CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(path => existsSync(path));
export const skip = executablePath ? false : 'no Chromium here (apt-get install chromium, or set HARK_CHROMIUM)';

let starting;
/** One browser for all tests of a file. Names under example.org are this machine. */
export const browser = () => (starting ??= chromium.launch({
  executablePath,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP *.example.org 127.0.0.1'],
}));
after(async () => (await starting)?.close());

/** Opens a page, waits until it has what says that it is there, and fails the test on any error in it. */
export async function open(t, url, options = {}, there = '#state[data-state="live"]') {
  const context = await (await browser()).newContext({ viewport: { width: 1280, height: 1100 }, ...options });
  const page = await context.newPage();
  const errors = [];
  page.setDefaultTimeout(30000);
  page.on('pageerror', error => errors.push(error.message));
  page.on('console', message => message.type() === 'error' && !/ERR_|Failed to load resource/.test(message.text()) && errors.push(message.text()));
  t.after(async () => {
    await context.close();
    assert.deepEqual(errors, []);
  });
  await page.goto(url);
  await page.locator(there).waitFor();
  return page;
}

/** Waits until a function holds in the page, looked at with each frame. (playwright's own way evaluates text, which the page's policy forbids.) */
export async function until(page, holds, argument) {
  const looking = async () => {
    while (!(await page.evaluate(holds, argument))) await page.evaluate(() => new Promise(resolve => requestAnimationFrame(resolve)));
  };
  await within(looking(), `the page to be so: ${holds}`);
}
