// durable.test.js - the Durable Streams protocol: its own conformance suite, and what a kill leaves.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Authority } from './authority.js';
import { backends, bin, eachBackend, directory, request, run, serve, withoutTls, withoutWebhooks } from './lib.js';

const here = dirname(fileURLToPath(import.meta.url));
const node = Number(process.versions.node.split('.')[0]);

/** Where the suite is, installed once for a build. */
function suite() {
  const into = join(process.env.HARK_BUILD, 'protocol');
  if (!existsSync(join(into, 'node_modules'))) {
    spawnSync('mkdir', ['-p', into]);
    const installed = spawnSync(join(here, '../checks/clients'), [join(here, '../protocol'), into], { encoding: 'utf8' });
    assert.equal(installed.status, 0, installed.stderr);
  }
  copyFileSync(join(here, '../protocol/suite.test.js'), join(into, 'suite.test.js'));
  return into;
}

const slow = /__[at]san_init/.test(readFileSync(bin, 'latin1'));
const skip = node < 20 ? `the suite needs node 20, this is ${process.versions.node}` : slow && 'its cases have times of their own, too short for a sanitizer';

// Two of the four: what differs between backends is the library's. And over TLS, on each of the two once.
const other = backends.includes('epoll') ? 'epoll' : backends[0];
for (const [backend, threads, over] of [[backends[0], 1, 'TCP'], [other, 2, 'TCP'], [backends[0], 2, 'TLS'], [other, 1, 'TLS']]) {
  test(`the protocol's suite (${backend}, ${threads} threads, ${over})`, { skip: skip || (over === 'TLS' && withoutTls), timeout: 900000 }, async t => {
    const tls = over === 'TLS' ? new Authority('hark test CA').certificate(t, 'server') : null;
    const server = await serve(t, { backend, threads, tls, args: ['--allow-origin', '*', '--poll-timeout', '2s', '--webhooks', 'local'] });
    const into = suite();
    const vitest = join(into, 'node_modules/vitest/vitest.mjs');
    const result = await run(t, process.execPath, [vitest, 'run', 'suite.test.js', '--reporter=dot', '--testTimeout=60000'], '',
      { cwd: into, env: { ...process.env, HARK_URL: server.url, ...(withoutWebhooks ? { HARK_WITHOUT_WEBHOOKS: '1' } : {}), NO_COLOR: '1', CI: '1', ...(tls ? { NODE_EXTRA_CA_CERTS: tls.caFile } : {}) } });
    assert.equal(result.code, 0, result.stdout + result.stderr);
    const passed = Number(result.stdout.match(/Tests .*?(\d+) passed/)[1]);
    assert.ok(passed >= (withoutWebhooks ? 332 : 338), `${passed} passed`);
    t.diagnostic(`${passed} cases of the suite passed`);
    await server.stop();
  });
}

const producer = (epoch, sequence) => ({ 'Producer-Id': 'p', 'Producer-Epoch': String(epoch), 'Producer-Seq': String(sequence) });

