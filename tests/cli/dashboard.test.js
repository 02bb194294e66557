// dashboard.test.js - the page at / in a real browser (browser.js). Pictures of the page are left in the build directory.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { browser, open as openUrl, skip, until } from './browser.js';
import { Process, Socket, backends, bin, connection, request, run, serve, within } from './lib.js';

const open = (t, server, options) => openUrl(t, server.url, options);
const event = (page, text) => page.locator('#events li p', { hasText: text }).first();

test('the page works under a policy that lets nothing else run, and no page may frame it', { skip }, async t => {
  const server = await serve(t);
  const { headers } = await fetch(server.url);
  const policy = headers.get('content-security-policy');
  for (const part of [/default-src 'none'/, /script-src 'sha256-[^']+';/, /style-src 'sha256-[^']+';/, /frame-ancestors 'none'/]) assert.match(policy, part);
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  assert.equal(headers.get('x-frame-options'), 'DENY');
  // open() fails the test on what the browser reports, violations of the policy included: they are errors on its console.
  const page = await open(t, server);
  await server.publish('weather', 'it rains');
  await event(page, 'it rains').waitFor();
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).margin), '8px', 'the styles are there');
  // What gets in after all does not run: seen from outside of the console, which would fail the test.
  const stranger = await (await browser()).newPage();
  t.after(() => stranger.close());
  await stranger.goto(server.url);
  const ran = await stranger.evaluate(() => new Promise(resolve => {
    document.addEventListener('securitypolicyviolation', violation => resolve(violation.effectiveDirective));
    const script = document.createElement('script');
    script.textContent = 'document.title = "taken over"';
    document.head.append(script);
  }));
  assert.match(ran, /^script-src/);
  assert.notEqual(await stranger.title(), 'taken over');
  await server.stop();
});

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
  await page.fill('#to', 'mine/own');
  await page.fill('#what', `${nasty}\nsecond line`);
  await page.click('#publish button');
  await page.getByText(/kept, with the id \d+/).waitFor();
  await event(page, 'second line').waitFor();
  assert.equal(await event(page, 'second line').textContent(), `${nasty}\nsecond line`);
  assert.equal(await page.title(), 'hark');
  assert.deepEqual((await server.read('mine/own', 1)).length, 1);
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
  await until(page, () => window.seen.length >= 2);
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

/* ---- a page that is used while it changes ---- */

/** Gives each of so many streams an event between any two answers of /stats that the page gets. Gives: how to end it. */
async function keepBusy(t, server, page, streams) {
  const publishers = Array.from({ length: streams }, (_, i) => new Socket(t, server.linesPort).send(`PUB busy-${i}\n`));
  const publish = () => publishers.forEach((publisher, i) => publisher.send(`event of ${i}\n`));
  page.on('requestfinished', request => request.url().endsWith('/stats') && publish());
  publish();
  await until(page, count => document.querySelectorAll('#streams tbody tr').length === count, streams);
  return () => {
    page.removeAllListeners('requestfinished');
    for (const publisher of publishers) publisher.socket.destroy();
  };
}

/** Waits until the page has shown so many more answers of /stats. */
async function refreshes(page, count) {
  await page.evaluate(count => new Promise(resolve => {
    let left = count;
    const observer = new MutationObserver(() => {
      if (--left > 0) return;
      observer.disconnect();
      setTimeout(resolve, 0);
    });
    observer.observe(document.getElementById('total'), { characterData: true, childList: true, subtree: true });
  }), count);
}

const isIn = (inner, outer) => inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
const box = (page, selector) => page.locator(selector).evaluate(element => {
  const { top, bottom } = element.getBoundingClientRect();
  return { top, bottom };
});
const STREAMS = 500;

