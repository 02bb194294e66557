// trace_page.test.js - the page that `hark trace --html` writes, in a real browser (browser.js). Pictures of it are left in the build directory.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { browser, open, skip as noBrowser, until } from './browser.js';
import { bin, directory, eachBackend, hark, run } from './lib.js';

const example = name => join(process.env.HARK_BUILD, 'examples', name);
const skip = noBrowser || (existsSync(example('01_timer')) ? false : 'the examples are not built');
const aboutOf = text => JSON.parse(text.match(/<script type="application\/json" id="about">([^]*?)<\/script>/)[1]);

/** Opens a page, and fails the test if it asks for anything but itself. */
async function openPage(t, file, options = {}) {
  const page = await open(t, pathToFileURL(file).href, options, '#lanes[data-drawn]');
  const asked = [];
  page.on('request', request => request.isNavigationRequest() || asked.push(request.url()));
  t.after(() => assert.deepEqual(asked, []));
  return page;
}

/** A page of an example. Gives: its file. */
async function traced(t, name, args, { backend = 'auto', options = [] } = {}) {
  const file = join(directory(t), 'trace.html');
  const { code, stderr } = await run(t, bin, ['trace', '--html', file, ...options, '--', example(name), ...args], '', { env: { ...process.env, HARK_BACKEND: backend } });
  assert.deepEqual([code, stderr], [0, '']);
  return file;
}

// --- rings that are made up ---

const [SLEEP, WAKE, REQUEST, DELEGATE, , RETURN, CALL, CALLED] = [1, 2, 3, 4, 5, 6, 7, 8];
const HEADER = 128, EVENT = 32, BASE_NS = 5_000_000_000_000n;

/** A file as hark/trace.h describes it. Takes: events: [ns since the beginning, what, op, kind, fd, value, flags]. */
function ring(events, { process: name = 'made_up', pid = 4242 } = {}) {
  const capacity = Math.max(64, 2 ** Math.ceil(Math.log2(events.length)));
  const bytes = Buffer.alloc(HEADER + capacity * EVENT);
  bytes.write('harktrc1', 0);
  [[8, HEADER], [12, EVENT], [32, pid], [36, pid], [40, 1]].forEach(([at, value]) => bytes.writeUInt32LE(value, at));
  bytes.writeUInt16LE(1, 46);
  [[16, BigInt(capacity)], [48, BASE_NS], [64, BigInt(events.length)]].forEach(([at, value]) => bytes.writeBigUInt64LE(value, at));
  bytes.write(name, 80, 15);
  events.forEach(([at, what, op, kind, fd, value, flags = 0], i) => {
    const place = HEADER + i * EVENT;
    bytes.writeBigUInt64LE(BASE_NS + BigInt(at), place);
    bytes.writeBigUInt64LE(op ? (1n << 40n) + BigInt(op) : 0n, place + 8);
    bytes.writeBigInt64LE(BigInt(value), place + 16);
    bytes.writeInt32LE(fd, place + 24);
    bytes.writeUInt8(what, place + 28);
    bytes.writeUInt8(kind, place + 29);
    bytes.writeUInt16LE(flags, place + 30);
  });
  return bytes;
}

/** So many ops in turns of a hundred, as a server has them: every turn sleeps, wakes, and calls what has come. */
function manyOps(count, kinds) {
  const events = [];
  let now = 0, random = 1;
  const some = most => (random = (random * 48271) % 2147483647) % most;
  for (let turn = 0; turn * 100 < count; turn++) {
    const ops = Array.from({ length: 100 }, (_, i) => ({ id: turn * 100 + i + 1, kind: kinds[some(10) < 6 ? 0 : some(2) + 1], fd: 5 + some(40) }));
    for (const { id, kind, fd } of ops) {
      events.push([now += 40 + some(200), REQUEST, id, kind, fd, 0]);
      events.push([now += 60 + some(300), DELEGATE, id, kind, fd, id]);
    }
    events.push([now += 500, SLEEP, 0, 0, -1, -1]);
    events.push([now += 20_000 + some(400_000) * (1 + Math.sin(turn / 60)), WAKE, 0, 0, -1, 0].map(value => Math.round(value)));
    now = events.at(-1)[0];
    for (const { id, kind, fd } of ops) events.push([now += 20 + some(60), RETURN, id, kind, fd, 512]);
    for (const { id, kind, fd } of ops) {
      events.push([now += 30, CALL, id, kind, fd, some(500) === 0 ? -104 : some(16384)]);
      events.push([now += id % 9973 === 0 ? 4_000_000 : 200 + some(3000), CALLED, id, kind, fd, 0]);
    }
  }
  return events;
}

