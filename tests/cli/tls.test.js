// tls.test.js - hark serve over TLS, with clients that are not ours: curl, openssl s_client, node's https and fetch, EventSource, nc.

import assert from 'node:assert/strict';
import { copyFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import tls from 'node:tls';
import { Authority, replace, shown } from './authority.js';
import { Process, Socket, backends, bin, directory, hark, packages, request, run, sanitized, serve, within, withoutTls } from './lib.js';

const { EventSource } = packages('eventsource');

/** A test on each backend, with one thread and with two. */
function each(name, body) {
  for (const backend of backends)
    for (const threads of [1, 2])
      test(`${name} (${backend}, ${threads === 1 ? 'one thread' : `${threads} threads`})`, { skip: withoutTls }, t => body(t, { backend, threads }));
}

const authority = new Authority('hark test CA');
const foreign = new Authority('another CA');

/** A server over TLS, and what it shows. */
async function secure(t, options, kind) {
  const certificate = authority.certificate(t, 'server', kind);
  return { certificate, server: await serve(t, { ...options, tls: certificate }) };
}

/** A connection by TLS. */
class Secured extends Socket {
  constructor(t, port, options) {
    super(t, port, tls.connect({ port, host: '127.0.0.1', servername: 'localhost', allowHalfOpen: true, ...options }));
    this.socket.on('end', () => { this.peerEnded = true; });
    this.secured = within(new Promise((resolve, reject) => {
      this.socket.on('secureConnect', resolve);
      this.socket.on('error', reject);
      this.socket.on('close', () => reject(new Error('closed in the handshake')));
    }), 'a handshake');
    this.secured.catch(() => {});
  }
}

/** A number of /metrics: its name with labels. */
async function metric(server, name) {
  const { text } = await server.ask('GET', '/metrics');
  const line = text.split('\n').find(one => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
}

const failures = (server, reason) => metric(server, `hark_tls_handshake_failures_total{reason="${reason}"}`);

/** Asks until it is so; each answer is an event. */
async function untilIs(ask, wanted) {
  return within((async () => {
    for (;;) {
      const got = await ask();
      if (got >= wanted) return got;
    }
  })(), `${wanted}`);
}

const head = (method, path, more = '') => `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
const datas = text => [...text.matchAll(/^data: (.+)$/gm)].map(match => match[1]);

each('curl, https, EventSource and openssl s_client publish and read', async (t, options) => {
  const { server, certificate } = await secure(t, options);
  const posted = await server.curl('-i', '-d', 'it rains', `${server.url}/streams/weather`);
  assert.match(posted.stdout, /^HTTP\/1\.1 201 /);
  assert.equal((await server.ask('POST', '/streams/weather', 'it snows')).status, 201);

  const source = new EventSource(`${server.url}/streams/weather?after=start`, {
    fetch: (url, init) => new Promise((resolve, reject) => {
      https.get(url, { ca: certificate.ca, headers: init.headers }, response => {
        const body = new ReadableStream({
          start(controller) {
            response.on('data', part => controller.enqueue(new Uint8Array(part)));
            response.on('end', () => controller.close());
            response.on('error', error => controller.error(error));
          },
          cancel() { response.destroy(); },
        });
        resolve(new Response(body, { status: response.statusCode, headers: { 'content-type': response.headers['content-type'] } }));
      }).on('error', reject);
    }),
  });
  t.after(() => source.close());
  const seen = [];
  const three = within(new Promise(resolve => {
    source.onmessage = event => { if (seen.push(event.data) === 3) resolve(); };
  }), 'three events');

  const said = await run(t, 'openssl', ['s_client', '-connect', server.lines, '-CAfile', certificate.caFile, '-verify_return_error', '-quiet', '-no_ign_eof'],
    'PUB weather\nthe sun\n');
  assert.equal(said.code, 0, said.stderr);
  await three;
  assert.deepEqual(seen, ['it rains', 'it snows', 'the sun']);
  source.close();

  const subscriber = new Process(t, 'openssl', ['s_client', '-connect', server.lines, '-CAfile', certificate.caFile, '-quiet']).write('SUB weather start\n');
  await subscriber.until(/^\d+\tit rains\n\d+\tit snows\n\d+\tthe sun\n$/);
  await subscriber.kill();
  assert.ok(await metric(server, 'hark_tls_handshakes_total{resumed="no"}') >= 5);
  await server.stop();
});

each('Durable Streams: a long poll over TLS, and a Location of https', async (t, options) => {
  const { server } = await secure(t, options);
  const made = await server.ask('PUT', '/v1/stream/s', '');
  assert.equal(made.status, 201);
  assert.equal(made.headers.location, `${server.url}/v1/stream/s`);
  const polled = server.ask('GET', '/v1/stream/s?offset=now&live=long-poll');
  const looked = setInterval(() => {}, 1000); // keeps node while it waits
  t.after(() => clearInterval(looked));
  await untilIs(async () => (await server.stats()).connections.http, 2);
  assert.equal((await server.ask('POST', '/v1/stream/s', 'news', { headers: { 'Content-Type': 'application/octet-stream' } })).status, 204);
  const answer = await polled;
  assert.ok(answer.status === 200 ? answer.text === 'news' : answer.status === 204, `${answer.status} ${answer.text}`);
  await server.stop();
});

each('a page that came without TLS may not publish, one that came by it may', async (t, options) => {
  const { server } = await secure(t, options);
  const post = origin => server.ask('POST', '/streams/s', 'x', { headers: { Origin: origin } });
  assert.equal((await post(`http://${server.http}`)).status, 403);
  assert.equal((await post(`https://${server.http}`)).status, 201);
  await server.stop();
});

