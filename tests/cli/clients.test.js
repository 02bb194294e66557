// clients.test.js - events in and out, with clients that are not ours: curl, nc, fetch, undici, eventsource.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Process, Socket, bin, eachBackend, hark, packages, run, sanitized, serve, within } from './lib.js';

const { EventSource } = packages('eventsource');
const undici = packages('undici');

/** An EventSource that keeps what comes and can be waited for. */
class Listener {
  constructor(t, url) {
    this.events = [];
    this.source = new EventSource(url);
    this.waiters = new Set();
    this.source.onmessage = event => {
      this.events.push({ id: event.lastEventId, data: event.data });
      for (const look of [...this.waiters]) look();
    };
    t.after(() => this.source.close());
  }

  async count(count) {
    await within(new Promise(resolve => {
      const look = () => { if (this.events.length >= count) { this.waiters.delete(look); resolve(); } };
      this.waiters.add(look);
      look();
    }), `${count} events, of which ${this.events.length} came`);
    return this.events;
  }
}

eachBackend(test, 'curl publishes and reads', async (t, backend) => {
  const server = await serve(t, { backend });
  const posted = await server.curl('-i', '-d', 'it rains', `${server.url}/streams/weather`);
  assert.match(posted.stdout, /^HTTP\/1\.1 201 /);
  const { stream, id } = JSON.parse(posted.stdout.split('\r\n\r\n')[1]);
  assert.equal(stream, 'weather');
  assert.ok(id > 0);
  await server.curl('--data-binary', 'two\nlines', `${server.url}/streams/weather`);

  const subscriber = new Process(t, 'curl', ['-sSN', '-H', 'Accept: text/event-stream', `${server.url}/streams/weather?after=start`]);
  await subscriber.until(/data: it rains\n\n[^]*data: two\ndata: lines\n\n/);
  assert.match(subscriber.stdout, new RegExp(`id: ${id}\ndata: it rains\n\n`));
  await server.curl('-d', 'it snows', `${server.url}/streams/weather`);
  await subscriber.until(/data: it snows\n\n/);

  const later = new Process(t, 'curl', ['-sSN', '-H', 'Accept: text/event-stream', '-H', `Last-Event-ID: ${id}`, `${server.url}/streams/weather`]);
  await later.until(/data: it snows\n\n/);
  assert.doesNotMatch(later.stdout, /it rains/);
  await Promise.all([subscriber.kill(), later.kill()]);

  const health = await server.curl(`${server.url}/healthz`);
  assert.equal(health.stdout.trim(), 'ok');
  const metrics = await server.curl('-i', `${server.url}/metrics`);
  assert.match(metrics.stdout, /^Content-Type: text\/plain; version=0\.0\.4/im);
  assert.ok(metrics.stdout.endsWith('\n'));
  await server.stop();
});

eachBackend(test, 'nc publishes and subscribes', async (t, backend) => {
  const server = await serve(t, { backend });
  const port = String(server.linesPort);
  const plain = await run(t, 'nc', ['-N', '127.0.0.1', port], 'PUB words\none\ntwo\n');
  assert.equal(plain.stdout, '');
  const acknowledged = await run(t, 'nc', ['-N', '127.0.0.1', port], 'PUB words ack\nthree\nno line feed');
  assert.match(acknowledged.stdout, /^\d+\n$/);
  const subscriber = new Process(t, 'nc', ['127.0.0.1', port]).write('SUB words start\n');
  await subscriber.until(/three\n/);
  assert.match(subscriber.stdout, /^\d+\tone\n\d+\ttwo\n\d+\tthree\n$/);
  assert.ok(subscriber.stdout.includes(`${acknowledged.stdout.trim()}\tthree\n`));
  const wrong = await run(t, 'nc', ['-N', '127.0.0.1', port], 'HELLO\n');
  assert.match(wrong.stdout, /^ERR .+\n$/);
  await subscriber.kill();
  await server.stop();
});

eachBackend(test, 'fetch of node publishes any bytes', async (t, backend) => {
  const server = await serve(t, { backend });
  const body = new Uint8Array(1024 * 1024);
  for (let i = 0; i < body.length; i++) body[i] = (i * 31) % 256;
  const publish = async content => {
    const response = await fetch(`${server.url}/streams/bytes`, { method: 'POST', body: content });
    assert.equal(response.status, 201);
    return (await response.json()).id;
  };
  const ids = await Promise.all(Array.from({ length: 20 }, (_, i) => publish(i === 7 ? body : `small ${i}`)));
  assert.equal(new Set(ids).size, 20);
  assert.equal(await publish('') > 0, true);
  const { streams } = await (await fetch(`${server.url}/streams`)).json();
  assert.equal(streams.length, 1);
  assert.equal(streams[0].name, 'bytes');
  assert.equal(streams[0].events, 21);
  const chunked = await fetch(`${server.url}/streams/chunked`, {
    method: 'POST',
    duplex: 'half',
    body: new ReadableStream({
      start(controller) {
        for (const part of ['a', 'bc', 'def']) controller.enqueue(new TextEncoder().encode(part));
        controller.close();
      },
    }),
  });
  assert.equal(chunked.status, 201);
  assert.deepEqual((await server.read('chunked', 1)).map(event => event.text), ['abcdef']);
  await server.stop();
});