async function ask(method, url, headers = {}, body = undefined) {
  const answer = await fetch(url, { method, headers, body });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** All of a stream of JSON, as a client reads it: chunk by chunk. Gives: { messages, closed }. */
async function readAll(url) {
  const messages = [];
  for (let offset = '-1'; ;) {
    const chunk = await ask('GET', `${url}?offset=${offset}`);
    assert.equal(chunk.status, 200);
    messages.push(...JSON.parse(chunk.text));
    offset = chunk.headers.get('Stream-Next-Offset');
    if (chunk.headers.get('Stream-Up-To-Date')) return { messages, closed: chunk.headers.get('Stream-Closed') === 'true' };
  }
}

eachBackend(test, 'a retry after a kill is never stored twice', async (t, backend) => {
  const data = directory(t);
  const json = { 'Content-Type': 'application/json' };
  let server = await serve(t, { backend, data });
  const at = name => `${server.url}/v1/stream/${name}`;
  assert.equal((await ask('PUT', at('s'), json)).status, 201);
  assert.equal((await ask('PUT', at('whole'), { ...json, 'Stream-Closed': 'true' }, '[1,2]')).status, 201);
  for (let sequence = 0; sequence < 5; sequence++) {
    assert.equal((await ask('POST', at('s'), { ...json, ...producer(0, sequence) }, `{"n":${sequence}}`)).status, 200);
    await server.kill();
    server = await serve(t, { backend, data });
    const again = await ask('POST', at('s'), { ...json, ...producer(0, sequence) }, `{"n":${sequence}}`);
    assert.equal(again.status, 204);
    assert.equal(again.headers.get('Producer-Seq'), String(sequence));
  }
  assert.equal((await ask('POST', at('s'), { ...json, ...producer(0, 7) }, '7')).status, 409);
  assert.equal((await ask('POST', at('s'), { 'Stream-Closed': 'true', ...producer(1, 0) })).status, 204);
  await server.kill();
  server = await serve(t, { backend, data });
  assert.deepEqual(await readAll(at('s')), { messages: [0, 1, 2, 3, 4].map(n => ({ n })), closed: true });
  assert.equal((await ask('POST', at('s'), { 'Stream-Closed': 'true', ...producer(1, 0) })).status, 204);
  assert.equal((await ask('POST', at('s'), { ...json, ...producer(0, 9) }, '9')).status, 409);
  assert.equal((await ask('GET', at('whole'))).text, '[1,2]');
  await server.stop();
});

eachBackend(test, 'the same streams through every door, and closed for all of them', async (t, backend) => {
  const server = await serve(t, { backend, threads: 2 });
  const text = { 'Content-Type': 'text/plain' };
  const url = `${server.url}/v1/stream/s`;
  assert.equal((await ask('PUT', url, text, 'one')).status, 201);
  assert.equal((await ask('POST', `${server.url}/streams/s`, {}, 'two')).status, 201);
  const waiting = ask('GET', `${url}?offset=now&live=long-poll`);
  const events = await fetch(`${url}?offset=-1&live=sse`);
  assert.equal((await ask('POST', url, { ...text, 'Stream-Closed': 'true' }, 'three')).status, 204);
  assert.match(await events.text(), /data:one[^]*two[^]*three[^]*"streamClosed":true/);
  const late = await waiting; // the append may have come before it
  assert.ok(late.text === 'three' || late.status === 204, late.text);
  assert.equal((await ask('GET', url)).text, 'onetwothree');
  assert.equal((await ask('POST', `${server.url}/streams/s`, {}, 'four')).status, 409);
  assert.equal((await ask('PUT', `${server.url}/v1/stream/j`, { 'Content-Type': 'application/json' })).status, 201);
  assert.equal((await ask('POST', `${server.url}/streams/j`, {}, 'no JSON')).status, 409);
  await server.stop();
});

eachBackend(test, 'a name is a path, behind every door and after a kill', async (t, backend) => {
  const data = directory(t);
  const text = { 'Content-Type': 'text/plain' };
  let server = await serve(t, { backend, data });
  const at = name => `${server.url}/v1/stream/${name}`;
  const made = await ask('PUT', at('users/7/chat'), text, 'one');
  assert.equal(made.status, 201);
  assert.match(made.headers.get('Location'), /\/v1\/stream\/users\/7\/chat$/);
  assert.equal((await ask('PUT', at('users/7'), text, 'other')).status, 201);
  await server.publish('users/7/chat', 'two');
  assert.equal((await ask('PUT', at('users/8/chat'), { 'Stream-Forked-From': '/v1/stream/users/7/chat' })).status, 201);
  for (const wrong of ['a//b', 'a/', '/a', '.a/b', 'a%2Fb'])
    for (const door of ['v1/stream', 'streams']) {
      const refused = await request('POST', `${server.url}/${door}/${wrong}`, 'x', { headers: text });
      assert.equal(refused.status, 400, `${door}/${wrong}`);
    }
  await server.kill();
  server = await serve(t, { backend, data });
  assert.equal((await ask('GET', at('users/7/chat'))).text, 'onetwo');
  assert.equal((await ask('GET', at('users/8/chat'))).text, 'onetwo');
  assert.equal((await ask('GET', at('users/7'))).text, 'other');
  assert.deepEqual((await server.read('users/7/chat', 2)).map(event => event.text), ['one', 'two']);
  assert.equal((await ask('DELETE', at('users/7'))).status, 204);
  assert.equal((await ask('GET', at('users/7'))).status, 404);
  assert.equal((await ask('GET', at('users/7/chat'))).text, 'onetwo');
  await server.stop();
});

eachBackend(test, 'hundreds that wait are all told of one event, and of the end', async (t, backend) => {
  const WAITING = 300;
  const server = await serve(t, { backend, threads: 2, args: ['--poll-timeout', '1h'] });
  const url = `${server.url}/v1/stream/s`;
  const text = { 'Content-Type': 'text/plain' };
  assert.equal((await ask('PUT', url, text)).status, 201);
  const all = (query, count) => Array.from({ length: count }, () => request('GET', `${url}?${query}`));
  const polls = all('offset=-1&live=long-poll', WAITING);
  assert.equal((await ask('POST', url, text, 'one')).status, 204);
  for (const { status, text: got } of await Promise.all(polls)) assert.deepEqual([status, got], [200, 'one']);
  const idle = await fetch(`${url}?offset=now&live=sse`); // told of all there is, before the end
  const told = idle.body.getReader();
  let heard = '';
  while (!heard.includes('upToDate')) heard += Buffer.from((await told.read()).value).toString();
  const streams = all('offset=-1&live=sse', WAITING);
  const tail = (await ask('HEAD', url)).headers.get('Stream-Next-Offset');
  const more = all(`offset=${tail}&live=long-poll`, WAITING);
  assert.equal((await ask('POST', url, { 'Stream-Closed': 'true' })).status, 204);
  for (const { status } of await Promise.all(more)) assert.equal(status, 204);
  for (const { text: got } of await Promise.all(streams)) assert.match(got, /data:one[^]*"streamClosed":true/);
  for (let part; !(part = await told.read()).done;) heard += Buffer.from(part.value).toString();
  assert.match(heard, /"streamClosed":true/);
  await server.stop();
});

eachBackend(test, 'live reads of more than a chunk have each event once', async (t, backend) => {
  const data = directory(t);
  const text = { 'Content-Type': 'text/plain' };
  let server = await serve(t, { backend, data, args: ['--poll-timeout', '1h'] });
  const url = () => `${server.url}/v1/stream/s`;
  assert.equal((await ask('PUT', url(), text)).status, 201);
  let whole = '';
  for (let number = 0; number < 40; number++) {
    const body = `${number}:${'x'.repeat(9000)};`;
    whole += body;
    assert.equal((await ask('POST', url(), text, body)).status, 204);
    if (number % 10 === 9) { // and over the ends of segments
      await server.kill();
      server = await serve(t, { backend, data, args: ['--poll-timeout', '1h'] });
    }
  }
  for (let number = 0; number < 1500; number++) // events without a byte, which no chunk shows
    if (number % 100 === 0) await Promise.all(Array.from({ length: 100 }, () => ask('POST', `${server.url}/streams/s`, {}, '')));
  assert.equal((await ask('POST', url(), { ...text, 'Stream-Closed': 'true' }, 'end')).status, 204);
  whole += 'end';
  let got = '', offset = '-1', closed = false;
  while (!closed) {
    const poll = await request('GET', `${url()}?offset=${offset}&live=long-poll`);
    assert.ok(poll.status === 200 || poll.status === 204);
    got += poll.text;
    const head = await ask('GET', `${url()}?offset=${offset}`);
    offset = head.headers.get('Stream-Next-Offset');
    closed = head.headers.get('Stream-Closed') === 'true';
    if (head.text.length > poll.text.length) got += head.text.slice(poll.text.length); // a chunk more than the poll had
  }
  assert.equal(got, whole);
  const events = (await request('GET', `${url()}?offset=-1&live=sse`)).text;
  const parts = events.split('\n\n').filter(event => event.startsWith('event: data')).map(event => event.split('\n').slice(1).map(line => line.slice(5)).join('\n'));
  assert.equal(parts.join(''), whole);
  await server.stop();
});

eachBackend(test, 'a source that was deleted stays for its forks, and goes with the last of them', async (t, backend) => {
  const data = directory(t);
  const text = { 'Content-Type': 'text/plain' };
  let server = await serve(t, { backend, data });
  const at = name => `${server.url}/v1/stream/${name}`;
  const fork = (name, from, more = {}) => ask('PUT', at(name), { ...text, 'Stream-Forked-From': `/v1/stream/${from}`, ...more });
  const first = await ask('PUT', at('a'), text, 'one');
  assert.equal(first.status, 201);
  assert.equal((await ask('POST', at('a'), text, 'two')).status, 204);
  assert.equal((await fork('b', 'a', { 'Stream-Fork-Offset': first.headers.get('Stream-Next-Offset') })).status, 201);
  assert.equal((await ask('POST', at('b'), text, 'three')).status, 204);
  assert.equal((await fork('c', 'b', { 'Stream-Fork-Sub-Offset': '0' })).status, 201);
  assert.equal((await ask('DELETE', at('a'))).status, 204);
  for (const name of ['b', 'a']) { // each as it is, and once more after a kill
    assert.equal((await ask('GET', at('a'))).status, 410);
    assert.equal((await ask('DELETE', at('a'))).status, 410);
    assert.equal((await ask('POST', `${server.url}/streams/a`, {}, 'x')).status, 409);
    assert.equal((await ask('PUT', at('a'), text)).status, 409);
    assert.equal((await ask('GET', at('c'))).text, 'onethree');
    await server.kill();
    server = await serve(t, { backend, data });
    if (name === 'b') assert.equal((await ask('DELETE', at('b'))).status, 204);
  }
  assert.equal((await ask('GET', at('b'))).status, 410);
  assert.equal((await ask('DELETE', at('c'))).status, 204);
  // What nobody needs goes by itself, and its names are free again.
  for (const name of ['a', 'b', 'c'])
    assert.equal((await ask('PUT', at(name), text, 'anew')).status, 201, name);
  assert.equal((await ask('GET', at('a'))).text, 'anew');
  await server.stop();
});