test('on a phone, 500 busy streams move nothing that a person reads, selects or types', { skip }, async t => {
  const server = await serve(t, { args: ['--sync', 'never'] });
  const page = await open(t, server, { viewport: { width: 390, height: 700 }, hasTouch: true, isMobile: true });
  const rest = await keepBusy(t, server, page, STREAMS);
  await page.evaluate(() => { window.rows = [...document.querySelectorAll('#streams tbody tr')]; });
  const sameRows = () => page.evaluate(() => {
    const now = [...document.querySelectorAll('#streams tbody tr')];
    return now.length === window.rows.length && now.every((row, i) => row === window.rows[i]);
  });
  const places = () => page.evaluate(() => [scrollY, document.getElementById('streams-box').scrollTop]);

  // A tap on a stream far down, then on to Publish: neither the page nor the list jumps back.
  const chosen = page.locator('tr.pick[data-stream="busy-250"]');
  await chosen.scrollIntoViewIfNeeded();
  await chosen.tap();
  await page.locator('#live-state[data-state="live"]', { hasText: 'busy-250' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.dataset.stream), 'busy-250');
  await page.locator('#publish button').scrollIntoViewIfNeeded();
  const before = await places();
  assert.ok(before[0] > 0 && before[1] > 0);
  await refreshes(page, 3);
  assert.deepEqual(await places(), before);
  assert.ok(isIn(await box(page, '#publish button'), { top: 0, bottom: 700 }));

  // Typing goes on where it was.
  await page.locator('#what').fill('');
  await page.locator('#what').tap();
  for (const letter of 'typed') {
    await page.keyboard.type(letter);
    await refreshes(page, 1);
  }
  assert.deepEqual(await page.evaluate(() => [document.activeElement.id, document.activeElement.value, document.activeElement.selectionStart]),
    ['what', 'typed', 5]);

  // The list scrolled to either end: the followed stream stays in sight.
  for (const end of [0, 1e6]) {
    await page.evaluate(top => { document.getElementById('streams-box').scrollTop = top; }, end);
    assert.ok(isIn(await box(page, 'tr.pick[aria-selected="true"] td.name'), await box(page, '#streams-box')), `scrolled to ${end}`);
  }

  // A selection over several rows, from a number that changes to a name.
  const selected = await page.evaluate(() => {
    getSelection().setBaseAndExtent(window.rows[10].cells[2].firstChild, 1, window.rows[12].cells[0].firstChild, 4);
    window.ends = [getSelection().anchorNode, getSelection().focusNode];
    return [getSelection().anchorOffset, getSelection().focusOffset];
  });
  await refreshes(page, 3);
  assert.ok(await page.evaluate(() => getSelection().anchorNode === window.ends[0] && getSelection().focusNode === window.ends[1]));
  assert.deepEqual(await page.evaluate(() => [getSelection().anchorOffset, getSelection().focusOffset]), selected);

  // A selection among the live events: they wait for it.
  await server.publish('busy-250', 'to be selected');
  await event(page, 'to be selected').waitFor();
  await page.evaluate(() => {
    const text = [...document.querySelectorAll('#events p')].find(p => p.textContent === 'to be selected');
    getSelection().selectAllChildren(text);
  });
  await server.publish('busy-250', 'comes meanwhile');
  await page.getByText('the newest wait').waitFor();
  assert.equal(await page.evaluate(() => String(getSelection())), 'to be selected');
  await page.evaluate(() => getSelection().removeAllRanges());
  await event(page, 'comes meanwhile').waitFor();

  assert.ok(await sameRows());
  rest();
  await server.stop();
});

test('the keyboard keeps its place in the list, which is one stop of the Tab key', { skip }, async t => {
  const server = await serve(t, { args: ['--sync', 'never'] });
  const page = await open(t, server);
  const rest = await keepBusy(t, server, page, 30);
  const at = () => page.evaluate(() => document.activeElement.dataset.stream ?? document.activeElement.id);
  assert.equal(await page.locator('#streams tr[tabindex="0"]').count(), 1);
  await page.locator('#filter').focus();
  await page.keyboard.press('ArrowDown');
  assert.equal(await at(), 'busy-0');
  for (const [key, there] of [['ArrowDown', 'busy-1'], ['End', 'busy-29'], ['ArrowUp', 'busy-28'], ['PageUp', 'busy-21']]) {
    await page.keyboard.press(key);
    await refreshes(page, 1);
    assert.equal(await at(), there);
  }
  assert.ok(isIn(await box(page, 'tr[data-stream="busy-21"]'), await box(page, '#streams-box')));
  await page.keyboard.press('Enter');
  await page.locator('#live-state[data-state="live"]', { hasText: 'busy-21' }).waitFor();
  assert.equal(await page.locator('#to').inputValue(), 'busy-21');
  await page.keyboard.press('Tab');
  assert.equal(await page.locator('tr.pick:focus').count(), 0);
  await page.keyboard.press('Shift+Tab');
  assert.equal(await at(), 'busy-21');
  rest();
  await server.curl('-X', 'DELETE', `${server.url}/streams/busy-20`);
  await page.locator('tr[data-stream="busy-20"]').waitFor({ state: 'detached' });
  assert.equal(await at(), 'busy-21');
  await server.stop();
});