each('ALPN takes http/1.1, and no other', async (t, options) => {
  const { server } = await secure(t, options);
  const trust = server.tls.trust;
  const both = new Secured(t, server.httpPort, { ...trust, ALPNProtocols: ['h2', 'http/1.1'] });
  await both.secured;
  assert.equal(both.socket.alpnProtocol, 'http/1.1');
  const wrong = new Secured(t, server.httpPort, { ...trust, ALPNProtocols: ['h2'] });
  await assert.rejects(wrong.secured);
  assert.equal(await failures(server, 'protocol'), 1);
  await server.stop();
});

each('plain HTTP to a port with TLS ends and is counted; a plain port beside it serves', async (t, options) => {
  const server = await serve(t, { ...options, tls: authority.certificate(t, 'server'), args: ['--http', 'plain:127.0.0.1:0'] });
  const plain = server.process.stderr.match(/http on (\S+)/)[1];
  const said = await run(t, 'nc', ['-N', '127.0.0.1', String(server.httpPort)], head('GET', '/healthz'));
  assert.equal(said.code, 0);
  assert.match(said.stdout, /^HTTP\/1\.1 400 /);
  const answer = await request('POST', `http://${server.http}/streams/a`, 'hello');
  assert.equal(answer.status, 400);
  assert.match(JSON.parse(answer.text).error, /https:/);
  const lines = await run(t, 'nc', ['-N', '127.0.0.1', String(server.linesPort)], 'PUB a ack\nhello\n');
  assert.doesNotMatch(lines.stdout, /\d\n/);
  assert.equal((await request('GET', `http://${plain}/healthz`)).text.trim(), 'ok');
  assert.equal(await failures(server, 'http'), 2);
  assert.equal(await failures(server, 'protocol'), 1);
  assert.equal(await server.count('a'), 0);
  await server.stop();
});

each('a unix socket stays plain', async (t, options) => {
  const path = join(directory(t), 'hark.sock');
  const server = await serve(t, { ...options, tls: authority.certificate(t, 'server'), args: ['--http', `unix:${path}`] });
  const { stdout } = await run(t, 'curl', ['-sS', '--unix-socket', path, 'http://localhost/healthz']);
  assert.equal(stdout.trim(), 'ok');
  await server.stop();
});

