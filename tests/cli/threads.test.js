// threads.test.js - a server of several threads: what it promises is what one of a single thread does, on whichever thread things
// happen. Connections are dealt out one by one, so a few of them are on all threads.

import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Process, Server, Socket, bin, connection, directory, eachBackend, hark, random, request, run, sanitized, serve, within } from './lib.js';

const THREADS = 3;
const threaded = (t, options) => serve(t, { threads: THREADS, ...options });

const head = (method, path, more = '') => `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
const post = (stream, body) => head('POST', `/streams/${stream}`, `Content-Length: ${Buffer.byteLength(body)}\r\n`) + body;

/** So many subscribers of a stream, as plain sockets. Gives them once their streams have begun. */
async function listen(t, server, stream, count, from = '') {
  const sockets = Array.from({ length: count }, () => new Socket(t, server.httpPort).send(head('GET', `/streams/${stream}${from}`, 'Accept: text/event-stream\r\n')));
  await Promise.all(sockets.map(socket => socket.until(text => text.includes('event: position'))));
  return sockets;
}

const datas = socket => [...socket.text.matchAll(/^id: (\d+)\ndata: (.*)$/gm)].filter(match => match[2] !== '').map(match => match[2]);

eachBackend(test, 'many streams over one connection, each with subscribers on all threads', async (t, backend) => {
  const server = await threaded(t, { backend });
  const STREAMS = 12, ROUNDS = 20;
  const subscribers = [];
  for (let s = 0; s < STREAMS; s++) subscribers.push(await listen(t, server, `s${s}`, THREADS));
  const agent = connection(t);
  const ids = new Map();
  for (let round = 0; round < ROUNDS; round++) {
    for (let s = 0; s < STREAMS; s++) {
      const answer = await request('POST', `${server.url}/streams/s${s}`, `${s}.${round}`, { agent });
      assert.equal(answer.status, 201);
      const { stream, id } = JSON.parse(answer.text);
      assert.equal(stream, `s${s}`);
      assert.ok(id > (ids.get(s) ?? 0));
      ids.set(s, id);
    }
  }
  assert.equal(agent.totalSocketCount <= 1, true);
  const expected = s => Array.from({ length: ROUNDS }, (_, round) => `${s}.${round}`);
  for (let s = 0; s < STREAMS; s++) {
    for (const subscriber of subscribers[s]) {
      await subscriber.until(text => text.includes(`data: ${s}.${ROUNDS - 1}\n`));
      assert.deepEqual(datas(subscriber), expected(s));
    }
    assert.deepEqual((await server.read(`s${s}`, ROUNDS)).map(event => event.text), expected(s));
  }
  await server.stop();
});

test('pipelined requests to many streams and pages are answered in order', async t => {
  const server = await threaded(t, { args: ['--sync', 'never'] }); // so that posts are answered as quickly as anything
  const REQUESTS = 240;
  const pages = ['/streams', '/stats', '/metrics', '/healthz'];
  const sockets = Array.from({ length: 2 * THREADS }, () => {
    let requests = '';
    for (let i = 0; i < REQUESTS; i++)
      requests += i % 3 === 0 ? head('GET', pages[i % 4]) : i % 3 === 1 ? post(`p${i % 7}`, String(i)) : head('GET', '/nowhere');
    return new Socket(t, server.httpPort).send(requests);
  });
  for (const socket of sockets) {
    await socket.until(text => text.match(/HTTP\/1\.1 \d+/g)?.length === REQUESTS);
    const codes = socket.text.match(/HTTP\/1\.1 \d+/g).map(line => Number(line.slice(9)));
    assert.deepEqual(codes, Array.from({ length: REQUESTS }, (_, i) => [200, 201, 404][i % 3]));
  }
  await server.stop();
});

eachBackend(test, 'what is told of the server is told of all threads, on each', async (t, backend) => {
  const server = await threaded(t, { backend });
  const agents = Array.from({ length: THREADS }, () => connection(t));
  for (const agent of agents) await request('GET', `${server.url}/healthz`, undefined, { agent }); // the next one is on the next thread
  for (let i = 0; i < 10; i++) await request('POST', `${server.url}/streams/a`, 'x'.repeat(i), { agent: agents[i % THREADS] });
  const subscribers = await listen(t, server, 'a', 2 * THREADS);
  const lines = Array.from({ length: THREADS }, () => new Socket(t, server.linesPort).send('SUB nothing now\n'));
  await Promise.all(lines.map(socket => socket.until(text => text.includes('\n'))));
  for (const agent of agents) {
    const ask = async (path, headers) => (await request('GET', server.url + path, undefined, { agent, headers })).text;
    const stats = JSON.parse(await ask('/stats'));
    assert.equal(stats.threads.length, THREADS);
    assert.deepEqual(stats.subscribers, { sse: 2 * THREADS, lines: THREADS });
    assert.equal(stats.connections.http, 3 * THREADS);
    assert.equal(stats.connections.lines, THREADS);
    assert.deepEqual(stats.threads.map(thread => thread.connections), Array(THREADS).fill(4), 'connections are dealt out evenly');
    assert.equal(stats.events.published, 10);
    assert.equal(stats.log.appends, 10);
    const streams = Object.fromEntries(stats.streams.map(entry => [entry.name, entry]));
    assert.deepEqual([streams.a.events, streams.a.bytes, streams.a.published, streams.a.subscribers], [10, 45, 10, 2 * THREADS]);
    assert.equal(streams.nothing, undefined, 'a stream that is only followed does not exist');
    const listed = JSON.parse(await ask('/streams')).streams;
    assert.deepEqual(listed.map(entry => [entry.name, entry.subscribers]), [['a', 2 * THREADS]]);
    const metrics = await ask('/metrics');
    assert.match(metrics, new RegExp(`^hark_threads ${THREADS}$`, 'm'));
    assert.match(metrics, /^hark_events_published_total 10$/m);
    assert.match(metrics, new RegExp(`^hark_subscribers\\{protocol="sse"\\} ${2 * THREADS}$`, 'm'));
    assert.match(metrics, new RegExp(`^hark_stream_subscribers\\{stream="a"\\} ${2 * THREADS}$`, 'm'));
    assert.equal(metrics.match(/^hark_thread_connections\{/gm).length, THREADS);
    assert.equal(JSON.parse(await ask('/streams/a', { Accept: 'application/json' })).subscribers, 2 * THREADS);
    assert.equal(await ask('/healthz'), 'ok\n');
  }
  await server.publish('a', 'and one');
  await Promise.all(subscribers.map(subscriber => subscriber.until(text => text.includes('data: and one\n'))));
  const { events } = await server.stats();
  assert.equal(events.delivered, 2 * THREADS);
  subscribers.forEach(subscriber => subscriber.socket.destroy());
  await within((async () => { while ((await server.stats()).subscribers.sse !== 0); })(), 'the subscribers to be gone');
  await server.stop();
});

test('a stream that is deleted and made anew is a gap to its subscribers on all threads', async t => {
  const server = await threaded(t);
  await server.publish('d', 'first');
  const subscribers = await listen(t, server, 'd', 2 * THREADS, '?after=start');
  await Promise.all(subscribers.map(subscriber => subscriber.until(text => text.includes('data: first\n'))));
  for (let i = 0; i < THREADS; i++) {
    assert.equal((await request('DELETE', `${server.url}/streams/d`)).status, 204);
    assert.equal((await request('DELETE', `${server.url}/streams/d`)).status, 404);
    assert.equal((await server.curl('-o', '/dev/null', '-w', '%{http_code}', '-H', 'Accept: application/json', `${server.url}/streams/d`)).stdout, '404');
    await server.publish('d', `life ${i}`);
    await Promise.all(subscribers.map(subscriber => subscriber.until(text => text.includes(`data: life ${i}\n`))));
  }
  for (const subscriber of subscribers) {
    assert.deepEqual(datas(subscriber), ['first', 'life 0', 'life 1', 'life 2']);
    assert.equal(subscriber.text.match(/^event: gap$/gm).length, 3);
  }
  await server.stop();
});

test('what was acknowledged on one thread is there on the next, and nothing from before is live', async t => {
  const server = await threaded(t);
  for (let i = 0; i < 50; i++) {
    const before = await server.publish('r', `before ${i}`);
    const late = new Socket(t, server.httpPort).send(head('GET', '/streams/r', 'Accept: text/event-stream\r\n'));
    const lines = new Socket(t, server.linesPort).send('SUB r now\n');
    await lines.until(text => text.includes('\n'));
    assert.equal(lines.text, `${before}\n`);
    await late.until(text => text.includes('event: position'));
    await server.publish('r', `after ${i}`);
    await late.until(text => text.includes(`data: after ${i}\n`));
    assert.deepEqual(datas(late), [`after ${i}`]);
    late.socket.destroy();
    lines.socket.destroy();
  }
  await server.stop();
});

eachBackend(test, 'the directory is the same for any number of threads', async (t, backend) => {
  const data = directory(t);
  const written = [];
  let last = 0;
  for (const threads of [1, 3, 2, 4, 1]) {
    const server = await serve(t, { backend, data, threads });
    const subscriber = new Process(t, bin, ['sub', 'k', '--server', server.lines, '--after', last ? String(last) : 'start', '--id']);
    for (let i = 0; i < 40; i++) {
      const text = `${threads} ${i}`;
      const id = await server.publish(i % 2 ? 'k' : `k${i % 5}`, text);
      assert.ok(id > last);
      if (i % 2) {
        last = id;
        written.push({ id, text });
      }
    }
    await subscriber.until(new RegExp(`^${last}\t`, 'm'));
    assert.deepEqual(subscriber.stdout.split('\n').slice(0, -1).map(line => line.split('\t')[1]), written.slice(-20).map(event => event.text));
    assert.doesNotMatch(subscriber.stderr, /no longer kept|gap/);
    assert.deepEqual(await server.read('k', written.length), written);
    await (threads === 3 ? server.kill() : server.stop());
    await subscriber.kill();
  }
});

eachBackend(test, 'the end reaches everybody, and what was acknowledged is kept', async (t, backend) => {
  const server = await threaded(t, { backend });
  await server.publish('e', 'begun');
  const subscribers = await listen(t, server, 'e', 2 * THREADS);
  const idle = Array.from({ length: THREADS }, () => new Socket(t, server.httpPort).send(head('GET', '/healthz')));
  const publishers = Array.from({ length: THREADS }, () => new Process(t, bin, ['pub', 'e', '--server', server.lines, '--id']));
  await Promise.all(idle.map(socket => socket.until(text => text.includes('ok'))));
  publishers.forEach((publisher, p) => publisher.write(Array.from({ length: 3000 }, (_, i) => `${p}.${i}\n`).join('')));
  await Promise.all(publishers.map(publisher => publisher.until(/\n/)));
  const exit = await server.kill('SIGTERM');
  assert.equal(exit.code, 0, exit.stderr);
  await Promise.all([...subscribers, ...idle].map(socket => socket.closed()));
  const ends = await Promise.all(publishers.map(publisher => publisher.done()));
  const acknowledged = ends.flatMap(end => end.stdout.split('\n').filter(line => /^\d+$/.test(line)).map(Number)).sort((a, b) => a - b);
  await server.start();
  const kept = await server.read('e', await server.count('e'));
  const keptIds = new Set(kept.map(event => event.id));
  assert.ok(acknowledged.every(id => keptIds.has(id)));
  for (const subscriber of subscribers) {
    assert.match(subscriber.text, /: the server is ending\n\n$/);
    const seen = datas(subscriber); // what a subscriber had not taken yet it finds by its id
    assert.deepEqual(seen, kept.slice(1, 1 + seen.length).map(event => event.text));
  }
  await server.stop();
});

test('a second signal ends all threads at once', async t => {
  const server = await threaded(t, { args: ['--shutdown-timeout', '50s'] });
  const events = await listen(t, server, 'x', 2 * THREADS);
  events.forEach(socket => socket.socket.pause()); // they keep the first signal's end waiting
  for (let i = 0; i < 12; i++) await server.publish('x', 'x'.repeat(1024 * 1024)); // more than the kernel's buffers hold
  server.process.child.kill('SIGTERM');
  await server.process.until(/ending: /, 'stderr');
  server.process.child.kill('SIGTERM');
  assert.equal((await server.process.done()).signal, 'SIGTERM');
});

test('subscribers that take nothing are cut, on every thread, when the time for the end is over', async t => {
  const server = await threaded(t, { args: ['--shutdown-timeout', '300ms'] });
  const events = await listen(t, server, 'x', 2 * THREADS);
  events.forEach(socket => socket.socket.pause());
  for (let i = 0; i < 12; i++) await server.publish('x', 'x'.repeat(1024 * 1024)); // more than the kernel's buffers hold
  const exit = await server.kill('SIGTERM');
  assert.equal(exit.code, 0, exit.stderr);
});

test('a second server is refused: by the directory, and by each port', async t => {
  const server = await threaded(t);
  const spare = directory(t);
  const attempt = async (...args) => {
    const exit = await hark(t, 'serve', '--threads', String(THREADS), ...args);
    assert.equal(exit.code, 1, exit.stderr);
    return exit.stderr.trimEnd().split('\n').at(-1);
  };
  assert.match(await attempt('--http', '127.0.0.1:0', '--lines', '127.0.0.1:0', '--data', server.data), / hark: error: cannot open the data directory .*: it is in use/);
  assert.match(await attempt('--http', server.http, '--lines', '127.0.0.1:0', '--data', spare), / hark: error: cannot listen on .*address already in use/);
  assert.match(await attempt('--http', '127.0.0.1:0', '--lines', server.lines, '--data', spare), / hark: error: cannot listen on .*address already in use/);
  await server.publish('a', 'x');
  await server.stop();
});

test('the limit of connections is one for all threads', async t => {
  const MAX = 8;
  const server = await threaded(t, { args: ['--connections-max', String(MAX)] });
  const open = [];
  const places = MAX - MAX / 8; // an eighth is left to the lines port
  for (let i = 0; i < places; i++) open.push(await new Socket(t, server.httpPort).send(head('GET', '/healthz')).until(text => text.includes('ok')) && i);
  assert.equal(open.length, places);
  const extra = new Socket(t, server.httpPort).send(head('GET', '/healthz'));
  assert.equal(await extra.closed(), '');
  await server.stop();
});

test('connections that go make room on whichever thread they were', async t => {
  const MAX = 6;
  const server = await threaded(t, { args: ['--connections-max', String(MAX)] });
  for (let round = 0; round < 30; round++) {
    const sockets = Array.from({ length: MAX }, () => new Socket(t, server.httpPort).send(head('GET', '/healthz', 'Connection: close\r\n')));
    for (const socket of sockets) {
      const text = await socket.closed();
      assert.ok(text.includes('ok') || text === '', text); // one that was not noticed to be over yet counts
    }
  }
  const stats = await within((async () => {
    while (!server.process.exit) { // one that was closed at once has found no room yet
      const answer = await request('GET', `${server.url}/stats`).catch(() => null);
      if (answer?.status === 200 && JSON.parse(answer.text).connections.http === 1) return JSON.parse(answer.text);
    }
  })(), 'all to be over');
  assert.ok(stats.connections.accepted_http + stats.connections.shed > 30 * MAX);
  await server.stop();
});

eachBackend(test, 'files are followed for subscribers on all threads', async (t, backend) => {
  const file = join(directory(t), 'app.log');
  appendFileSync(file, '');
  const server = await threaded(t, { backend, args: ['--tail', `${file}=app`] });
  const subscribers = await listen(t, server, 'app', 2 * THREADS, '?after=start');
  const lines = Array.from({ length: 2000 }, (_, i) => `line ${i}`);
  for (let i = 0; i < lines.length; i += 100) appendFileSync(file, lines.slice(i, i + 100).map(line => `${line}\n`).join(''));
  for (const subscriber of subscribers) {
    await subscriber.until(text => text.includes('data: line 1999\n'));
    assert.deepEqual(datas(subscriber), lines);
  }
  const { tails } = await server.stats();
  assert.deepEqual([tails.length, tails[0].lines], [1, 2000]);
  await server.stop();
});

// Publishers and subscribers of a few streams, all at random, while the server is killed: what was acknowledged is there once.
eachBackend(test, 'publishers on all threads, and kill -9', async (t, backend) => {
  const seed = Number(process.env.HARK_TEST_SEED ?? Date.now() % 1e9);
  t.diagnostic(`HARK_TEST_SEED=${seed}`);
  const next = random(seed);
  const STREAMS = 4, ROUNDS = 6, PUBLISHERS = 6;
  const server = new Server(t, { backend });
  const subscribers = [];
  const acknowledged = Array.from({ length: STREAMS }, () => []);
  let number = 0;
  for (let round = 0; round < ROUNDS; round++) {
    server.threads = 1 + Math.floor(next() * 4);
    await server.start();
    if (round === 0)
      for (let s = 0; s < STREAMS; s++)
        for (let i = 0; i < 2; i++) subscribers.push({ s, process: new Process(t, bin, ['sub', `c${s}`, '--server', server.lines, '--after', 'start', '--id']) });
    const publishers = [];
    for (let p = 0; p < PUBLISHERS; p++) {
      const s = Math.floor(next() * STREAMS);
      const count = 200 + Math.floor(next() * 2000);
      const from = number;
      number += count;
      const publisher = new Socket(t, server.linesPort);
      publisher.send(`PUB c${s} ack\n${Array.from({ length: count }, (_, i) => `${from + i}\n`).join('')}`);
      publishers.push({ s, from, publisher });
    }
    await Promise.all(publishers.slice(0, 1 + Math.floor(next() * PUBLISHERS)).map(({ publisher }) => publisher.until(text => text.includes('\n'))));
    await server.kill();
    for (const { s, from, publisher } of publishers)
      (await publisher.closed()).split('\n').slice(0, -1).forEach((id, i) => acknowledged[s].push({ id: Number(id), text: String(from + i) }));
  }
  await server.start();
  for (let s = 0; s < STREAMS; s++) {
    const total = await server.count(`c${s}`);
    const kept = total ? await server.read(`c${s}`, total) : [];
    const ids = new Map(kept.map(event => [event.text, event.id]));
    assert.equal(ids.size, kept.length, 'each event once');
    for (let i = 1; i < kept.length; i++) assert.ok(kept[i].id > kept[i - 1].id);
    for (const { id, text } of acknowledged[s]) assert.equal(ids.get(text), id, `event ${text}`);
    const expected = kept.map(event => `${event.id}\t${event.text}\n`).join('');
    for (const subscriber of subscribers.filter(each => each.s === s)) {
      await subscriber.process.until(text => text.length >= expected.length);
      assert.ok(subscriber.process.stdout === expected, 'a subscriber saw each event once, in order');
      assert.doesNotMatch(subscriber.process.stderr, /no longer kept/);
      await subscriber.process.kill();
    }
  }
  await server.stop();
});

test('a number of threads that makes no sense is refused', async t => {
  for (const [value, message] of [['x', 'is not a whole number'], ['-1', 'is not a whole number'], ['1025', 'is out of range: 0 to 1024']]) {
    const exit = await run(t, bin, ['serve', '--threads', value]);
    assert.equal(exit.code, 2);
    assert.ok(exit.stderr.startsWith(`hark: serve: --threads ${value}: ${message}`), exit.stderr);
  }
});

test('a thread that cannot start is told, and none is left', { skip: sanitized && 'a sanitizer takes memory without end' }, async t => {
  const here = directory(t);
  const exit = await run(t, 'sh', ['-c', 'ulimit -v 200000; exec "$0" "$@"', bin, 'serve', '--threads', '64', '--http', '127.0.0.1:0', '--lines', '127.0.0.1:0', '--data', join(here, 'd')]);
  assert.equal(exit.code, 1, exit.stderr);
  assert.match(exit.stderr, / hark: error: cannot make the event loops: [^\n]+ \(try --threads 1\)\n$/);
});

test('0 threads is one for each CPU, and the configuration may say so', async t => {
  const here = directory(t);
  const { writeFileSync } = await import('node:fs');
  writeFileSync(join(here, 'hark.ini'), 'threads = 0\n');
  const cpus = Number((await run(t, 'nproc', [])).stdout);
  const process = new Process(t, bin, ['serve', '--config', join(here, 'hark.ini'), '--http', '127.0.0.1:0', '--lines', 'off', '--data', join(here, 'd')]);
  const url = (await process.until(/http on (\S+)/, 'stderr'))[1];
  await process.until(/ready: /, 'stderr');
  const stats = JSON.parse((await request('GET', `http://${url}/stats`)).text);
  assert.equal(stats.threads.length, cpus);
  if (cpus > 1) assert.match(process.stderr, new RegExp(`, ${cpus} threads, `));
  assert.equal((await process.kill('SIGTERM')).code, 0);
});
