// dashboard.test.js - the page at / in a real browser: headless Chromium, steered by playwright-core.
//
// HARK_CHROMIUM names the browser; else Debian's is looked for. Without one these tests are skipped. A picture of the page is left
// in the build directory.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { Process, backends, bin, packages, run, serve, within } from './lib.js';

const { chromium } = packages('playwright-core');
const executablePath = process.env.HARK_CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(path => existsSync(path));
const skip = executablePath ? false : 'no Chromium here (apt-get install chromium, or set HARK_CHROMIUM)';

let starting;
/** One browser for all tests of this file. */
const browser = () => (starting ??= chromium.launch({
  executablePath,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
}));
after(async () => (await starting)?.close());

/** Opens the page, and fails the test on any error in it. */
async function open(t, server, options = {}) {
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
  await page.goto(server.url);
  await page.locator('#state[data-state="live"]').waitFor();
  return page;
}

const event = (page, text) => page.locator('#events li p', { hasText: text }).first();

for (const [backend, threads] of [...backends.map(name => [name, 1]), [backends[0], 3]]) {
  test(`an event that curl publishes appears in the page (${backend}, threads: ${threads})`, { skip }, async t => {
    const server = await serve(t, { backend, threads });
    const page = await open(t, server);
    await page.getByText('No stream yet').waitFor();
    await server.curl('-d', 'it rains', `${server.url}/streams/weather`);
    await event(page, 'it rains').waitFor();
    await server.curl('-d', 'it snows', `${server.url}/streams/weather`);
    await event(page, 'it snows').waitFor();
    assert.deepEqual(await page.locator('#events li p').allTextContents(), ['it rains', 'it snows']);
    await page.locator('#streams td.name', { hasText: 'weather' }).waitFor();
    assert.equal(await page.locator('#backend').textContent(), backend);
    assert.equal(/, 3 threads, /.test(await page.locator('#facts').textContent()), threads === 3);
    assert.ok((await page.locator('#ops tr').count()) > 0);
    assert.match(await page.locator('#asleep').textContent(), /^\d+\.\d %$/);
    await server.stop();
  });
}

test('the page publishes, follows what is picked, and shows text as text', { skip }, async t => {
  const server = await serve(t);
  await server.publish('other', 'from the other stream');
  const page = await open(t, server);
  const nasty = '<img src=x onerror="document.title=\'broken\'"> & "quotes"';
  await page.fill('#to', 'mine');
  await page.fill('#what', `${nasty}\nsecond line`);
  await page.click('#publish button');
  await page.getByText(/kept, with the id \d+/).waitFor();
  await event(page, 'second line').waitFor();
  assert.equal(await event(page, 'second line').textContent(), `${nasty}\nsecond line`);
  assert.equal(await page.title(), 'hark');
  assert.deepEqual((await server.read('mine', 1)).length, 1);
  await page.locator('tr.pick', { hasText: 'other' }).click();
  await event(page, 'from the other stream').waitFor();
  assert.equal(await page.locator('#events li').count(), 1);
  await page.fill('#to', '.wrong');
  assert.equal(await page.locator('#to:invalid').count(), 1);
  await server.stop();
});

test('the page comes back after the server was killed, and misses nothing', { skip }, async t => {
  const server = await serve(t);
  await server.publish('news', 'one');
  const page = await open(t, server);
  await event(page, 'one').waitFor();
  await server.kill();
  await page.locator('#state[data-state="lost"]').waitFor();
  await server.start();
  for (const text of ['two', 'three']) await server.publish('news', text);
  await event(page, 'three').waitFor();
  await page.locator('#state[data-state="live"]').waitFor();
  assert.deepEqual(await page.locator('#events li p').allTextContents(), ['one', 'two', 'three']);
  await server.stop();
});

test("a browser's EventSource that has seen no event yet comes back to the right place", { skip }, async t => {
  const server = await serve(t);
  const page = await open(t, server);
  await page.evaluate(() => new Promise(resolve => {
    window.seen = [];
    const source = new EventSource('/streams/quiet');
    source.onmessage = event => window.seen.push(event.data);
    source.onopen = resolve;
  }));
  await server.kill();
  await server.start();
  for (const text of ['one', 'two']) await server.publish('quiet', text);
  await page.waitForFunction(() => window.seen.length >= 2);
  assert.deepEqual(await page.evaluate(() => window.seen), ['one', 'two']);
  await server.stop();
});

test('a page needs two connections, and a hidden one none', { skip }, async t => {
  const server = await serve(t);
  await server.publish('a', 'x');
  const pages = [];
  for (let i = 0; i < 3; i++) pages.push(await open(t, server));
  await within((async () => { while ((await server.stats()).subscribers.sse < 3); })(), 'three subscribers');
  for (const page of pages) await event(page, 'x').waitFor();
  for (const page of pages) await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: true, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await within((async () => { while ((await server.stats()).subscribers.sse > 0); })(), 'no subscriber');
  await pages[0].evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: false, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await server.publish('a', 'y');
  await event(pages[0], 'y').waitFor();
  assert.deepEqual(await pages[0].locator('#events li p').allTextContents(), ['x', 'y']);
  await server.stop();
});

test('a flood of events leaves the page alive', { skip }, async t => {
  const server = await serve(t);
  const page = await open(t, server);
  const lines = Array.from({ length: 50000 }, (_, i) => `flood ${i}`).join('\n');
  await server.publish('flood', 'first');
  await event(page, 'first').waitFor();
  assert.equal((await run(t, bin, ['pub', 'flood', '--server', server.lines], lines)).code, 0);
  await event(page, 'flood 49999').waitFor();
  assert.ok((await page.locator('#events li').count()) <= 400);
  await page.getByText('50,001 received').waitFor();
  await server.stop();
});

test('a picture of the page', { skip }, async t => {
  const server = await serve(t);
  const page = await open(t, server, { colorScheme: 'dark' });
  const weather = new Process(t, bin, ['pub', 'weather', '--server', server.lines]);
  for (let i = 0; i < 30; i++) {
    weather.write(`{"city":"Utrecht","rain":${i % 9},"wind":${(i * 7) % 12}}\n`);
    await server.publish('orders', `order ${i} was placed`);
  }
  await weather.end().done();
  await page.locator('tr.pick', { hasText: 'weather' }).click();
  await event(page, 'Utrecht').waitFor();
  for (const [name, colorScheme] of [['light', 'light'], ['dark', 'dark']]) {
    await page.emulateMedia({ colorScheme });
    const picture = await page.screenshot({ path: join(process.env.HARK_BUILD, `dashboard-${name}.png`) });
    assert.ok(picture.length > 10000);
  }
  await server.stop();
});