each('a slow reader is held back, and gets all in order', async (t, options) => {
  const { server } = await secure(t, { ...options, args: ['--ring-bytes', '64K'] });
  const COUNT = sanitized ? 40 : 160; // past what the kernel keeps for it
  const slow = new Secured(t, server.httpPort, server.tls.trust);
  await slow.secured;
  slow.send(head('GET', '/streams/big?after=start', 'Accept: text/event-stream\r\n'));
  await slow.until(text => text.includes('event: position'));
  slow.socket.pause();
  slow.socket.removeAllListeners('data');
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (let i = 0; i < COUNT; i++)
    assert.equal((await server.ask('POST', '/streams/big', `${i}:${'x'.repeat(100000)}`, { agent })).status, 201);
  const numbers = [];
  let rest = '';
  const all = new Promise(resolve => {
    slow.socket.on('data', part => {
      const lines = (rest + part).split('\n');
      rest = lines.pop();
      for (const line of lines) if (/^data: \d/.test(line) && line.length > 100000) numbers.push(parseInt(line.slice(6)));
      if (numbers.length === COUNT) resolve();
    });
  });
  slow.socket.resume();
  await within(all, 'all of it');
  assert.deepEqual(numbers, Array.from({ length: COUNT }, (_, i) => i));
  await server.stop();
});

each('who has ended its side still gets its answer', async (t, options) => {
  const { server } = await secure(t, options);
  const half = new Secured(t, server.httpPort, server.tls.trust);
  await half.secured;
  half.socket.end(head('POST', '/streams/s', 'Content-Length: 5\r\n') + 'hello');
  await half.until(text => text.includes('201 Created'));
  await within(half.ended, 'the end');
  assert.ok(half.peerEnded);
  const lines = new Secured(t, server.linesPort, server.tls.trust);
  await lines.secured;
  lines.socket.end('PUB s ack\none\ntwo\nno line');
  await within(lines.ended, 'the end of lines');
  assert.match(lines.text, /^\d+\n\d+\n$/);
  assert.equal(await server.count('s'), 3);
  await server.stop();
});

each('a subscriber of lines that has ended its side gets events, and its end is noticed', async (t, options) => {
  const { server } = await secure(t, options);
  const half = new Secured(t, server.linesPort, server.tls.trust);
  await half.secured;
  half.socket.end('SUB s now\n');
  await half.until(text => /^\d+\n/.test(text));
  await server.publish('s', 'news');
  await half.until(text => text.endsWith('\tnews\n'));
  half.socket.destroy(); // its end of the connection is there already: what is sent next meets nobody
  await untilIs(async () => {
    await server.publish('s', 'more');
    return 1 - (await server.stats()).connections.lines;
  }, 1);
  await server.stop();
});

each('sessions are resumed on whichever thread, but not over a reload', async (t, options) => {
  const { server } = await secure(t, options);
  const visit = async session => {
    const client = new Secured(t, server.httpPort, { ...server.tls.trust, session });
    const given = within(new Promise(resolve => client.socket.once('session', resolve)), 'a session');
    await client.secured;
    client.send(head('GET', '/livez'));
    await client.until(text => text.includes('200 OK'));
    const reused = client.socket.isSessionReused();
    const fresh = await given;
    client.socket.destroy();
    return { reused, session: fresh };
  };
  let last = await visit();
  assert.equal(last.reused, false);
  for (let i = 0; i < 4; i++) {
    last = await visit(last.session);
    assert.equal(last.reused, true);
  }
  server.process.child.kill('SIGHUP');
  await server.process.until(/read anew\n/, 'stderr');
  assert.equal((await visit(last.session)).reused, false);
  assert.equal(await metric(server, 'hark_tls_handshakes_total{resumed="yes"}'), 4);
  await server.stop();
});

each('the end does not wait for handshakes, nor for a reload', async (t, options) => {
  const { server } = await secure(t, { ...options, args: ['--head-timeout', '1h', '--shutdown-timeout', '1h'] });
  const silent = Array.from({ length: 4 }, (_, i) => net.connect(i % 2 ? server.linesPort : server.httpPort, '127.0.0.1'));
  t.after(() => silent.forEach(socket => socket.destroy()));
  silent.forEach((socket, i) => socket.on('error', () => {}).write(i > 1 ? '\x16\x03\x01\x02\x00\x01' : ''));
  await untilIs(async () => (await server.stats()).connections.http, 3);
  for (let i = 0; i < 8; i++) server.process.child.kill('SIGHUP');
  await server.stop();
});