eachBackend(test, 'undici pipelines on one connection', async (t, backend) => {
  const server = await serve(t, { backend });
  const client = new undici.Client(server.url, { pipelining: 10 });
  const ids = await Promise.all(Array.from({ length: 200 }, async (_, i) => {
    const { statusCode, body } = await client.request({ path: '/streams/pipe', method: 'POST', body: `event ${i}`, idempotent: true });
    assert.equal(statusCode, 201);
    return (await body.json()).id;
  }));
  await client.close();
  assert.deepEqual(ids, [...ids].sort((a, b) => a - b));
  assert.equal((await server.stats()).connections.accepted_http <= 3, true);
  const events = await server.read('pipe', 200);
  assert.deepEqual(events.map(event => event.text), Array.from({ length: 200 }, (_, i) => `event ${i}`));
  await server.stop();
});

eachBackend(test, 'eventsource comes back after a restart and misses nothing', async (t, backend) => {
  const server = await serve(t, { backend });
  const listener = new Listener(t, `${server.url}/streams/news`);
  // Killed before any event: the position is known even so.
  await within(new Promise(resolve => listener.source.addEventListener('position', resolve, { once: true })), 'the position');
  await server.kill();
  await server.start();
  const expected = [];
  for (let life = 0; life < 3; life++) {
    for (let i = 0; i < 5; i++) {
      expected.push(`event ${life}.${i}`);
      await server.publish('news', expected.at(-1));
    }
    const events = await listener.count(expected.length);
    assert.deepEqual(events.map(event => event.data), expected);
    if (life === 2) break;
    await server.kill();
    await server.start();
  }
  listener.source.close();
  await server.stop();
});

eachBackend(test, 'hark pub and hark sub', async (t, backend) => {
  const server = await serve(t, { backend });
  const lines = Array.from({ length: 5000 }, (_, i) => `line ${i}`).join('\n') + '\nwithout an end';
  const at = ['--server', server.lines, '--backend', backend];
  const published = await run(t, bin, ['pub', 'big', ...at], lines);
  assert.deepEqual([published.code, published.stdout], [0, '5001 acknowledged\n']);
  const read = await hark(t, 'sub', 'big', ...at, '--after', 'start', '--count', '5001');
  assert.deepEqual([read.code, read.stdout], [0, lines + '\n']);

  const ids = await run(t, bin, ['pub', 'big', ...at, '--id'], 'x\ny\n');
  assert.match(ids.stdout, /^\d+\n\d+\n$/);
  const [x] = ids.stdout.split('\n');
  const after = await hark(t, 'sub', 'big', ...at, '--after', x, '--count', '1', '--id');
  assert.match(after.stdout, /^\d+\ty\n$/);

  const tooLong = await run(t, bin, ['pub', 'big', ...at], 'fine\n' + 'x'.repeat(1024 * 1024 + 1) + '\n');
  assert.equal(tooLong.code, 1);
  assert.equal(tooLong.stdout, '1 acknowledged\n');
  assert.match(tooLong.stderr, /^hark: line 2 is longer than 1048576 bytes/);
  await server.stop();
});

eachBackend(test, 'hark sub comes back after a restart and misses nothing', async (t, backend) => {
  const server = await serve(t, { backend });
  const subscriber = new Process(t, bin, ['sub', 'news', '--server', server.lines, '--backend', backend]);
  await within((async () => { while ((await server.stats()).subscribers.lines === 0); })(), 'the subscription');
  await server.kill();
  await subscriber.until(/trying again/, 'stderr');
  await server.start();
  for (let i = 0; i < 3; i++) await server.publish('news', `event ${i}`);
  await subscriber.until(/event 2\n/);
  await server.kill();
  await server.start();
  await server.publish('news', 'last');
  await subscriber.until(/last\n/);
  assert.equal(subscriber.stdout, 'event 0\nevent 1\nevent 2\nlast\n');
  const ended = await subscriber.kill('SIGINT');
  assert.equal(ended.code, 0);
  await server.stop();
});

test('hark pub tells what was not acknowledged', async t => {
  const server = await serve(t);
  const publisher = new Process(t, bin, ['pub', 'x', '--server', server.lines]).write('one\n');
  await within((async () => { while ((await server.count('x')) === 0); })(), 'the first line');
  await server.kill();
  const { code, stdout, stderr } = await publisher.done();
  assert.equal(code, 1);
  assert.match(stdout, /^[01] acknowledged\n$/);
  assert.match(stderr, /^hark: 127\.0\.0\.1:\d+: the (server ended the connection|connection broke)/);
  const nobody = await run(t, bin, ['pub', 'x', '--server', server.lines], 'one\n');
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /connection refused \(is hark serve running there\?\)/);
});

