// http.test.js - HTTP/1.1 as clients, and those who are none, speak it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Socket, eachBackend, serve } from './lib.js';

const head = (method, path, more = '') => `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

eachBackend(test, 'HEAD, wrong methods and paths', async (t, backend) => {
  const server = await serve(t, { backend });
  const page = await server.curl('-I', `${server.url}/`);
  assert.match(page.stdout, /^HTTP\/1\.1 200 .*\r\n/);
  assert.match(page.stdout, /^Content-Type: text\/html/im);
  const size = Number(page.stdout.match(/^Content-Length: (\d+)/im)[1]);
  const body = await server.curl(`${server.url}/`);
  assert.equal(Buffer.byteLength(body.stdout), size);

  const wrong = await server.curl('-i', '-X', 'PUT', '-d', 'x', `${server.url}/streams/a`);
  assert.match(wrong.stdout, /^HTTP\/1\.1 405 /);
  const allow = wrong.stdout.match(/^Allow: (.*)\r$/im)[1].split(/, */);
  for (const method of ['GET', 'POST', 'DELETE']) assert.ok(allow.includes(method), `${method} in ${allow}`);
  assert.match((await server.curl('-i', '-X', 'POST', '-d', 'x', `${server.url}/healthz`)).stdout, /^HTTP\/1\.1 405 /);
  assert.match((await server.curl('-i', `${server.url}/nowhere`)).stdout, /^HTTP\/1\.1 404 /);
  assert.match((await server.curl('-i', '-d', 'x', `${server.url}/streams/.hidden`)).stdout, /^HTTP\/1\.1 400 /);
  assert.match((await server.curl('-i', '-d', 'x', `${server.url}/streams/${'n'.repeat(129)}`)).stdout, /^HTTP\/1\.1 400 /);
  await server.stop();
});

eachBackend(test, 'a page whose name was made to resolve to loopback gets nothing', async (t, backend) => {
  const server = await serve(t, { backend, threads: 2, args: ['--host', 'hark.example.org'] });
  await server.publish('a', 'secret');
  const get = (host, path = '/streams/a?after=start') => head('GET', path).replace('localhost', host);
  const post = (host, more = '') => head('POST', '/streams/a', `Content-Length: 1\r\n${more}`).replace('localhost', host);
  const evil = `evil.example:${server.httpPort}`;
  for (const request of [get(evil), get(evil, '/'), get(evil, '/streams'), get(evil, '/healthz'), post(evil) + 'x', post(evil, `Origin: http://${evil}\r\n`) + 'x',
    post(evil, 'Expect: 100-continue\r\n'), head('DELETE', '/streams/a').replace('localhost', evil)]) {
    const answer = await new Socket(t, server.httpPort).send(request).closed();
    assert.match(answer, /^HTTP\/1\.1 421 Misdirected Request\r\n/, request);
    assert.ok(!answer.includes('secret'), answer);
  }
  for (const host of ['localhost', `localhost:${server.httpPort}`, '127.0.0.1', '[::1]:80', '192.0.2.1', 'hark.example.org', 'Hark.Example.Org:443']) {
    const socket = new Socket(t, server.httpPort).send(post(host) + 'x' + get(host, '/healthz'));
    await socket.until(text => /^HTTP\/1\.1 201 [^]*HTTP\/1\.1 200 /.test(text));
  }
  assert.equal(await server.count('a'), 8);
  await server.stop();
});

eachBackend(test, 'bodies that are too large, and Expect', async (t, backend) => {
  const server = await serve(t, { backend });
  const large = 'x'.repeat(1024 * 1024 + 1);
  const refused = await fetch(`${server.url}/streams/a`, { method: 'POST', body: large });
  assert.equal(refused.status, 413);
  const announced = new Socket(t, server.httpPort).send(head('POST', '/streams/a', 'Expect: 100-continue\r\nContent-Length: 99999999\r\n'));
  assert.match(await announced.closed(), /^HTTP\/1\.1 413 /);
  const welcome = new Socket(t, server.httpPort).send(head('POST', '/streams/a', 'Expect: 100-continue\r\nContent-Length: 5\r\n'));
  await welcome.until(text => text.includes('\r\n\r\n'));
  assert.match(welcome.text, /^HTTP\/1\.1 100 /);
  welcome.send('hello');
  await welcome.until(text => /HTTP\/1\.1 201 /.test(text));
  const unknown = new Socket(t, server.httpPort).send(head('POST', '/streams/a', 'Expect: a-miracle\r\nContent-Length: 5\r\n'));
  assert.match(await unknown.closed(), /^HTTP\/1\.1 417 /);
  assert.equal(await server.count('a'), 1);
  await server.stop();
});

eachBackend(test, 'a hundred requests at once are answered in order', async (t, backend) => {
  const server = await serve(t, { backend });
  let requests = '';
  for (let i = 0; i < 100; i++)
    requests += i % 2 ? head('POST', '/streams/a', `Content-Length: ${String(i).length}\r\n`) + i : head('GET', i % 4 ? '/healthz' : '/nowhere');
  const socket = new Socket(t, server.httpPort).send(requests);
  await socket.until(text => text.match(/HTTP\/1\.1 \d+/g)?.length === 100);
  const codes = socket.text.match(/HTTP\/1\.1 \d+/g).map(line => Number(line.slice(9)));
  assert.deepEqual(codes, Array.from({ length: 100 }, (_, i) => (i % 2 ? 201 : i % 4 ? 200 : 404)));
  const events = await server.read('a', 50);
  assert.deepEqual(events.map(event => event.text), Array.from({ length: 50 }, (_, i) => String(2 * i + 1)));
  await server.stop();
});

