// log.test.js - `hark log`: what is told and printed of a data directory.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { bin, directory, eachBackend, hark, request, run, serve } from './lib.js';

const lines = text => text.trimEnd().split('\n').filter(Boolean).map(line => JSON.parse(line));
const headers = { 'Content-Type': 'application/json' };

/** A directory with a stream of each kind, and the ids of what was published. */
async function kept(t) {
  const data = directory(t);
  const server = await serve(t, { data });
  const put = (name, body, more = {}) => request('PUT', `${server.url}/v1/stream/${name}`, body, { headers: { ...headers, ...more } });
  const ids = [await server.publish('a/text', 'one\ntwo "quoted" \u{1F600}'), await server.publish('a/text', '')];
  ids.push(await server.publish('bytes', Buffer.from([0xff, 0, 0xfe, 0x61])));
  assert.equal((await put('json', '[{"n":1},{"n":2}]', { 'Stream-Closed': 'true' })).status, 201);
  assert.equal((await put('fork', undefined, { 'Stream-Forked-From': '/v1/stream/json' })).status, 201);
  const running = await hark(t, 'log', 'dump', data);
  assert.equal(running.code, 3);
  assert.match(running.stderr, /a server runs on it/);
  await server.stop();
  return { data, ids };
}

test('a dump has a line for each stream and each event', async t => {
  const { data, ids } = await kept(t);
  const { code, stdout, stderr } = await hark(t, 'log', 'dump', data);
  assert.deepEqual([code, stderr], [0, '']);
  const all = lines(stdout);
  const events = all.filter(line => 'id' in line);
  assert.deepEqual(events.slice(0, 3).map(({ stream, id, text, base64 }) => ({ stream, id, text, base64 })), [
    { stream: 'a/text', id: ids[0], text: 'one\ntwo "quoted" \u{1F600}', base64: undefined },
    { stream: 'a/text', id: ids[1], text: '', base64: undefined },
    { stream: 'bytes', id: ids[2], text: undefined, base64: Buffer.from([0xff, 0, 0xfe, 0x61]).toString('base64') },
  ]);
  assert.equal(events[3].text, '{"n":1}\n{"n":2}');
  for (const { time } of events) assert.ok(Math.abs(Date.parse(time) - Date.now()) < 3600e3, time);
  const streams = Object.fromEntries(all.filter(line => 'created' in line).map(line => [line.stream, line]));
  assert.deepEqual(Object.keys(streams), ['a/text', 'bytes', 'json', 'fork']);
  assert.equal(streams['a/text'].events, 2);
  assert.deepEqual([streams.json.type, streams.json.closed], ['application/json', true]);
  assert.deepEqual([streams.fork.fork_of, streams.fork.events], ['json', 0]);
});

test('a dump of one stream has that alone, and says where there is none', async t => {
  const { data } = await kept(t);
  const one = await hark(t, 'log', 'dump', data, 'bytes');
  assert.deepEqual(lines(one.stdout).map(line => line.stream), ['bytes', 'bytes']);
  const none = await hark(t, 'log', 'dump', data, 'other');
  assert.deepEqual([none.code, none.stdout], [1, '']);
  assert.match(none.stderr, /has no stream other/);
});

test('what cannot be printed or read, and a wrong use, are told', async t => {
  const { data } = await kept(t);
  const full = await run(t, 'sh', ['-c', '"$0" log dump "$1" >/dev/full', bin, data]);
  assert.equal(full.code, 1);
  assert.match(full.stderr, /standard output/);
  assert.equal((await hark(t, 'log', 'dump', join(data, 'nothing'))).code, 3);
  for (const wrong of [['dump'], ['check', data, 'a'], ['look', data]]) assert.equal((await hark(t, 'log', ...wrong)).code, 2);
});

test('what is lost is a line of a dump, and its exit code', async t => {
  const { data, ids } = await kept(t);
  const whole = await hark(t, 'log', 'check', data);
  assert.equal(whole.code, 0, whole.stdout);
  assert.match(whole.stdout, /stream a\/text: 2 events/);
  const segment = join(data, readdirSync(data).find(name => name.endsWith('.log')));
  const bytes = readFileSync(segment);
  bytes[bytes.indexOf('two "quoted"')] ^= 1;
  writeFileSync(segment, bytes);
  const { code, stdout } = await hark(t, 'log', 'dump', data, 'a/text');
  const [, lost, event] = lines(stdout);
  assert.equal(code, 1);
  assert.ok(lost.lost_after < ids[0] && lost.lost_before > ids[0], stdout);
  assert.equal(event.id, ids[1]);
  assert.equal((await hark(t, 'log', 'check', data)).code, 1);
});

/* --- backups --- */

/** Publishes numbers until it is told to stop. Gives: { acknowledged(), stop() }. */
function publisher(server, stream) {
  let count = 0, going = true;
  const end = (async () => {
    while (going) {
      const { status } = await request('POST', `${server.url}/streams/${stream}`, String(count).padEnd(200, '.'));
      assert.equal(status, 201);
      count++;
    }
  })();
  return { acknowledged: () => count, stop: () => ((going = false), end) };
}