/** The page of such a ring. Gives: its file, its text and what hark trace printed. */
async function pageOf(t, events, options = [], of = {}) {
  const folder = directory(t), kept = join(folder, 'kept'), file = join(folder, 'trace.html');
  mkdirSync(kept);
  writeFileSync(join(kept, 'hark-4242-1.trace'), ring(events, of));
  const { code, stdout, stderr } = await hark(t, 'trace', '--read', kept, '--html', file, ...options);
  assert.deepEqual([code, stderr], [0, '']);
  return { file, text: readFileSync(file, 'utf8'), stdout };
}

/** The numbers of kinds, which only the command knows. */
async function kindsOf(t, ...names) {
  const { text } = await pageOf(t, manyOps(100, [0, 0, 0]));
  return names.map(name => aboutOf(text).kinds.indexOf(name));
}

// --- a block as html.h describes it ---

function block(name, numbers) {
  const bytes = numbers.flatMap(value => {
    if (typeof value === 'string') return [0, value.length, ...Buffer.from(value)];
    const parts = [];
    for (; value > 127; value = Math.floor(value / 128)) parts.push(value % 128 + 128);
    return [...parts, value];
  });
  return `<script type="application/octet-stream" data-block="${name}">${Buffer.from(bytes).toString('base64')}</script>\n`;
}

const drawn = page => page.locator('#lanes').getAttribute('data-drawn');
const inView = async page => Number((await drawn(page)).split(' ')[0]);
const viewChanges = async (page, act) => {
  const before = await page.locator('#lanes').getAttribute('data-view');
  await act();
  await until(page, before => document.getElementById('lanes').dataset.view !== before, before);
};

/** Whether the lanes have anything in the colours of the stages. */
const coloured = page => page.evaluate(() => {
  const canvas = document.getElementById('lanes');
  const { data } = canvas.getContext('2d').getImageData(canvas.width * .3, 0, canvas.width * .7, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) count += Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 60;
  return count;
});

// --- what is in it ---

eachBackend(test, 'the page of a real program has its ops, their stages and their stories', { skip }, async (t, backend) => {
  const file = await traced(t, '06_work', ['200000'], { backend });
  const page = await openPage(t, file);
  assert.match(await page.locator('#facts').textContent(), new RegExp(`^06_work \\d+, loop 1 on ${backend} · .* · \\d+ ops$`));
  assert.equal(await page.locator('#kinds tbody').filter({ hasText: 'work' }).locator('th').nth(1).textContent(), '16');
  assert.ok((await coloured(page)) > 500);
  await page.locator('#slowest button').filter({ hasText: /^work/ }).first().click();
  const story = await page.locator('#story').innerText();
  for (const part of [/^work: [\d.]+ (µs|ms|s)\n/, /1 run/, /2 request/, /3 delegate.*\n?.*into the queue of the work pool/, /4 perform\s+thread \d+/, /7 handle/])
    assert.match(story, part);
  assert.equal(await page.locator('#slowest button[aria-current="true"]').count(), 1);
});

test('its policy lets nothing else run and nothing be fetched', { skip }, async t => {
  const file = await traced(t, '01_timer', []);
  const policy = readFileSync(file, 'utf8').match(/<meta http-equiv="Content-Security-Policy" content="([^"]*)">/)[1];
  for (const part of [/^default-src 'none';/, /script-src 'sha256-[^' ]+';/, /style-src 'sha256-[^' ]+';/, /base-uri 'none'/]) assert.match(policy, part);
  assert.doesNotMatch(policy, /unsafe|connect-src|http/);
  const page = await (await browser()).newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(file).href);
  const refused = await page.evaluate(() => new Promise(resolve => {
    document.addEventListener('securitypolicyviolation', violation => resolve(violation.effectiveDirective));
    const script = document.createElement('script');
    script.textContent = 'document.title = "taken over"';
    document.head.append(script);
  }));
  assert.match(refused, /^script-src/);
  assert.doesNotMatch(await page.title(), /taken over/);
});

test('what a program calls itself is text', { skip }, async t => {
  for (const name of ['</script><b>x', '<!--<script>', '"\\<img src>&', '\u0001\ud55c\uae00']) {
    const [kind] = await kindsOf(t, 'read');
    const { file, text } = await pageOf(t, manyOps(100, [kind, kind, kind]), [], { process: name });
    assert.equal(aboutOf(text).loops[0].process, name);
    const page = await openPage(t, file);
    assert.ok((await page.locator('#facts').textContent()).startsWith(`${name} 4242, loop 1 on uring`));
    assert.equal(await page.locator('b', { hasText: /^x$/ }).count() + await page.locator('img').count(), 0);
  }
});

