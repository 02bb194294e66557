// rates.test.js - what one address may ask for in a second: requests, and bytes that it publishes, at every door.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Socket, backends, directory, hark, run, serve, within } from './lib.js';

/** A test on each backend, with one thread and with two. */
function each(name, body) {
  for (const backend of backends)
    for (const threads of [1, 2])
      test(`${name} (${backend}, ${threads === 1 ? 'one thread' : `${threads} threads`})`, t => body(t, { backend, threads }));
}

/** A number of /metrics, asked for over another way in, which counts as another address. */
async function limited(t, path, of) {
  const { stdout } = await run(t, 'curl', ['-sS', '--unix-socket', path, 'http://localhost/metrics']);
  return Number(stdout.match(new RegExp(`hark_limited_total\\{of="${of}"\\} (\\d+)`))[1]);
}

/** Asks until it is refused. Gives: how many were let in, and the refusal. */
async function flood(ask, most) {
  for (let count = 0; count <= most; count++) {
    const answer = await ask(count);
    if (answer.status === 429) return { count, answer };
    assert.ok(answer.status < 300, `${answer.status} ${answer.text}`);
  }
  throw new Error(`${most} were let in`);
}

each('an address has so many requests, and then waits', async (t, options) => {
  const path = `${directory(t)}/hark.sock`;
  const server = await serve(t, { ...options, args: ['--requests-per-address', '2', '--http', `unix:${path}`] });
  const ask = () => server.ask('POST', '/streams/a', 'x');
  const { count, answer } = await flood(ask, 5000);
  assert.ok(count >= 2);
  assert.match(answer.headers['retry-after'], /^\d+$/);
  assert.equal(answer.headers.connection, 'close');
  assert.match(answer.text, /asks for too much/);
  await within((async () => { while ((await ask()).status === 429); })(), 'an end of that'); // it recovers by itself
  assert.ok(await limited(t, path, 'requests') >= 1);
  assert.equal(await limited(t, path, 'bytes'), 0);
  await server.stop();
});

each('an address publishes so many bytes, and what is larger is worked off', async (t, options) => {
  const path = `${directory(t)}/hark.sock`;
  const server = await serve(t, { ...options, args: ['--bytes-per-address', '1K', '--http', `unix:${path}`] });
  const { count, answer } = await flood(() => server.ask('POST', '/streams/a', 'x'.repeat(65536)), 4);
  assert.ok(count >= 1 && count <= options.threads);
  assert.ok(Number(answer.headers['retry-after']) > 30);
  for (let i = 0; i < 50; i++) assert.equal((await server.ask('GET', '/healthz')).status, 200); // it brings nothing
  assert.equal(JSON.parse((await server.ask('GET', '/streams/a', undefined, { headers: { Accept: 'application/json' } })).text).events, count);
  assert.ok(await limited(t, path, 'bytes') >= 1);
  await server.stop();
});

each('lines count as requests, and the connection ends after the answers', async (t, options) => {
  const path = `${directory(t)}/hark.sock`;
  const server = await serve(t, { ...options, args: ['--requests-per-address', '10', '--http', `unix:${path}`] });
  const publisher = new Socket(t, server.linesPort).send(`PUB l ack\n${'x\n'.repeat(500)}`);
  const got = await publisher.closed();
  const ids = got.match(/^\d+$/gm) ?? [];
  assert.ok(ids.length >= 9 && ids.length < 500, got);
  assert.match(got, /\nERR this address asks for too much in a second: try again later\n$/);
  const { stdout } = await run(t, 'curl', ['-sS', '--unix-socket', path, 'http://localhost/v1/stream/l?offset=-1']);
  assert.equal(stdout, 'x'.repeat(ids.length));
  assert.ok(await limited(t, path, 'requests') >= 1);
  await server.stop();
});

test('values that are no rate are refused', async t => {
  for (const args of [['--requests-per-address', '1000000001'], ['--requests-per-address', 'x'], ['--bytes-per-address', '-1']])
    assert.equal((await hark(t, 'serve', ...args)).code, 2, args.join(' '));
});