const ambiguous = {
  'a blank before a colon': 'GET / HTTP/1.1\r\nHost : h\r\n\r\n',
  'a line that is folded': 'GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n',
  'no host': 'GET / HTTP/1.1\r\n\r\n',
  'two hosts': 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'a bare LF': 'GET / HTTP/1.1\nHost: localhost\n\n',
  'a bare CR': 'GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n',
  'a NUL': 'GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n',
  'two lengths': 'POST /streams/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
  'a signed length': 'POST /streams/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: +1\r\n\r\na',
  'a length and chunks': 'POST /streams/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'chunks that do not come last': 'POST /streams/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, gzip\r\n\r\n',
  'a size that is no number': 'POST /streams/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n',
};

eachBackend(test, 'what can be read in two ways is refused and the connection closed', async (t, backend) => {
  const server = await serve(t, { backend });
  for (const [what, request] of Object.entries(ambiguous)) {
    const answer = await new Socket(t, server.httpPort).send(request + head('GET', '/healthz')).closed();
    assert.match(answer, /^HTTP\/1\.1 (400|501) /, `${what}: ${answer.slice(0, 40)}`);
    assert.equal(answer.match(/HTTP\/1\.1/g).length, 1, `${what}: one answer, then the end`);
  }
  assert.equal(await server.count('a'), 0);
  await server.stop();
});

eachBackend(test, 'a head that never ends meets its deadline', async (t, backend) => {
  const server = await serve(t, { backend, args: ['--head-timeout', '200ms'] });
  const slow = new Socket(t, server.httpPort).send('GET / HTTP/1.1\r\nHost: localhost\r\nX: ');
  // A byte now and then does not move the deadline: it is one for the whole head.
  const drip = setInterval(() => slow.socket.write('a'), 20);
  t.after(() => clearInterval(drip));
  const answer = await slow.closed();
  clearInterval(drip);
  assert.match(answer, /^(HTTP\/1\.1 408 |$)/);
  assert.equal((await server.stats()).connections.timeouts, 1);
  await server.stop();
});

eachBackend(test, 'a stream that is deleted and made anew is told as a gap', async (t, backend) => {
  const server = await serve(t, { backend });
  const old = await server.publish('a', 'old');
  const deleted = await fetch(`${server.url}/streams/a`, { method: 'DELETE' });
  assert.ok(deleted.ok);
  const id = await server.publish('a', 'new');
  assert.ok(id > old);
  const socket = new Socket(t, server.httpPort).send(head('GET', '/streams/a', `Accept: text/event-stream\r\nLast-Event-ID: ${old}\r\n`));
  await socket.until(text => text.includes('data: new\n'));
  assert.match(socket.text, new RegExp(`event: gap\ndata: \\{"after":"${old}","first":"\\d+"\\}\n\n`));
  assert.equal((await fetch(`${server.url}/streams/nothing`, { method: 'DELETE' })).status, 404);
  await server.stop();
});

eachBackend(test, 'pages of other origins may not publish', async (t, backend) => {
  const server = await serve(t, { backend });
  const post = origin => server.curl('-o', '/dev/null', '-w', '%{http_code}', '-H', `Origin: ${origin}`, '-d', 'x', `${server.url}/streams/a`);
  assert.equal((await post('http://example.org')).stdout, '403');
  assert.equal((await post('null')).stdout, '403');
  assert.equal((await post(server.url)).stdout, '201');
  assert.equal(await server.count('a'), 1);
  await server.stop();
  const open = await serve(t, { backend, args: ['--allow-origin', 'http://example.org'] });
  const allowed = await open.curl('-i', '-H', 'Origin: http://example.org', '-d', 'x', `${open.url}/streams/a`);
  assert.match(allowed.stdout, /^HTTP\/1\.1 201 /);
  assert.match(allowed.stdout, /^Access-Control-Allow-Origin: http:\/\/example\.org\r$/im);
  await open.stop();
});

eachBackend(test, 'streams are listed by pages, by what their names begin with', async (t, backend) => {
  const server = await serve(t, { backend, threads: 2 });
  for (let i = 0; i < 25; i++) await server.publish(i % 5 === 4 ? `other-${i}` : `room/${i}`, 'x');
  const list = async query => {
    const answer = await server.curl('-w', '\n%{http_code}', `${server.url}/streams${query}`);
    const [body, status] = answer.stdout.trim().split(/\n(?=\d+$)/);
    return { status: Number(status), ...(status === '200' ? JSON.parse(body) : {}) };
  };
  const names = [];
  let pages = 0;
  for (let next = ''; next !== undefined; pages++) {
    const page = await list(`?prefix=room%2F&limit=6${next && `&after=${next}`}`);
    assert.ok(page.streams.length <= 6);
    names.push(...page.streams.map(stream => stream.name));
    if (pages === 1) await server.curl('-X', 'DELETE', `${server.url}/streams/${page.streams.at(-1).name}`); /* its token stays good */
    next = page.next;
  }
  assert.equal(pages, 4);
  assert.deepEqual(names, Array.from({ length: 25 }, (_, i) => i).filter(i => i % 5 !== 4).map(i => `room/${i}`));
  const all = await list('');
  assert.equal(all.streams.length, 24);
  assert.equal(all.next, undefined);
  assert.deepEqual((await list('?prefix=nobody')).streams, []);
  assert.equal((await list('?limit=3')).streams.length, 3);
  for (const wrong of ['?limit=0', '?limit=10001', '?limit=x', '?after=x', `?prefix=${'p'.repeat(129)}`]) assert.equal((await list(wrong)).status, 400, wrong);
  await server.stop();
});