each('who vanishes in its handshake, or says nothing, keeps nobody', async (t, options) => {
  const { server } = await secure(t, { ...options, args: ['--head-timeout', '2s'] });
  const greeting = await new Promise((resolve, reject) => { // what a client says first
    const listener = net.createServer(socket => socket.once('data', bytes => { resolve(bytes); socket.destroy(); listener.close(); }));
    listener.listen(0, '127.0.0.1', () => tls.connect(listener.address().port, '127.0.0.1').on('error', () => {}));
    listener.on('error', reject);
  });
  const halves = [0, 1, 20, greeting.length].map(count => new Promise((resolve, reject) => {
    const socket = net.connect(server.httpPort, '127.0.0.1', () => socket.write(greeting.subarray(0, count), () => { socket.destroy(); resolve(); }));
    socket.on('error', reject);
  }));
  await within(Promise.all(halves), 'half greetings');
  const silent = Array.from({ length: 40 }, (_, i) => new Promise(resolve => {
    const socket = net.connect(i % 2 ? server.linesPort : server.httpPort, '127.0.0.1', () => i % 3 && socket.write(greeting.subarray(0, 40)));
    socket.on('close', resolve).on('error', () => {}).resume();
  }));
  for (let i = 0; i < 20; i++) await server.publish('s', String(i));
  await within(Promise.all(silent), 'their end');
  assert.ok(await failures(server, 'timeout') >= 40);
  await untilIs(async () => await failures(server, 'ended') + await failures(server, 'other') + await failures(server, 'timeout'), 44);
  assert.equal((await server.stats()).connections.lines, 0);
  await server.stop();
});

test('a flood of handshakes leaves room for who speaks', { skip: withoutTls }, async t => {
  const { server } = await secure(t, { threads: 2 }, 'rsa');
  const FLOOD = sanitized ? 60 : 400;
  const flood = Array.from({ length: FLOOD }, () => {
    const client = new Secured(t, server.httpPort, { ...server.tls.trust, session: undefined });
    return client.secured.then(() => client.socket.destroy(), () => {});
  });
  for (let i = 0; i < 10; i++) await server.publish('s', String(i));
  await within(Promise.all(flood), 'the flood');
  assert.equal(await server.count('s'), 10);
  await server.stop();
});

each('certificates are read anew under load, and no connection is lost', async (t, options) => {
  const { server, certificate } = await secure(t, options);
  const others = [authority.certificate(t, 'second'), authority.certificate(t, 'third', 'rsa')];
  const reader = new Secured(t, server.httpPort, server.tls.trust);
  await reader.secured;
  reader.send(head('GET', '/streams/s', 'Accept: text/event-stream\r\n'));
  await reader.until(text => text.includes('event: position'));
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: certificate.ca });
  t.after(() => agent.destroy());
  let published = 0, over = false;
  const publishing = (async () => {
    while (!over) {
      assert.equal((await server.ask('POST', '/streams/s', String(published), { agent })).status, 201);
      published++;
    }
  })();
  const who = async () => {
    const client = new Secured(t, server.httpPort, server.tls.trust);
    await client.secured;
    const { subject } = client.socket.getPeerCertificate();
    client.socket.destroy();
    return subject.CN;
  };
  assert.equal(await who(), 'server');
  const names = ['second', 'third', 'second', 'third'];
  for (const [i, name] of names.entries()) {
    replace(certificate, others[i % 2]);
    server.process.child.kill('SIGHUP');
    await server.process.until(text => (text.match(/read anew\n/g) ?? []).length === i + 1, 'stderr');
    assert.equal(await who(), name);
    assert.equal(await who(), name);
  }
  for (let i = 0; i < 21; i++) { // the last comes while those before it are read
    replace(certificate, others[i % 2]);
    server.process.child.kill('SIGHUP');
  }
  await untilIs(async () => Number(await who() === 'second'), 1);
  await untilIs(async () => metric(server, 'hark_tls_reloads_total'), 5);
  writeFileSync(certificate.cert, 'no certificate\n');
  server.process.child.kill('SIGHUP');
  await server.process.until(/error: the certificates of TLS could not be read anew, those of before stay: .*server\.pem.*holds no certificate.*\n/, 'stderr');
  assert.equal(await who(), 'second');
  over = true;
  await publishing;
  await reader.until(text => text.includes(`data: ${published - 1}\n`));
  assert.deepEqual(datas(reader.text), Array.from({ length: published }, (_, i) => String(i)));
  assert.equal(Object.values(agent.freeSockets).flat().length, 1);
  assert.equal(agent.totalSocketCount, 1);
  assert.ok(await metric(server, 'hark_tls_reloads_total') >= 5);
  assert.ok(await metric(server, 'hark_tls_reload_failures_total') >= 1);
  await server.stop();
});

