// durable_clients.test.js - scenes with the clients that others have written for the Durable Streams protocol, while the server is
// killed and started again: states that are made of changes, and a chat. None of them is ours.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { backends, directory, serve, within } from './lib.js';

const here = dirname(fileURLToPath(import.meta.url));
const node = Number(process.versions.node.split('.')[0]);
const skip = node < 20 && `these clients need node 20, this is ${process.versions.node}`;

/** The clients, installed once for a build. */
let installed;
function packages(name) {
  if (!installed) {
    const into = join(process.env.HARK_BUILD, 'durable-clients');
    if (!existsSync(join(into, 'node_modules'))) {
      mkdirSync(into, { recursive: true });
      const done = spawnSync(join(here, '../checks/clients'), [join(here, '../clients'), into], { encoding: 'utf8' });
      assert.equal(done.status, 0, done.stderr);
    }
    installed = createRequire(join(into, 'here.js'));
  }
  return installed(name);
}

/** On io_uring and on epoll, where they are: what differs between backends is the library's. */
function scene(name, body) {
  for (const backend of backends.filter(backend => backend === 'uring' || backend === 'epoll'))
    test(`${name} (${backend})`, { skip }, t => body(t, backend));
}

const soon = { initialDelay: 10, maxDelay: 100, multiplier: 2 }; // a server that is being started is asked again

/** Kills the server and starts it on the same ports and directory. */
async function killed(server) {
  await server.kill();
  await server.start();
}

/** Something that can be waited for: until(test) settles once test() is true, which changed() has looked at. */
class Watched {
  waiters = new Set();

  changed = () => { for (const look of [...this.waiters]) look(); };

  until(is, what) {
    return within(new Promise(resolve => {
      const look = () => { if (is()) { this.waiters.delete(look); resolve(); } };
      this.waiters.add(look);
      look();
    }), what);
  }
}

/** Follows a stream of JSON to its end. What came is in `messages`; a connection that breaks is the client's matter. */
async function follow(t, url, live, into = new Watched()) {
  const { stream } = packages('@durable-streams/client');
  into.messages = [];
  const response = await stream({ url, offset: '-1', live, json: true, backoffOptions: soon, warnOnHttp: false, onError: () => ({}) });
  response.subscribeJson(({ items }) => { into.messages.push(...items); into.changed(); });
  t.after(() => response.cancel());
  into.ended = response.closed;
  return into;
}

scene('a state: what is made of its changes is the same before a kill, after it, and for who comes late', async (t, backend) => {
  const { DurableStream } = packages('@durable-streams/client');
  const { MaterializedState, createStateSchema } = packages('@durable-streams/state');
  const anything = { '~standard': { version: 1, vendor: 'hark', validate: value => ({ value }) } };
  const schema = createStateSchema({
    users: { schema: anything, type: 'user', primaryKey: 'id' },
    jobs: { schema: anything, type: 'job', primaryKey: 'id' },
  });
  const server = await serve(t, { backend });
  const url = `${server.url}/v1/stream/state`;
  const stream = await DurableStream.create({ url, contentType: 'application/json', warnOnHttp: false });
  const follower = await follow(t, url, 'sse');
  const append = event => stream.append(JSON.stringify(event));
  for (let i = 0; i < 20; i++) await append(schema.users.insert({ value: { id: `u${i}`, name: `user ${i}` } }));
  for (let i = 0; i < 20; i += 2) await append(schema.users.update({ value: { id: `u${i}`, name: `renamed ${i}` } }));
  await follower.until(() => follower.messages.length === 30, 'the first changes');
  await killed(server);
  for (let i = 0; i < 5; i++) await append(schema.users.delete({ key: `u${i}` }));
  await append(schema.jobs.upsert({ value: { id: 'j', done: false } }));
  await append(schema.jobs.upsert({ value: { id: 'j', done: true } }));
  await stream.close();
  const late = await follow(t, url, 'long-poll');
  for (const own of [follower, late]) await own.until(() => own.messages.length >= 37, 'all changes');
  const states = [follower, late].map(({ messages }) => {
    const state = new MaterializedState();
    state.applyBatch(messages);
    return state;
  });
  const expected = Array.from({ length: 15 }, (_, i) => i + 5).map(i => [`u${i}`, { id: `u${i}`, name: i % 2 ? `user ${i}` : `renamed ${i}` }]);
  for (const state of states) {
    assert.deepEqual([...state.getType('user')].sort((a, b) => Number(a[0].slice(1)) - Number(b[0].slice(1))), expected);
    assert.deepEqual([...state.getType('job')], [['j', { id: 'j', done: true }]]);
  }
  await server.stop();
});

scene('a chat: an answer that is being written is read on after its reader, and the server, were gone', async (t, backend) => {
  const { createDurableChatTransport, toDurableStreamResponse } = packages('@durable-streams/aisdk-transport');
  const server = await serve(t, { backend });
  const url = `${server.url}/v1/stream/chats/7/answer`;
  const words = ['It ', 'rains ', 'in ', 'the ', 'hills, ', 'and ', 'here ', 'too.'];
  const chunks = [{ type: 'start', messageId: 'm' }, { type: 'text-start', id: '0' },
    ...words.map(delta => ({ type: 'text-delta', id: '0', delta })), { type: 'text-end', id: '0' }, { type: 'finish' }];
  let goOn;
  const gate = new Promise(resolve => { goOn = resolve; });
  async function* source() {
    for (const [at, chunk] of chunks.entries()) {
      if (at === 6) await gate;
      yield chunk;
    }
  }
  // What an application has: a place to ask, and one that tells where the answer is.
  const application = http.createServer(async (request, response) => {
    const answer = request.method === 'POST'
      ? await toDurableStreamResponse({ source: source(), stream: { writeUrl: url } })
      : Response.json({ streamUrl: url }, { headers: { Location: url } });
    request.resume();
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
  }).listen(0, '127.0.0.1');
  await new Promise(resolve => application.once('listening', resolve));
  t.after(() => { application.closeAllConnections(); application.close(); });
  const transport = createDurableChatTransport({ api: `http://127.0.0.1:${application.address().port}/chat` });
  const gone = new AbortController();
  const asked = await within(transport.sendMessages({ trigger: 'submit-message', chatId: '7', abortSignal: gone.signal,
    messages: [{ id: 'q', role: 'user', parts: [{ type: 'text', text: 'How is the weather?' }] }] }), 'the answer');
  const reader = asked.getReader();
  const first = [];
  while (first.length < 6) first.push((await within(reader.read(), 'a part of the answer')).value);
  assert.deepEqual(first, chunks.slice(0, 6));
  gone.abort();
  reader.cancel().catch(() => {});
  await killed(server); // nothing is on its way: the answer waits
  const again = await within(transport.reconnectToStream({ chatId: '7' }), 'the answer, again');
  const whole = [];
  const rest = again.getReader();
  while (whole.length < 6) whole.push((await within(rest.read(), 'what was said before')).value);
  goOn();
  for (let part; !(part = await within(rest.read(), 'what came then')).done;) whole.push(part.value);
  assert.deepEqual(whole, chunks);
  await server.stop();
});
