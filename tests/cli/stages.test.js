// stages.test.js - where the time goes, as a running server shows it: on its page, and to hark trace at the same time.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { open, skip, until } from './browser.js';
import { bin, run, serve } from './lib.js';

const KINDS = ['fdatasync', 'recv_each', 'sendmsg', 'writev'];

/** Publishes until the page shows all these kinds of requests. */
async function publishUntilShown(page, server, kinds) {
  const shown = () => page.locator('#stages tbody tr').evaluateAll(lines => lines.map(line => line.cells[0].title));
  for (let all = []; !kinds.every(kind => all.includes(kind)); all = await shown()) await server.publish('weather', 'it rains');
}

/** The contrast of a color with the card that it is on, as WCAG has it. */
const contrast = (page, selector) => page.locator(selector).first().evaluate(element => {
  const luminance = color => {
    const [r, g, b] = color.match(/[\d.]+/g).slice(0, 3).map(value => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [a, b] = [getComputedStyle(element).fill, getComputedStyle(element.closest('.card')).backgroundColor].map(luminance);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
});

for (const threads of [1, 3]) {
  test(`the page shows the stages of each kind of request, in every light and width (threads: ${threads})`, { skip }, async t => {
    const server = await serve(t, { threads });
    const page = await open(t, server.url);
    await publishUntilShown(page, server, KINDS);
    for (const kind of KINDS) {
      const line = page.locator('#stages tbody tr', { has: page.locator(`td[title="${kind}"]`) });
      const words = await line.locator('svg').getAttribute('aria-label');
      const shares = [...words.matchAll(/(submission|kernel|notification|callback) (\d+) %/g)].map(match => Number(match[2]));
      assert.equal(shares.length, 4, words);
      assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 100) <= 2, words);
      const waits = kind === 'recv_each';
      if (waits) assert.match(words, /kernel 0 %/);
      assert.match(await line.locator('td').nth(2).textContent(), /^[\d.]+ (ns|µs|ms|s)$/);
      assert.equal(await line.locator('td').nth(2).getAttribute('class'), waits ? 'away' : '');
      assert.match(await line.locator('td').nth(4).textContent(), /^[\d.]+ (ns|µs|ms|s)$/);
    }
    assert.match(await page.locator('#longest-callback').textContent(), /^[\d.]+ (ns|µs|ms|s) [a-z_]+$/);
    await until(page, () => /^[\d.]+ (ns|µs|ms|s)$/.test(document.getElementById('late-callbacks').textContent));
    assert.equal(await page.locator('#stalls').isVisible(), false);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      for (const stage of ['submission', 'kernel', 'notification', 'callback'])
        assert.ok((await contrast(page, `#stages rect.${stage}`)) >= 3, `${stage} is seen (${colorScheme})`);
      for (const width of [1280, 390, 340]) {
        await page.setViewportSize({ width, height: 900 });
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `nothing sticks out at ${width}`);
        const outside = await page.locator('#stages').evaluate(table => table.getBoundingClientRect().right - table.closest('.card').getBoundingClientRect().right);
        assert.ok(outside <= 0, `the table is in its card at ${width}`);
        const picture = await page.locator('section', { has: page.locator('#stages') }).screenshot({
          path: join(process.env.HARK_BUILD, `stages-${width}-${colorScheme}.png`) });
        assert.ok(picture.length > 5000);
      }
    }
    await server.stop();
  });
}

test('what has held a thread is told, and that nothing is recorded', { skip }, async t => {
  const server = await serve(t, { args: ['--stages', '0', '--stall', '100ms'] });
  const page = await open(t, server.url);
  await page.locator('#stages-note', { hasText: 'not recorded' }).waitFor();
  assert.equal(await page.locator('#stages').isVisible(), false);
  const stats = await server.stats();
  assert.deepEqual(stats.stalls, { limit_seconds: 0.1, count: 0, seconds: 0, last: null });
  stats.stalls = { limit_seconds: 0.1, count: 3, seconds: 0.6, last: { op: 'recv_each', seconds: 0.231, ago_seconds: 75.5 } };
  await page.route(/\/stats/, route => route.fulfill({ json: stats }));
  await page.getByText('3 callbacks have held a loop for longer than 100 ms: the last, of recv_each, for 231 ms, 1 min ago.').waitFor();
  await page.unroute(/\/stats/);
  await server.stop();
});

test('a server that is looked at is traced by hark trace all the same, and goes on showing its stages', async t => {
  const server = await serve(t, { threads: 2 });
  const callbacks = async () => (await server.stats()).stages.ops.reduce((sum, op) => sum + op.callback.count, 0);
  let looks = true;
  const looking = (async () => { while (looks) { await callbacks(); await server.publish('weather', 'it rains'); } })();
  for (let i = 0; i < 2; i++) {
    const { code, stdout, stderr } = await run(t, bin, ['trace', '--pid', String(server.process.child.pid), '--for', '500ms']);
    assert.match(stderr, /^hark: trace: process \d+ records[^\n]*\n$/);
    assert.equal(code, 0);
    assert.match(stdout, /^recv_each +\d+/m);
    assert.match(stdout, /^fdatasync +\d+/m);
  }
  looks = false;
  await looking;
  const before = await callbacks();
  let after = before;
  while (after <= before + 50) { await server.publish('weather', 'it snows'); after = await callbacks(); }
  const { stages, loop } = await server.stats();
  const called = loop.ops.reduce((sum, op) => sum + op.handled + op.repeated, 0);
  assert.equal(stages.recording, 2);
  assert.ok(after + stages.missed <= called, 'nothing is counted twice');
  await server.stop();
});