test('the call that the loop itself made is in the story, and when its report had come', { skip }, async t => {
  const [kind] = await kindsOf(t, 'recv'), TRIED = 2;
  const { file } = await pageOf(t, [[0, REQUEST, 1, kind, 7, 0], [1000, DELEGATE, 1, kind, 7, 1], [1500, SLEEP, 0, 0, -1, -1], [90_000, WAKE, 0, 0, -1, 0],
    [96_000, RETURN, 1, kind, 2000, 64, TRIED], [97_000, CALL, 1, kind, 7, 64], [99_000, CALLED, 1, kind, 7, 0],
    [100_000, REQUEST, 2, kind, 7, 1], [103_000, RETURN, 2, kind, 2500, 64, TRIED], [104_000, CALL, 2, kind, 7, 64], [105_000, CALLED, 2, kind, 7, 0]]);
  const page = await openPage(t, file);
  const story = () => page.locator('#story').innerText();
  await page.locator('#slowest button').first().click();
  assert.match(await story(), /5 return[^\n]*\n(?:\s*\n)*\s*loop\s+\+94\.0\s+2\.0. µs\s+its call, 4\.0. µs after the wait reported the descriptor\s+6 notify/);
  await page.locator('#slowest button').nth(1).click();
  assert.match(await story(), /loop\s+\+0\.5\s+2\.5. µs\s+its call, made at once and without waiting\s+6 notify/);
});

test('what the kernel told is in stories and lanes, and a guess is marked as one', { skip }, async t => {
  const [kind] = await kindsOf(t, 'read');
  const { file, text } = await pageOf(t, [[0, REQUEST, 1, kind, 7, 0], [1000, DELEGATE, 1, kind, 7, 1], [1500, SLEEP, 0, 0, -1, -1], [90_000, WAKE, 0, 0, -1, 0],
    [91_000, RETURN, 1, kind, 7, 4096], [92_000, CALL, 1, kind, 7, 4096], [95_000, CALLED, 1, kind, 7, 0]]);
  const told = block('facts', [0, 2 * 8_500, 2, 4, 0, 259, 1234, 'block_rq_issue', '<i>virtio1</i>, 8 sectors from 1234', 0, 2 * 78_500, 1, 5, 1, 0, 0,
    'irq_handler_entry', 'irq 27, virtio1-req.0']);
  writeFileSync(file, text.replace('<script type="application/json" id="about">', start => told + start));
  const page = await openPage(t, file);
  await page.locator('#slowest button').click();
  const rows = await page.locator('#story tr.fact').allInnerTexts();
  const words = rows.map(row => row.split(/\s+/).filter(Boolean).join(' '));
  assert.deepEqual(words, ['CPU 1 +10.0 block_rq_issue <i>virtio1</i>, 8 sectors from 1234', 'CPU 0 +80.0 irq_handler_entry irq 27, virtio1-req.0 a guess']);
  assert.match(await page.locator('#story').innerText(), /4 perform\s+kernel/);
  await page.locator('#lanes').press('0');

  // The mouse on one of them tells it: the first is looked for along its lane.
  const box = await page.locator('#lanes').boundingBox();
  for (let x = 140; x < box.width && !/block_rq_issue/.test(await page.locator('#tip').textContent()); x += 4) await page.mouse.move(box.x + x, box.y + 306);
  assert.match(await page.locator('#tip').textContent(), /^block_rq_issue\n<i>virtio1<\/i>, 8 sectors from 1234\n\+10\.0 µs, CPU 1, of read on 7$/);

  // Where the kernel was not asked, the page says why.
  writeFileSync(file, text.replace('"kernel":null', '"kernel":"there is no tracefs"'));
  await page.reload();
  await page.locator('#facts', { hasText: 'the kernel’s part is not seen: there is no tracefs' }).waitFor();
});