each('client certificates are asked for and checked', async (t, options) => {
  const certificate = authority.certificate(t, 'server');
  certificate.trust = { ca: authority.ca, ...shown(authority.certificate(t, 'client')) };
  const clientCa = join(directory(t), 'ca.pem');
  copyFileSync(authority.caFile, clientCa);
  const server = await serve(t, { ...options, tls: certificate, args: ['--tls-client-ca', clientCa] });
  await server.publish('s', 'hello');
  const get = more => request('GET', `${server.url}/healthz`, undefined, { ca: authority.ca, ...more });
  await assert.rejects(get({}));
  await assert.rejects(get(shown(foreign.certificate(t, 'client'))));
  const lines = await run(t, 'openssl', ['s_client', '-connect', server.lines, '-CAfile', authority.caFile, '-quiet', '-no_ign_eof'], 'PUB s\nworse\n');
  assert.equal(lines.stdout, '');
  await untilIs(async () => await failures(server, 'certificate') + await failures(server, 'protocol'), 3);
  assert.equal(await failures(server, 'certificate'), 1);
  const known = new Secured(t, server.linesPort, certificate.trust);
  await known.secured;
  known.send('PUB s ack\nbetter\n');
  await known.until(text => /\d\n/.test(text));
  assert.equal(await server.count('s'), 2);

  // Another CA: who was let in before has to show another certificate, and who is in stays.
  const session = await within(new Promise(resolve => {
    const client = new Secured(t, server.httpPort, certificate.trust);
    client.socket.once('session', resolve);
  }), 'a session');
  copyFileSync(foreign.caFile, clientCa);
  server.process.child.kill('SIGHUP');
  await server.process.until(/read anew\n/, 'stderr');
  const again = new Secured(t, server.httpPort, { ...certificate.trust, session });
  again.send(head('GET', '/livez'));
  await within(again.ended, 'its refusal');
  assert.doesNotMatch(again.text, /200 OK/);
  known.send('still here\n');
  await known.until(text => text.split('\n').length === 3);
  assert.equal((await get(shown(foreign.certificate(t, 'client')))).status, 200);
  certificate.trust = { ca: authority.ca, ...shown(foreign.certificate(t, 'client')) };
  await server.stop();
});

each('hark pub and hark sub speak TLS, also where a client certificate is wanted', async (t, options) => {
  const certificate = authority.certificate(t, 'server'), own = authority.certificate(t, 'client');
  certificate.trust = { ca: authority.ca, ...shown(own) };
  const server = await serve(t, { ...options, tls: certificate, args: ['--tls-client-ca', authority.caFile] });
  const backend = ['--backend', options.backend];
  const more = ['--tls-ca', authority.caFile, '--tls-cert', own.cert, '--tls-key', own.key, ...backend];
  const lines = Array.from({ length: 2000 }, (_, i) => `${i}`);
  const at = `localhost:${server.linesPort}`;
  const published = await run(t, bin, ['pub', 's', '--server', at, ...more], `${lines.join('\n')}\n`);
  assert.equal(published.code, 0, published.stderr);
  const read = await run(t, bin, ['sub', 's', '--server', server.lines, '--after', 'start', '--count', '2000', ...more]);
  assert.equal(read.stdout, `${lines.join('\n')}\n`);
  const refused = async (pattern, ...words) => {
    const { code, stderr } = await run(t, bin, ['pub', 's', '--server', at, ...backend, ...words], 'no\n');
    assert.equal(code, 1);
    assert.match(stderr, pattern);
  };
  await refused(/its certificate is refused/, '--tls-ca', foreign.caFile);
  await refused(/its certificate is refused/, '--tls');
  await refused(/a client needs a certificate/, '--tls-ca', authority.caFile);
  await refused(/server ended|connection broke/);
  await refused(/nowhere\.pem/, '--tls-ca', join(authority.folder, 'nowhere.pem'));
  assert.equal((await hark(t, 'pub', 's', '--server', 'unix:/nowhere', '--tls')).code, 2);
  assert.equal((await hark(t, 'pub', 's', '--tls-key', own.key)).code, 2);
  assert.equal(await server.count('s'), 2000);
  await server.stop();
});