test('what is left out is said, and found by its name', { skip }, async t => {
  const server = await serve(t, { args: ['--sync', 'never'] });
  const agent = connection(t);
  for (let i = 0; i < 520; i++) await request('POST', `${server.url}/streams/some-${i}`, 'x', { agent });
  const page = await open(t, server);
  await page.getByText('20 more are left out').waitFor();
  assert.equal(await page.locator('#stream-count').textContent(), '500 of 520');
  const hidden = await page.evaluate(() => {
    const shown = new Set([...document.querySelectorAll('tr.pick')].map(row => row.dataset.stream));
    return Array.from({ length: 520 }, (_, i) => `some-${i}`).find(name => !shown.has(name));
  });
  await page.fill('#filter', hidden.toUpperCase());
  await page.locator(`tr[data-stream="${hidden}"]`).waitFor();
  await page.locator('#filter').press('Enter');
  await page.locator('#live-state', { hasText: hidden }).waitFor();
  await page.fill('#filter', 'nothing like it');
  await page.getByText('No stream has “nothing like it” in its name.').waitFor();
  assert.deepEqual(await page.locator('tr.pick').evaluateAll(rows => rows.map(row => row.dataset.stream)), [hidden]);
  await page.fill('#filter', '');
  await page.locator('#stream-count', { hasText: '500 of 520' }).waitFor();
  assert.equal(await page.locator(`tr[data-stream="${hidden}"][aria-selected="true"]`).count(), 1);
  await server.stop();
});

test('an empty page says what to do first, with a line that does it', { skip }, async t => {
  const server = await serve(t);
  const page = await open(t, server);
  await page.getByText('The first event makes one').waitFor();
  const line = await page.locator('#try').textContent();
  await page.click('#copy');
  assert.equal(await page.evaluate(() => String(getSelection())), line);
  assert.equal((await run(t, 'sh', ['-c', line])).code, 0);
  await event(page, 'it works').waitFor();
  await page.locator('#no-streams').waitFor({ state: 'hidden' });
  await server.stop();
});

test('no share of the turns is shown as slower than the longest, and events that are refused are told of', { skip }, async t => {
  const server = await serve(t);
  const page = await open(t, server);
  const shown = async stats => {
    await page.route(/\/stats/, route => route.fulfill({ json: stats }));
    await page.locator('#longest', { hasText: 'longest turn 5.0 ms' }).waitFor();
    return page.locator('#lag').textContent();
  };
  const stats = await server.stats();
  assert.ok(stats.loop.lag.p99_seconds <= stats.loop.lag.longest_turn_seconds);
  assert.ok(stats.loop.lag.max_seconds <= stats.loop.lag.longest_turn_seconds);
  assert.deepEqual(stats.health, { ok: true, reason: '' });
  stats.loop.lag = { ...stats.loop.lag, longest_turn_seconds: 0.005, buckets: [[0.008388608, 1e9]] };
  stats.health = { ok: false, reason: 'the disk is full' };
  assert.equal(await shown(stats), '5.0 ms');
  await page.getByRole('alert').getByText('Events are refused: the disk is full').waitFor();
  await page.unroute(/\/stats/);
  await page.getByRole('alert').waitFor({ state: 'hidden' });
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
  for (const [width, size] of [[1280, 'wide'], [390, 'phone']]) {
    await page.setViewportSize({ width, height: 1100 });
    await until(page, () => {
      const { bottom } = document.getElementById('events').getBoundingClientRect();
      return document.querySelector('#events li:last-child').getBoundingClientRect().bottom <= bottom;
    });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      const picture = await page.screenshot({ path: join(process.env.HARK_BUILD, `dashboard-${size}-${colorScheme}.png`), fullPage: true });
      assert.ok(picture.length > 10000);
    }
  }
  await server.stop();
});