test('where the time went leaves out the wait for a peer, and no other', { skip }, async t => {
  const one = kind => [[0, REQUEST, 1, kind, 7, 0], [1000, DELEGATE, 1, kind, 7, 1], [98_000, RETURN, 1, kind, 7, 1], [98_000, CALL, 1, kind, 7, 1], [99_000, CALLED, 1, kind, 7, 0]];
  for (const [name, expected] of [['recv', 'request 50.0 %, delegate 0.0 %, perform 0.0 %, return 0.0 %, notify 0.0 %, handle 50.0 %'],
    ['read', 'request 1.0 %, delegate 0.0 %, perform 98.0 %, return 0.0 %, notify 0.0 %, handle 1.0 %']]) {
    const [kind] = await kindsOf(t, name);
    const page = await openPage(t, (await pageOf(t, one(kind))).file);
    assert.equal(await page.locator('#share-bar').getAttribute('aria-label'), expected);
  }
});

test('a trace without ops has a page that says so', { skip }, async t => {
  const file = join(directory(t), 'none.html');
  assert.equal((await hark(t, 'trace', '--html', file, '--', 'true')).code, 0);
  const page = await openPage(t, file);
  await page.getByText('No op has ended in this trace.').waitFor();
});

test('a page that cannot be written is told', async t => {
  const { code, stderr } = await hark(t, 'trace', '--html', '/nonexistent/t.html', '--', 'true');
  assert.equal(code, 1);
  assert.match(stderr, /cannot write \/nonexistent\/t\.html: no such file or directory/);
});

test('what is slower than asked for is alone in the page, which says so', { skip }, async t => {
  const kinds = await kindsOf(t, 'read', 'write', 'fsync');
  const { file, text } = await pageOf(t, manyOps(20_000, kinds), ['--slower-than', '4ms']);
  const about = aboutOf(text);
  assert.ok(about.ops > 0 && about.ops < 2000 && about.ended === 20_000);
  const page = await openPage(t, file);
  assert.match(await page.locator('#facts').textContent(), /those slower than 4\.00 ms, of 20,000/);
});

// --- a hundred thousand ---

test('100,000 ops are drawn, zoomed into, filtered and walked through', { skip }, async t => {
  const kinds = await kindsOf(t, 'recv', 'send', 'read');
  const { file, text, stdout } = await pageOf(t, manyOps(100_000, kinds));
  assert.ok(text.length < 6e6, `the page has ${text.length} bytes`);
  const page = await openPage(t, file);
  assert.equal(await drawn(page), '100000 together');
  assert.ok((await coloured(page)) > 5000);

  // The table tells what that of the command does.
  const calls = await page.locator('#kinds tbody th:nth-child(2)').allTextContents();
  const printed = [...stdout.matchAll(/^(recv|send|read) +([\d,]+) /gm)].map(([, , count]) => count);
  assert.equal(calls.length, printed.length);
  for (const count of printed) assert.ok(calls.some(text => text.startsWith(count)), count);

  // The wheel, buttons, keys and the mouse change what is in sight.
  await page.locator('#lanes').hover({ position: { x: 700, y: 200 } });
  await viewChanges(page, () => page.mouse.wheel(0, -400));
  assert.ok((await inView(page)) < 100_000);
  await viewChanges(page, () => page.locator('#in').click());
  await page.locator('#lanes').focus();
  for (let i = 0; i < 30 && (await drawn(page)).endsWith('together'); i++) await viewChanges(page, () => page.keyboard.press('+'));
  assert.match(await drawn(page), /^\d+ each$/);
  assert.ok((await coloured(page)) > 500);
  await viewChanges(page, () => page.keyboard.press('ArrowRight'));
  await viewChanges(page, async () => {
    await page.mouse.move(900, 500);
    await page.mouse.down();
    await page.mouse.move(600, 500, { steps: 4 });
    await page.mouse.up();
  });

  // From op to op, each said and told.
  await page.keyboard.press('ArrowDown');
  const first = await page.locator('#story h3').textContent();
  assert.ok((await page.locator('#said').textContent()).startsWith(first));
  await page.keyboard.press('Enter');
  await page.keyboard.press('ArrowDown');
  assert.match(await page.locator('#said').textContent(), /^(recv|send|read) on \d+: /);
  await page.keyboard.press('Escape');
  await page.getByText('The story of the slowest').waitFor();
  assert.equal(await page.locator('#story h3').textContent(), (await page.locator('#slowest button').first().innerText()).split('\n').slice(0, 2).join(': '));
  await page.keyboard.press('0');
  await until(page, () => document.getElementById('lanes').dataset.drawn === '100000 together');

  // Filters.
  await page.selectOption('#kind', String(kinds[1]));
  const sends = printed[stdout.match(/^(recv|send|read) /gm).indexOf('send ')];
  await page.locator('#shown', { hasText: `${sends} of 100,000 ops` }).waitFor();
  assert.deepEqual(await page.locator('#kinds tbody').count(), 1);
  await page.fill('#fd', '7');
  await until(page, () => [...document.querySelectorAll('#slowest b')].every(name => name.textContent === 'send on 7'));
  await page.click('#reset');
  await page.locator('#shown', { hasText: /^100,000 ops$/ }).waitFor();
  await page.fill('#slower', 'a while');
  await page.locator('#slower[aria-invalid="true"]').waitFor();
  await page.fill('#slower', '4ms');
  await page.locator('#slower[aria-invalid="false"]').waitFor();
  await page.locator('#shown', { hasText: / of 100,000 ops$/ }).waitFor();
  await page.fill('#slower', '1000s');
  await page.locator('#shown', { hasText: /^0 of 100,000 ops$/ }).waitFor();
  await page.getByText('No op is as you ask for.').waitFor();
});