/** The numbers in a dump of a stream, which have no hole. */
async function numbers(t, data, stream) {
  const { code, stdout, stderr } = await hark(t, 'log', 'dump', data, stream);
  assert.equal(code, 0, stderr);
  const all = lines(stdout).filter(line => 'id' in line).map(line => parseInt(line.text));
  all.forEach((number, i) => assert.equal(number, all[0] + i));
  return all;
}

eachBackend(test, 'a backup that is taken while a server works is whole, and has what was acknowledged', async (t, backend) => {
  const data = directory(t), to = join(directory(t), 'copy');
  let server = await serve(t, { data, backend, args: ['--segment-bytes', '16K'] });
  const environment = { options: { env: { ...process.env, HARK_BACKEND: backend } } };
  const backup = () => run(t, bin, ['log', 'backup', data, to], '', environment.options);
  for (let round = 0; round < 4; round++) {
    const numbered = publisher(server, 'n');
    while (numbered.acknowledged() < 150) await server.publish('other', 'x');
    const before = numbered.acknowledged();
    const { code, stdout, stderr } = await backup();
    assert.equal(code, 0, stderr);
    await numbered.stop();
    const whole = await hark(t, 'log', 'check', to);
    assert.equal(whole.code, 0, whole.stdout);
    const kept = await numbers(t, to, 'n');
    assert.ok(kept.at(-1) >= before - 1 || round > 0, `${kept.at(-1)} of ${before}: ${stdout}`);
    const restored = directory(t);
    assert.equal((await hark(t, 'log', 'restore', to, restored)).code, 0);
    const other = await serve(t, { data: restored, backend });
    await other.publish('n', '-1');
    await other.stop();
    assert.equal((await server.publish('n2', 'still there')) > 0, true);
    await request('DELETE', `${server.url}/streams/n`);
    await server.kill();
    server = await serve(t, { data, backend, args: ['--segment-bytes', '16K'] });
  }
  await server.stop();
});

test('what retention takes while a backup is taken is no loss of it', async t => {
  const data = directory(t), to = directory(t);
  const server = await serve(t, { data, args: ['--segment-bytes', '16K', '--retention-bytes', '64K'] });
  const numbered = publisher(server, 'n');
  for (let round = 0; round < 12; round++) {
    const until = numbered.acknowledged() + 60;
    while (numbered.acknowledged() < until) await server.publish('other', 'x'.repeat(300));
    const before = numbered.acknowledged();
    const { code, stderr } = await hark(t, 'log', 'backup', data, to);
    assert.equal(code, 0, stderr);
    const whole = await hark(t, 'log', 'check', to);
    assert.equal(whole.code, 0, whole.stdout);
    const kept = await numbers(t, to, 'n');
    assert.ok(kept.at(-1) >= before - 1, `${kept.at(-1)} of ${before}`);
  }
  assert.ok(readdirSync(to).length < 30, readdirSync(to).join());
  await numbered.stop();
  await server.stop();
});

test('a backup that was killed is gone on with', async t => {
  const data = directory(t), to = directory(t);
  const server = await serve(t, { data, args: ['--segment-bytes', '64K'] });
  for (let i = 0; i < 80; i++) await server.publish('n', String(i).padEnd(20000, '.'));
  for (let i = 1; i <= 6; i++) {
    await run(t, 'timeout', ['-s', 'KILL', `0.00${i}`, bin, 'log', 'backup', data, to]);
  }
  assert.equal((await hark(t, 'log', 'backup', data, to)).code, 0);
  const again = await hark(t, 'log', 'backup', data, to);
  assert.match(again.stdout, /copied 1 segments/); // the newest, each time
  assert.equal((await numbers(t, to, 'n')).length, 80);
  await server.stop();
});

test('a backup is taken of the directory that it was taken of, and restored into an empty one', async t => {
  const { data } = await kept(t);
  const { data: other } = await kept(t);
  const to = directory(t);
  assert.equal((await hark(t, 'log', 'backup', data, to)).code, 0);
  const refused = async (pattern, ...words) => {
    const { code, stderr, stdout } = await hark(t, 'log', ...words);
    assert.deepEqual([code, stdout, stderr.split('\n').length], [3, '', 2]);
    assert.match(stderr, pattern);
  };
  await refused(/backup of another directory/, 'backup', other, to);
  await refused(/it holds segments/, 'restore', to, other);
  await refused(/the directory itself/, 'backup', data, data);
  await refused(/no data directory/, 'backup', directory(t), to);
  await refused(/no such file/, 'backup', join(data, 'none'), to);
  const server = await serve(t, { data: to });
  await refused(/in use/, 'backup', data, to);
  await server.stop();
  assert.equal((await hark(t, 'log', 'backup', data)).code, 2);
  const text = (await hark(t, 'log', 'dump', data)).stdout;
  const restored = join(directory(t), 'new');
  assert.equal((await hark(t, 'log', 'restore', to, restored)).code, 0);
  assert.equal((await hark(t, 'log', 'dump', restored)).stdout, text);
});
