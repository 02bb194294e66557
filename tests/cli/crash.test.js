// crash.test.js - a hundred thousand events while the server is killed twenty times.
//
// Every acknowledged event is there, once, in order and under its id; what was not acknowledged may be there, once. Two
// subscribers that come back by id, hark sub and the eventsource package, see each event exactly once.

import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';
import { Process, bin, eachBackend, packages, random, serve, within } from './lib.js';

const { EventSource } = packages('eventsource');
const EVENTS = 100000, KILLS = 20, WINDOW = 2000;

/** Sends numbered lines until enough are acknowledged. A line is never sent twice: who would know whether it was kept? */
class Publisher {
  constructor(server) {
    Object.assign(this, { server, next: 0, acknowledged: [], acknowledgedAt: () => {} });
    this.finished = new Promise(resolve => { this.finish = resolve; });
    this.connect();
  }

  connect() {
    const socket = net.connect(this.server.linesPort, '127.0.0.1');
    const waiting = [];
    let rest = '';
    const send = () => {
      let text = '';
      while (waiting.length < WINDOW && this.acknowledged.length + waiting.length < EVENTS) {
        waiting.push(this.next);
        text += `event ${this.next++}\n`;
      }
      if (text) socket.write(text);
    };
    socket.setEncoding('latin1');
    socket.on('connect', () => { socket.write('PUB crash ack\n'); send(); });
    socket.on('data', text => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        assert.match(line, /^\d+$/);
        this.acknowledged.push({ id: Number(line), number: waiting.shift() });
        this.acknowledgedAt(this.acknowledged.length);
      }
      if (this.acknowledged.length >= EVENTS) {
        socket.destroy();
        this.finish();
      } else if (waiting.length < WINDOW / 2) {
        send();
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      // The server that was killed is started again on its port: until then connecting is refused.
      if (this.acknowledged.length < EVENTS) setImmediate(() => this.connect());
    });
  }
}

for (const threads of [1, 3]) eachBackend(test, `${EVENTS} events, ${KILLS} times kill -9, threads: ${threads}`, async (t, backend) => {
  const seed = Number(process.env.HARK_TEST_SEED ?? Date.now() % 1e9);
  t.diagnostic(`HARK_TEST_SEED=${seed}`);
  const next = random(seed);
  const server = await serve(t, { backend, threads });
  const moments = Array.from({ length: KILLS }, () => Math.floor(next() * EVENTS)).sort((a, b) => a - b);

  const subscriber = new Process(t, bin, ['sub', 'crash', '--server', server.lines, '--backend', backend, '--after', 'start', '--id']);
  const listened = [];
  const source = new EventSource(`${server.url}/streams/crash?after=start`);
  t.after(() => source.close());
  let listening = () => {};
  source.onmessage = event => { listened.push([event.lastEventId, event.data]); listening(); };

  let kills = 0;
  let restarting = Promise.resolve();
  const publisher = new Publisher(server);
  publisher.acknowledgedAt = count => {
    while (moments.length && count > moments[0]) {
      moments.shift();
      restarting = restarting.then(async () => {
        await server.kill();
        kills++;
        await server.start();
      });
    }
  };
  await within(publisher.finished, `${EVENTS} acknowledgements`, 180000);
  await restarting;
  assert.equal(kills, KILLS);

  // What the server has, read anew.
  const total = await server.count('crash');
  const kept = await server.read('crash', total);
  const numbers = kept.map(event => Number(event.text.slice('event '.length)));
  for (let i = 1; i < numbers.length; i++)
    assert.ok(numbers[i] > numbers[i - 1] && kept[i].id > kept[i - 1].id, `event ${numbers[i]} after ${numbers[i - 1]}`);
  const byNumber = new Map(kept.map(event => [event.text, event.id]));
  for (const { id, number } of publisher.acknowledged) assert.equal(byNumber.get(`event ${number}`), id, `event ${number}`);
  t.diagnostic(`${total} kept, ${publisher.acknowledged.length} acknowledged`);

  // What the subscribers have seen.
  const expected = kept.map(event => `${event.id}\t${event.text}\n`).join('');
  await subscriber.until(text => text.length >= expected.length);
  assert.ok(subscriber.stdout === expected, 'hark sub saw each event once');
  const trouble = subscriber.stderr.split('\n').filter(line => /gap|no longer kept/.test(line));
  assert.deepEqual(trouble, []);
  await subscriber.kill();
  await within(new Promise(resolve => { listening = () => listened.length >= total && resolve(); listening(); }), 'all events at the EventSource');
  assert.deepEqual(listened, kept.map(event => [String(event.id), event.text]));
  source.close();
  await server.stop();
});