// --- how it is used ---

test('everything is reached with the Tab key, and has a name', { skip }, async t => {
  const page = await openPage(t, await traced(t, '06_work', ['20000']));
  const nameless = await page.evaluate(() => [...document.querySelectorAll('button, input, select, canvas:not([aria-hidden]), [role="region"], section, svg[role="img"]')]
    .filter(element => !(element.getAttribute('aria-label') || element.labels?.length || document.getElementById(element.getAttribute('aria-labelledby')) || element.textContent.trim()))
    .map(element => element.outerHTML.slice(0, 80)));
  assert.deepEqual(nameless, []);
  const reached = [];
  for (let i = 0; i < 14; i++) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate(() => document.activeElement.id || document.activeElement.parentElement.parentElement.id));
  }
  for (const id of ['theme', 'kind', 'fd', 'slower', 'reset', 'out', 'in', 'whole', 'lanes', 'slowest']) assert.ok(reached.includes(id), `${id} in ${reached}`);
  await page.locator('#slowest button').first().focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('#slowest li:nth-child(2) button[aria-current="true"]').count(), 1);
});

test('fingers move and pinch', { skip }, async t => {
  const kinds = await kindsOf(t, 'recv', 'send', 'read');
  const { file } = await pageOf(t, manyOps(5000, kinds));
  const page = await openPage(t, file, { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true });
  const { x, y } = await page.locator('#lanes').boundingBox();
  const touch = await page.context().newCDPSession(page);
  const fingers = (type, ...places) => touch.send('Input.dispatchTouchEvent', { type, touchPoints: places.map((at, id) => ({ x: x + at, y: y + 100, id })) });
  await viewChanges(page, async () => {
    await fingers('touchStart', 200, 240);
    for (const by of [10, 40, 80]) await fingers('touchMove', 200 - by, 240 + by);
    await fingers('touchEnd');
  });
  assert.ok((await inView(page)) < 5000);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 390, 'nothing sticks out');
});

test('light and dark, as the system is and as one likes', { skip }, async t => {
  const kinds = await kindsOf(t, 'recv', 'send', 'read');
  const { file } = await pageOf(t, manyOps(30_000, kinds));
  const page = await openPage(t, file, { colorScheme: 'dark' });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await ground();
  assert.notEqual(dark, light);
  await page.click('#theme');
  assert.equal(await ground(), dark);
  await page.click('#theme');
  assert.equal(await ground(), light);
});

test('pictures of the page', { skip }, async t => {
  const kinds = await kindsOf(t, 'recv', 'send', 'read');
  const files = { many: (await pageOf(t, manyOps(100_000, kinds))).file, work: await traced(t, '06_work', ['200000']) };
  for (const [name, file] of Object.entries(files))
    for (const colorScheme of ['light', 'dark'])
      for (const [width, size] of [[1440, 'wide'], [390, 'phone']]) {
        const page = await openPage(t, file, { colorScheme, viewport: { width, height: 900 } });
        await page.locator('#slowest button').first().click();
        if (name === 'many') await page.locator('#whole').click();
        await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))));
        const picture = await page.screenshot({ path: join(process.env.HARK_BUILD, `trace-${name}-${size}-${colorScheme}.png`), fullPage: true });
        assert.ok(picture.length > 20_000);
        if (size === 'wide' && name === 'many') {
          await page.locator('#slowest button').first().click();
          await viewChanges(page, () => page.locator('#out').click());
          await page.locator('#lanes').press('Escape');
          await page.locator('#lanes').screenshot({ path: join(process.env.HARK_BUILD, `trace-near-${colorScheme}.png`) });
        }
        await page.context().close();
      }
});
