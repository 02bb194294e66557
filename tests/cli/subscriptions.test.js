// subscriptions.test.js - subscriptions of the Durable Streams protocol with real receivers: retries, signatures, kills, workers
// that die.

import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import http from 'node:http';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { directory, eachBackend, serve, within, withoutWebhooks } from './lib.js';

const json = { 'Content-Type': 'application/json' };

/** One request, on a connection of its own. */
async function ask(method, url, body = undefined, headers = {}) {
  const answer = await fetch(url, {
    method, headers: { ...json, Connection: 'close', ...headers }, body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  let got;
  try { got = JSON.parse(text); } catch { got = text; }
  return { status: answer.status, headers: answer.headers, body: got };
}

/** A server's addresses, whichever process it is by now. */
const at = server => ({
  stream: name => `${server.url}/v1/stream/${name}`,
  sub: (id, rest = '') => `${server.url}/v1/stream/__ds/subscriptions/${id}${rest}`,
});

const local = { args: ['--webhooks', 'local'] };

async function create(server, id, body) {
  const made = await ask('PUT', at(server).sub(id), body);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body;
}

async function put(server, name, body) {
  const made = await ask('PUT', at(server).stream(name), body);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made;
}

async function append(server, name, body) {
  const { status } = await ask('POST', at(server).stream(name), body);
  assert.equal(status, 204);
}

const show = async (server, id) => (await ask('GET', at(server).sub(id))).body;

/** A worker that is called: answers as it is told, keeps what came. */
class Receiver {
  constructor(t) {
    this.wakes = [];
    this.waiters = new Set();
    this.answer = () => ({ status: 200, body: { done: true } });
    this.server = http.createServer((request, response) => {
      const parts = [];
      request.on('data', part => parts.push(part));
      request.on('end', () => {
        const raw = Buffer.concat(parts);
        const wake = { raw, body: JSON.parse(raw), signature: request.headers['webhook-signature'], path: request.url, response };
        this.wakes.push(wake);
        const told = this.answer(wake);
        if (told) {
          response.writeHead(told.status, { ...json, ...told.headers });
          response.end(told.raw ?? JSON.stringify(told.body ?? {}));
        }
        for (const look of [...this.waiters]) look();
      });
    });
    this.connections = 0;
    this.server.on('connection', () => { this.connections++; });
    t.after(() => { this.server.closeAllConnections(); this.server.close(); });
  }

  async listen() {
    await new Promise(resolve => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}/hook`;
    return this;
  }

  /** The first wake from a place on that a test wants. */
  until(wanted, from = 0) {
    return within(new Promise(resolve => {
      const look = () => {
        const found = this.wakes.slice(from).find(wanted);
        if (!found) return;
        this.waiters.delete(look);
        resolve(found);
      };
      this.waiters.add(look);
      look();
    }), 'a wake');
  }
}

const receiver = t => new Receiver(t).listen();

/** Asks until it is so: what changes on the server's side alone is told by nothing. */
async function eventually(look, what) {
  const limit = Date.now() + 300000;
  for (;;) {
    const got = await look();
    if (got) return got;
    if (Date.now() > limit) throw new Error(`waited in vain for ${what}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

const acked = (subscription, path) => subscription.streams.find(link => link.path === path)?.acked_offset;

/** Checks a signature as the protocol says, with nothing but what the server publishes. */
async function verified(wake, jwksUrl) {
  const keys = await ask('GET', jwksUrl);
  assert.equal(keys.headers.get('Content-Type'), 'application/jwk-set+json');
  const [, time, kid, signature] = wake.signature.match(/^t=(\d+),kid=([^,]+),ed25519=([A-Za-z0-9_-]{86})$/);
  const jwk = keys.body.keys.find(key => key.kid === kid);
  assert.ok(jwk);
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  return raw => verify(null, Buffer.concat([Buffer.from(`${time}.`), raw]), key, Buffer.from(signature, 'base64url'));
}

for (const threads of [1, 2]) {
  eachBackend(test, `a webhook is signed, acknowledges what it was told of, and is told what comes later (${threads} threads)`, { skip: withoutWebhooks }, async (t, backend) => {
    const hook = await receiver(t);
    const server = await serve(t, { backend, threads, ...local });
    await put(server, 'old/one', [1, 2]);
    const made = await create(server, 's', { type: 'webhook', pattern: 'old/**', webhook: { url: hook.url }, description: '"quoted"\n\u00e9' });
    assert.equal(made.description, '"quoted"\n\u00e9');
    assert.deepEqual(made.streams.map(({ path, link_type }) => [path, link_type]), [['old/one', 'glob']]);
    await put(server, 'other', [1]);
    await put(server, 'old/a/b/c', [1]);
    const wake = await hook.until(() => true);
    assert.equal(wake.path, '/hook');
    const check = await verified(wake, made.webhook.signing.jwks_url);
    assert.ok(check(wake.raw));
    assert.ok(!check(Buffer.from(`${wake.raw} `)));
    assert.deepEqual(wake.body.streams.filter(link => link.has_pending).map(link => link.path), ['old/a/b/c']);
    const told = wake.body.streams.find(link => link.path === 'old/a/b/c').tail_offset;
    await eventually(async () => acked(await show(server, 's'), 'old/a/b/c') === told, 'the ack');
    await append(server, 'old/one', 3);
    const next = await hook.until(({ body }) => body.streams.some(link => link.path === 'old/one' && link.has_pending));
    assert.ok(next.body.generation > wake.body.generation);
    assert.notEqual(next.body.wake_id, wake.body.wake_id);
    const link = next.body.streams.find(one => one.path === 'old/one');
    const read = await ask('GET', `${at(server).stream('old/one')}?offset=${link.acked_offset}`);
    assert.deepEqual(read.body, [3]);
    assert.equal(read.headers.get('Stream-Next-Offset'), link.tail_offset);
    await server.stop();
  });
}

eachBackend(test, 'a webhook that fails is tried again, and the schedule outlives a kill', { skip: withoutWebhooks }, async (t, backend) => {
  const hook = await receiver(t);
  const data = directory(t);
  hook.answer = () => ({ status: 503 });
  let server = await serve(t, { backend, data, ...local });
  await create(server, 's', { type: 'webhook', pattern: 'e/*', webhook: { url: hook.url }, lease_ttl_ms: 600000 });
  await put(server, 'e/a', ['x']);
  const first = await hook.until(() => true);
  await eventually(async () => (await show(server, 's')).status === 'failed', 'the failure');
  const second = await hook.until(() => true, 1);
  assert.deepEqual([second.body.wake_id, second.body.generation], [first.body.wake_id, first.body.generation]);
  await hook.until(() => true, 2);
  await eventually(async () => (await show(server, 's')).status === 'failed', 'the failure');
  await server.kill();
  hook.answer = () => ({ status: 200, body: { done: true } });
  const before = hook.wakes.length;
  server = await serve(t, { backend, data, ...local });
  assert.equal((await show(server, 's')).status, 'failed');
  const last = await hook.until(() => true, before);
  const { path, tail_offset: tail } = last.body.streams[0];
  assert.equal(path, 'e/a');
  await eventually(async () => {
    const now = await show(server, 's');
    return now.status === 'active' && acked(now, 'e/a') === tail;
  }, 'the ack');
  await server.stop();
});

eachBackend(test, 'no wake is lost and no ack forgotten, whenever the server is killed', { skip: withoutWebhooks }, async (t, backend) => {
  const hook = await receiver(t);
  const data = directory(t);
  const done = new Map();
  const ROUNDS = 8;
  hook.answer = ({ body, response }) => {
    for (const link of body.streams) {
      const had = done.get(link.path) ?? '';
      assert.ok(link.acked_offset >= had || had === '', `${link.path} went back from ${had} to ${link.acked_offset}`);
    }
    response.writeHead(200, json);
    response.end('{"done":true}');
  };
  let server = await serve(t, { backend, data, ...local });
  const { webhook } = await create(server, 's', { type: 'webhook', pattern: '**', webhook: { url: hook.url }, lease_ttl_ms: 5000 });
  for (let round = 0; round < ROUNDS; round++) {
    await put(server, `n/${round}`, [round]);
    await append(server, `n/${round >> 1}`, round);
    if (round % 2) await hook.until(({ body }) => body.streams.some(link => link.path === `n/${round}`));
    const shown = await show(server, 's'); // what a client has been told once stays so
    for (const link of shown.streams) done.set(link.path, link.acked_offset);
    await server.kill();
    server = await serve(t, { backend, data, ...local });
    for (const link of (await show(server, 's')).streams) assert.ok(link.acked_offset >= (done.get(link.path) ?? ''));
  }
  await eventually(async () => {
    const { streams } = await show(server, 's');
    for (const link of streams) {
      const tail = (await ask('HEAD', at(server).stream(link.path))).headers.get('Stream-Next-Offset');
      if (tail !== link.acked_offset) return false;
    }
    return streams.length === ROUNDS;
  }, 'all acks');
  for (let round = 0; round < ROUNDS; round++) assert.ok(hook.wakes.some(({ body }) => body.streams.some(link => link.path === `n/${round}` && link.has_pending)));
  assert.equal((await show(server, 's')).webhook.signing.kid, webhook.signing.kid);
  assert.equal(statSync(join(data, 'signing-key')).mode & 0o777, 0o600);
  await server.stop();
});

const bearer = token => ({ Authorization: `Bearer ${token}` });

/** What a pull-wake worker does. */
const worker = (server, id) => ({
  claim: name => ask('POST', at(server).sub(id, '/claim'), { worker: name }),
  ack: (claim, acks, done) => ask('POST', at(server).sub(id, '/ack'), { wake_id: claim.wake_id, generation: claim.generation, acks, done }, bearer(claim.token)),
  release: claim => ask('POST', at(server).sub(id, '/release'), { wake_id: claim.wake_id, generation: claim.generation }, bearer(claim.token)),
});

const wakesOf = async (server, name) => (await ask('GET', at(server).stream(name))).body;

for (const threads of [1, 2]) {
  eachBackend(test, `a worker that dies is fenced: the next generation is another's (${threads} threads)`, { skip: withoutWebhooks }, async (t, backend) => {
    const data = directory(t);
    let server = await serve(t, { backend, data, threads });
    await put(server, 'wake/pool', []);
    await create(server, 'g', { type: 'pull-wake', streams: ['job'], wake_stream: 'wake/pool', lease_ttl_ms: 1000 });
    assert.equal((await worker(server, 'g').claim('early')).body.error.code, 'NO_PENDING_WORK');
    await put(server, 'job', ['a']);
    await eventually(async () => (await wakesOf(server, 'wake/pool')).length === 1, 'a wake event');
    const [event] = await wakesOf(server, 'wake/pool');
    assert.deepEqual([event.type, event.subscription_id, event.stream, event.generation], ['wake', 'g', 'job', 1]);
    const first = (await worker(server, 'g').claim('first')).body;
    assert.equal(first.generation, 1);
    const refused = await worker(server, 'g').claim('second');
    assert.deepEqual([refused.status, refused.body.error.code, refused.body.error.current_holder], [409, 'ALREADY_CLAIMED', 'first']);
    const beat = await worker(server, 'g').ack(first, undefined, undefined); // a heartbeat
    assert.deepEqual([beat.status, beat.body], [200, { ok: true, next_wake: false }]);
    await eventually(async () => (await wakesOf(server, 'wake/pool')).length === 2, 'the wake after the lease');
    const late = await worker(server, 'g').ack(first, [{ stream: 'job', offset: first.streams[0].tail_offset }], true);
    assert.deepEqual([late.status, late.body.error.code], [409, 'FENCED']);
    assert.equal((await worker(server, 'g').release(first)).status, 409);
    const second = (await worker(server, 'g').claim('second')).body;
    assert.equal(second.generation, 2);
    await server.kill(); // its lease is whole again in the next process, its claim the same
    server = await serve(t, { backend, data, threads });
    assert.equal((await worker(server, 'g').claim('third')).body.error.current_holder, 'second');
    const over = { ...second, token: second.token.replace(/.$/, last => (last === 'A' ? 'B' : 'A')) };
    const forged = await worker(server, 'g').ack(over, [], true);
    assert.deepEqual([forged.status, forged.body.error.code], [401, 'TOKEN_INVALID']);
    const { path, tail_offset: offset } = second.streams[0];
    const beyond = await worker(server, 'g').ack(second, [{ stream: path, offset: '9000000000000000' }], true);
    assert.deepEqual([beyond.status, beyond.body.error.code], [409, 'INVALID_OFFSET']);
    assert.deepEqual((await worker(server, 'g').ack(second, [{ stream: path, offset }], true)).body, { ok: true, next_wake: false });
    assert.equal(acked(await show(server, 'g'), 'job'), offset);
    await append(server, 'job', 'b');
    const third = (await worker(server, 'g').claim('third')).body;
    assert.equal(third.generation, 3);
    assert.equal(third.streams[0].acked_offset, offset);
    assert.equal((await worker(server, 'g').release(third)).status, 204);
    await eventually(async () => (await wakesOf(server, 'wake/pool')).at(-1).generation === 4, 'the wake after the release');
    await server.kill();
    server = await serve(t, { backend, data, threads });
    assert.equal(acked(await show(server, 'g'), 'job'), offset);
    assert.equal((await worker(server, 'g').claim('fourth')).body.generation, 4);
    await server.stop();
  });
}

eachBackend(test, 'what answers late, huge, elsewhere or never holds nothing but its own slot', { skip: withoutWebhooks }, async (t, backend) => {
  const hook = await receiver(t);
  const elsewhere = await receiver(t);
  const server = await serve(t, { backend, ...local });
  const ways = {
    never: () => undefined,
    lines: ({ response }) => { // a head without an end
      const { socket } = response;
      socket.on('error', () => {});
      socket.write('HTTP/1.1 200 OK\r\n');
      const more = () => { while (!socket.destroyed && socket.write(`X-Line: ${'x'.repeat(1000)}\r\n`)); };
      socket.on('drain', more);
      more();
    },
    huge: () => ({ status: 200, raw: 'x'.repeat(4 << 20) }),
    moved: () => ({ status: 302, headers: { Location: elsewhere.url } }),
    good: () => ({ status: 200, body: { done: true } }),
  };
  hook.answer = wake => ways[wake.path.split('/').pop()](wake);
  for (const way of Object.keys(ways))
    await create(server, way, { type: 'webhook', streams: ['s'], webhook: { url: `${hook.url}/${way}` }, lease_ttl_ms: way === 'huge' || way === 'lines' ? 600000 : 1000 });
  await put(server, 's', ['x']);
  for (const way of Object.keys(ways)) await hook.until(({ path }) => path.endsWith(way));
  await eventually(async () => acked(await show(server, 'good'), 's') > '0000000000000000', 'the good one');
  for (const way of ['never', 'moved', 'lines']) await eventually(async () => (await show(server, way)).status === 'failed', way);
  const seen = hook.wakes.length;
  const again = await hook.until(({ path }) => path.endsWith('never'), seen);
  assert.ok(again.body.generation > 1); // the lease of the one before is over
  assert.equal(acked(await show(server, 'huge'), 's'), '0000000000000000');
  assert.equal((await show(server, 'huge')).status, 'active');
  assert.equal(elsewhere.wakes.length, 0);
  for (const way of Object.keys(ways)) assert.equal((await ask('DELETE', at(server).sub(way))).status, 204);
  assert.equal((await ask('GET', at(server).sub('never'))).status, 404);
  const callback = await ask('POST', at(server).sub('never', '/callback'), { wake_id: again.body.wake_id, generation: again.body.generation }, bearer(again.body.callback_token));
  assert.equal(callback.status, 404);
  await server.stop();
});

eachBackend(test, 'more webhooks than there are slots wait for one, and none is left out', { skip: withoutWebhooks }, async (t, backend) => {
  const MANY = 80; // that never answer; there are 64 slots
  const hook = await receiver(t);
  const server = await serve(t, { backend, threads: 2, ...local });
  hook.answer = ({ path }) => (path.endsWith('good') ? { status: 200, body: { done: true } } : undefined);
  for (let number = 0; number < MANY; number++)
    await create(server, `never-${number}`, { type: 'webhook', streams: ['s'], webhook: { url: `${hook.url}/${number}` }, lease_ttl_ms: 1000 });
  await create(server, 'good', { type: 'webhook', streams: ['s'], webhook: { url: `${hook.url}/good` } });
  await put(server, 's', ['x']);
  await eventually(async () => acked(await show(server, 'good'), 's') > '0000000000000000', 'the good one');
  await within((async () => { for (let number = 0; number < MANY; number++) await hook.until(({ path }) => path.endsWith(`/${number}`)); })(), 'all of them');
  await server.stop();
});

eachBackend(test, 'what is kept of a subscription outlives retention, and does not grow', { skip: withoutWebhooks }, async (t, backend) => {
  const data = directory(t);
  const args = ['--segment-bytes', '16K', '--retention-bytes', '64K'];
  let server = await serve(t, { backend, data, args });
  await put(server, 'w', []);
  await put(server, 'filler', []);
  await create(server, 'r', { type: 'pull-wake', pattern: 'job/**', wake_stream: 'w' });
  const offsets = new Map();
  for (let round = 0; round < 40; round++) {
    const name = `job/${round % 10}/${'x'.repeat(80)}`;
    if (round < 10) await put(server, name, [round]);
    else await append(server, name, round);
    const claim = (await worker(server, 'r').claim('one')).body;
    for (const link of claim.streams) offsets.set(link.path, link.tail_offset);
    const acks = claim.streams.filter(link => link.has_pending).map(link => ({ stream: link.path, offset: link.tail_offset }));
    assert.equal((await worker(server, 'r').ack(claim, acks, true)).status, 200);
    await append(server, 'filler', 'y'.repeat(8000));
    if (round % 13 === 12) {
      await server.kill();
      server = await serve(t, { backend, data, args });
    }
  }
  const { streams } = await show(server, 'r');
  assert.equal(streams.length, 10);
  for (const link of streams) assert.equal(link.acked_offset, offsets.get(link.path));
  assert.equal((await worker(server, 'r').claim('one')).body.error.code, 'NO_PENDING_WORK');
  const { log } = await server.stats();
  assert.ok(log.bytes < 256 * 1024, `${log.bytes} bytes`);
  await server.stop();
});

eachBackend(test, 'webhooks go nowhere but to public addresses, unless it is allowed', { skip: withoutWebhooks }, async (t, backend) => {
  const refused = async (server, urls) => {
    for (const url of urls) {
      const { status, body } = await ask('PUT', at(server).sub('x'), { type: 'webhook', pattern: '*', webhook: { url } });
      assert.deepEqual([status, body.error.code], [400, 'WEBHOOK_URL_REJECTED'], url);
    }
  };
  const never = ['ftp://example.org/', 'https://', 'file:///etc/passwd', 'https://user@example.org/', 'http://example.org/', 'https://10.0.0.1/',
    'https://[fd00::1]/', 'https://[::ffff:10.0.0.1]/', 'https://169.254.169.254/latest', 'https://0.0.0.0/', 'gopher://127.0.0.1/'];
  const open = await serve(t, { backend });
  await refused(open, [...never, 'http://127.0.0.1/', 'http://localhost:1/', 'https://localhost/', 'https://127.0.0.1/', 'https://[::1]/']);
  await open.stop();
  const near = await serve(t, { backend, ...local });
  await refused(near, never);
  await near.stop();
  const hook = await receiver(t); // a name or a spelling that only the look at the address finds out
  const careful = await serve(t, { backend });
  const port = hook.url.match(/:(\d+)\//)[1];
  await create(careful, 'spelt', { type: 'webhook', pattern: '*', webhook: { url: `https://2130706433:${port}/` } });
  await put(careful, 's', ['x']);
  await eventually(async () => (await show(careful, 'spelt')).status === 'failed', 'the refusal');
  assert.equal(hook.connections, 0);
  await careful.stop();
  const off = await serve(t, { backend, args: ['--webhooks', 'off'] });
  await refused(off, ['https://example.org/']);
  await off.stop();
});

eachBackend(test, 'patterns, streams and membership are as they were said, after a restart too', { skip: withoutWebhooks }, async (t, backend) => {
  const data = directory(t);
  let server = await serve(t, { backend, data });
  const config = { type: 'pull-wake', pattern: 'a/*/c', streams: ['/z/', 'b', 'b'], wake_stream: 'w' };
  await put(server, 'a/1/c', ['x']);
  await put(server, 'a/c', ['x']);
  await put(server, 'w', []);
  await create(server, 'p', config);
  assert.equal((await ask('PUT', at(server).sub('p'), { ...config, streams: ['b', 'z'] })).status, 200);
  assert.equal((await ask('PUT', at(server).sub('p'), { ...config, lease_ttl_ms: 5000 })).status, 409);
  assert.equal((await ask('POST', at(server).sub('p', '/streams'), { streams: ['a/1/c', 'n'] })).status, 204);
  assert.equal((await ask('DELETE', at(server).sub('p', '/streams/a%2F1%2Fc'))).status, 204);
  assert.equal((await ask('DELETE', at(server).sub('p', '/streams/z'))).status, 204);
  assert.equal((await ask('DELETE', at(server).sub('p', '/streams/z'))).status, 204);
  await put(server, 'a/2/c', ['y']);
  const expected = [['a/1/c', 'glob'], ['a/2/c', 'glob'], ['b', 'explicit'], ['n', 'explicit']];
  const links = async () => (await show(server, 'p')).streams.map(({ path, link_type }) => [path, link_type]).sort();
  assert.deepEqual(await links(), expected);
  await server.kill();
  server = await serve(t, { backend, data });
  assert.deepEqual(await links(), expected);
  assert.equal((await ask('PUT', at(server).sub('p'), { ...config, streams: ['z', 'b'] })).status, 200);
  const claim = (await worker(server, 'p').claim('one')).body;
  assert.deepEqual(claim.streams.filter(link => link.has_pending).map(link => link.path), ['a/2/c']);
  assert.equal((await ask('DELETE', at(server).stream('a/1/c'))).status, 204);
  await eventually(async () => (await links()).length === 3, 'the link to go with its stream');
  for (const [method, path, body, status] of [
    ['PUT', 'bad', { type: 'webhook' }, 400], ['PUT', 'bad', { type: 'pull-wake', pattern: 'x*', wake_stream: 'w' }, 400],
    ['PUT', 'bad', { type: 'pull-wake', pattern: '*' }, 400], ['PUT', 'bad', { type: 'pull-wake', wake_stream: 'w' }, 400],
    ['PUT', 'bad', { type: 'pull-wake', streams: ['w'], wake_stream: 'w' }, 400],
    ['PUT', 'bad', { type: 'pull-wake', streams: ['.x'], wake_stream: 'w' }, 400],
    ['PUT', 'bad', { type: 'pull-wake', pattern: '*', wake_stream: 'w', lease_ttl_ms: 999 }, 400], ['PUT', 'bad%20id', config, 400],
    ['GET', 'bad', undefined, 404], ['POST', 'bad/claim', { worker: 'x' }, 404], ['DELETE', 'bad', undefined, 204], ['POST', 'p/nothing', {}, 404],
    ['POST', 'p/callback', {}, 400], ['POST', 'p/ack', { wake_id: claim.wake_id, generation: claim.generation }, 401],
  ]) assert.equal((await ask(method, at(server).sub(path), body)).status, status, `${method} ${path} ${JSON.stringify(body)}`);
  assert.equal((await ask('GET', at(server).stream('__ds'))).status, 404);
  assert.equal((await ask('PUT', at(server).stream('__ds/x'), [])).status, 404);
  await server.stop();
});

eachBackend(test, 'a wake that was out when the server was killed is told once more, and is the same', { skip: withoutWebhooks }, async (t, backend) => {
  const hook = await receiver(t);
  const data = directory(t);
  hook.answer = () => undefined; // it is out, and nobody has said that it is done
  let server = await serve(t, { backend, data, ...local });
  await put(server, 'w', []);
  await create(server, 'h', { type: 'webhook', pattern: 'a/*', webhook: { url: hook.url }, lease_ttl_ms: 600000 });
  await create(server, 'p', { type: 'pull-wake', pattern: 'a/*', wake_stream: 'w', lease_ttl_ms: 600000 });
  await put(server, 'a/1', ['x']);
  const first = await hook.until(() => true);
  await eventually(async () => (await wakesOf(server, 'w')).length === 1, 'the wake event');
  await server.kill();
  hook.answer = () => ({ status: 200, body: {} });
  server = await serve(t, { backend, data, ...local });
  const again = await hook.until(() => true, 1);
  assert.deepEqual([again.body.wake_id, again.body.generation], [first.body.wake_id, first.body.generation]);
  await eventually(async () => (await wakesOf(server, 'w')).length === 2, 'the wake event');
  assert.deepEqual((await wakesOf(server, 'w')).map(event => event.generation), [1, 1]);
  const acks = again.body.streams.map(link => ({ stream: link.path, offset: link.tail_offset }));
  const body = { wake_id: first.body.wake_id, generation: first.body.generation, acks, done: true };
  const callback = await ask('POST', at(server).sub('h', '/callback'), body, bearer(first.body.callback_token)); // the old process's token
  assert.deepEqual([callback.status, callback.body], [200, { ok: true, next_wake: false }]);
  assert.equal((await ask('POST', at(server).sub('h', '/callback'), body, bearer(again.body.callback_token))).body.error.code, 'FENCED');
  await server.stop();
});

eachBackend(test, 'nothing is appended to a wake stream that was closed', { skip: withoutWebhooks }, async (t, backend) => {
  const server = await serve(t, { backend });
  await put(server, 'w', []);
  await create(server, 'p', { type: 'pull-wake', streams: ['s'], wake_stream: 'w' });
  assert.equal((await ask('POST', at(server).stream('w'), undefined, { 'Stream-Closed': 'true' })).status, 204);
  await put(server, 's', ['x']);
  const claim = await worker(server, 'p').claim('one'); // a worker that asks is served all the same
  assert.equal(claim.status, 200);
  assert.equal((await worker(server, 'p').release(claim.body)).status, 204);
  await append(server, 's', 'y');
  assert.equal((await worker(server, 'p').claim('two')).status, 200);
  assert.deepEqual(await wakesOf(server, 'w'), []);
  await server.stop();
});

eachBackend(test, 'a wake stream that is made late tells of the wake that waits', { skip: withoutWebhooks }, async (t, backend) => {
  const server = await serve(t, { backend });
  await create(server, 'l', { type: 'pull-wake', pattern: '**', wake_stream: 'w/late' });
  await put(server, 's', ['x']);
  await put(server, 'w/late', []);
  await eventually(async () => (await wakesOf(server, 'w/late')).length === 1, 'the wake');
  const { streams } = (await worker(server, 'l').claim('one')).body;
  assert.deepEqual(streams.map(link => link.path), ['s']); // its own wake stream is none of them
  await server.stop();
});