eachBackend(test, 'standard output that cannot be written ends hark sub and hark pub with 1', async (t, backend) => {
  const server = await serve(t, { backend });
  for (const text of ['1', 'seven b', '3']) await server.publish('a', text);
  const sh = (script, input = '') => run(t, 'sh', ['-c', script, bin, server.lines, backend], input);
  const sub = '"$0" sub a --after start --server "$1" --backend "$2"';
  for (const [script, why] of [
    [`${sub} --count 3 >/dev/full`, 'no space left on device'],
    [`${sub} >/dev/full`, 'no space left on device'],
    [`${sub} --count 3 >&-`, 'bad file descriptor'],
    [`${sub} >&-`, 'bad file descriptor'],
    ['"$0" pub b --id --server "$1" --backend "$2" >/dev/full', 'no space left on device'],
    ['"$0" pub b --server "$1" --backend "$2" >/dev/full', 'no space left on device'],
  ]) {
    const { code, stderr } = await sh(script, 'x\ny\n');
    assert.equal(code, 1, script);
    assert.ok(stderr.includes(`hark: cannot write to standard output: ${why}`), stderr);
  }
  const closed = await sh('"$0" pub b --server "$1" --backend "$2" <&-');
  assert.equal(closed.code, 1);
  assert.match(closed.stderr, /^hark: cannot read standard input: bad file descriptor/);
  assert.equal(await server.count('b'), 4);
  await server.stop();
});

eachBackend(test, 'hark sub ends when nobody is left to read what it prints', async (t, backend) => {
  const server = await serve(t, { backend });
  await server.publish('a', 'x');
  const { code, stdout } = await run(t, 'sh', ['-c', '{ "$0" sub a --after start --server "$1" --backend "$2"; echo "code $?" >&2; } | head -n 1', bin, server.lines, backend]);
  assert.equal(code, 0);
  assert.equal(stdout, 'x\n');
  await server.stop();
});

test('hark pub --id gives every id to a slow reader', async t => {
  const server = await serve(t);
  const lines = Array.from({ length: 50000 }, (_, i) => `${i}\n`).join('');
  const { stdout, stderr } = await run(t, 'sh', ['-c', '"$0" pub a --id --server "$1" | { read -r first; echo "$first"; cat; }', bin, server.lines], lines);
  assert.equal(stdout.split('\n').length, 50001);
  assert.match(stderr, /^50000 acknowledged$/m);
  await server.stop();
});

test('hark pub keeps a half line until it is whole', async t => {
  const server = await serve(t, { args: ['--body-timeout', '100ms'] });
  const publisher = new Process(t, bin, ['pub', 'x', '--server', server.lines]).write('one\ntw');
  await within((async () => { while ((await server.count('x')) < 1); })(), 'the first line');
  // Another half line, begun later, meets the server's deadline: so the publisher's would have, too.
  await new Socket(t, server.linesPort).send('PUB y\nhalf a line').closed();
  const { code, stdout } = await publisher.end('o\nlast').done();
  assert.deepEqual([code, stdout], [0, '3 acknowledged\n']);
  assert.deepEqual((await server.read('x', 3)).map(event => event.text), ['one', 'two', 'last']);
  await server.stop();
});

test('hark pub sends lines as long as events may be', async t => {
  const server = await serve(t);
  const longest = 'x'.repeat(1024 * 1024);
  const publisher = new Process(t, bin, ['pub', 'x', '--server', server.lines]).write('one\ntw');
  await within((async () => { while ((await server.count('x')) < 1); })(), 'the first line');
  const { code, stdout } = await publisher.end(`o\n${longest}\n${longest}\nlast`).done();
  assert.deepEqual([code, stdout], [0, '5 acknowledged\n']);
  assert.deepEqual((await server.read('x', 5)).map(event => event.text), ['one', 'two', longest, longest, 'last']);
  await server.stop();
});

test('hark pub finishes what was sent when it is interrupted', async t => {
  const server = await serve(t);
  const publisher = new Process(t, bin, ['pub', 'x', '--server', server.lines]).write('one\ntwo\nhalf a li');
  await within((async () => { while ((await server.count('x')) < 2); })(), 'two lines');
  const { code, stdout } = await publisher.kill('SIGINT');
  assert.deepEqual([code, stdout], [1, '2 acknowledged\n']);
  assert.equal(await server.count('x'), 2);
  await server.stop();
});

test('a subscriber that stops reading holds nobody up', async t => {
  const server = await serve(t, { args: ['--sync', 'never'] });
  const lazy = new Socket(t, server.linesPort).send('SUB flood start\n');
  let lines = 0;
  lazy.socket.prependListener('data', chunk => { lines += String(chunk).split('\n').length - 1; });
  lazy.socket.pause();
  const body = 'x'.repeat(64 * 1024);
  const before = (await server.stats()).process.max_resident_bytes;
  for (let i = 0; i < 400; i++) await server.publish('flood', body);
  const quick = await server.read('flood', 400);
  assert.equal(quick.length, 400);
  const grown = (await server.stats()).process.max_resident_bytes - before;
  assert.ok(sanitized || grown < 16 * 1024 * 1024, `grew by ${grown} bytes`);
  lazy.socket.resume();
  await lazy.until(() => lines >= 400);
  await server.stop();
});