each('hark sub goes on over TLS when the server is started anew', async (t, options) => {
  const { server, certificate } = await secure(t, options);
  const subscriber = new Process(t, bin, ['sub', 's', '--server', server.lines, '--after', 'start', '--tls-ca', certificate.caFile, '--backend', options.backend]);
  await server.publish('s', 'one');
  await subscriber.until(/one\n/);
  await server.kill('SIGKILL');
  await server.start();
  await server.publish('s', 'two');
  await subscriber.until(/two\n/);
  assert.equal(subscriber.stdout, 'one\ntwo\n');
  await subscriber.kill();
  await server.stop();
});

test('what cannot be used at the start is one line, and exit code 1', { skip: withoutTls }, async t => {
  const good = authority.certificate(t, 'server'), other = authority.certificate(t, 'other');
  const serving = (...args) => hark(t, 'serve', '--http', '127.0.0.1:0', '--lines', 'off', '--data', directory(t), ...args);
  const cases = [
    [1, /key/, '--tls-cert', good.cert, '--tls-key', other.key],
    [1, /nowhere\.pem/, '--tls-cert', join(authority.folder, 'nowhere.pem')],
    [1, /server\.key/, '--tls-cert', good.key],
    [1, /server\.pem/, '--tls-cert', good.cert],
    [1, /nowhere\.pem/, '--tls-cert', good.cert, '--tls-key', good.key, '--tls-client-ca', join(authority.folder, 'nowhere.pem')],
    [2, /needs --tls-cert/, '--tls-key', good.key],
    [2, /needs --tls-cert/, '--tls-client-ca', authority.caFile],
  ];
  for (const [code, pattern, ...args] of cases) {
    const exit = await serving(...args);
    assert.equal(exit.code, code, args.join(' '));
    assert.match(exit.stderr, pattern);
    assert.equal(exit.stderr.trim().split('\n').length, 1, exit.stderr);
  }
});

each('what was acknowledged over TLS survives kill -9', async (t, options) => {
  const { server } = await secure(t, options);
  const agents = Array.from({ length: 4 }, () => new https.Agent({ keepAlive: true, maxSockets: 1 }));
  t.after(() => agents.forEach(agent => agent.destroy()));
  const kept = [];
  const publishing = agents.map(async (agent, who) => {
    for (let i = 0; ; i++) {
      const answer = await server.ask('POST', '/streams/s', `${who}.${i}`, { agent }).catch(() => null);
      if (answer?.status !== 201) return;
      kept.push(`${who}.${i}`);
      if (kept.length === 50) server.kill('SIGKILL');
    }
  });
  await Promise.all(publishing);
  await server.process.done();
  await server.start();
  const reader = new Secured(t, server.httpPort, server.tls.trust);
  await reader.secured;
  const count = await server.count('s');
  assert.ok(count >= kept.length);
  reader.send(head('GET', '/streams/s?after=start', 'Accept: text/event-stream\r\n'));
  await reader.until(text => datas(text).length >= count);
  for (const one of kept) assert.ok(datas(reader.text).includes(one), one);
  await server.stop();
});

test('a hark that was built without TLS says so in one line', { skip: !withoutTls && 'this one has TLS' }, async t => {
  const { cert } = authority.certificate(t, 'server');
  for (const words of [['serve', '--http', '127.0.0.1:0', '--lines', 'off', '--data', directory(t), '--tls-cert', cert], ['pub', 's', '--tls'], ['sub', 's', '--tls-ca', cert]]) {
    const exit = await hark(t, ...words);
    assert.equal(exit.code, 1);
    assert.match(exit.stderr, /TLS: this hark was built without it .*\n$/);
    assert.equal(exit.stderr.split('\n').length, 2);
  }
});
