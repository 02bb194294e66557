// tokens.test.js - who may do what on hark serve: tokens, users and everybody, at every door, with clients that are not ours.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { Authority } from './authority.js';
import { open as openPage, skip as withoutBrowser } from './browser.js';
import { Socket, backends, bin, connection, directory, hark, packages, run, serve, within, withoutTls } from './lib.js';

const { EventSource } = packages('eventsource');
const skip = withoutTls;

/** A test on each backend, with one thread and with two. */
function each(name, body) {
  for (const backend of backends)
    for (const threads of [1, 2])
      test(`${name} (${backend}, ${threads === 1 ? 'one thread' : `${threads} threads`})`, { skip }, t => body(t, { backend, threads }));
}

const token = () => `hark_${randomBytes(32).toString('base64url')}`;
const sum = text => createHash('sha256').update(text).digest('hex');
const bearer = text => ({ headers: { Authorization: `Bearer ${text}` } });

/** Tokens, and a file with rules for them. */
class Rules {
  constructor(t, lines) {
    this.folder = directory(t);
    this.path = join(this.folder, 'rules');
    this.tokens = new Map();
    this.write(lines);
  }

  /** The token of a name. */
  of(name) {
    if (!this.tokens.has(name)) this.tokens.set(name, token());
    return this.tokens.get(name);
  }

  /** Lines in which NAME: stands for a token's name and digest. */
  write(lines) {
    const text = lines.map(line => line.replace(/^(\w+):/, (_, name) => `${name} sha256:${sum(this.of(name))}`)).join('\n');
    writeFileSync(`${this.path}.new`, `${text}\n`);
    renameSync(`${this.path}.new`, this.path);
    return this;
  }

  file(name) {
    const path = join(this.folder, `${name}.token`);
    writeFileSync(path, `${this.of(name)}\n`, { mode: 0o600 });
    return path;
  }
}

const LINES = ['root: all *', 'app: read,append users/7/ news', 'maker: create,append,read made/', 'looker: read *', 'metrics: admin *',
  'cleaner: delete users/7/', 'anonymous read public/'];

/** A server with rules, and `as`, which asks in somebody's name. */
async function guarded(t, options = {}, lines = LINES) {
  const rules = new Rules(t, lines);
  const server = await serve(t, { ...options, args: ['--tokens', rules.path, ...(options.args ?? [])] });
  const as = (name, method, path, body, headers = {}) =>
    server.ask(method, path, body, { headers: { ...(name ? { Authorization: `Bearer ${rules.of(name)}` } : {}), ...headers } });
  return { rules, server, as };
}

/** A number of /metrics. */
async function metric(as, name) {
  const { text } = await as('root', 'GET', '/metrics');
  return Number(text.split('\n').find(line => line.startsWith(`${name} `))?.slice(name.length + 1));
}

/** Has the rules read anew, and waits until they hold. Each call is for another time. */
async function reload(server, pattern = /the rules of .* hold from now on/g, lines = 1) {
  const before = server.process.stderr.match(pattern)?.length ?? 0;
  server.process.child.kill('SIGHUP');
  await server.process.until(text => (text.match(pattern)?.length ?? 0) >= before + lines, 'stderr');
}

const text = { 'Content-Type': 'text/plain' };

each('one SIGHUP reads rules and certificates anew', async (t, options) => {
  const tls = new Authority('hark test CA').certificate(t, 'server');
  const { rules, server, as } = await guarded(t, { ...options, tls }, ['root: all *', 'app: read *']);
  for (const [line, status] of [['root: all *', 401], ['root: all *\napp: read *', 200]]) {
    rules.write(line.split('\n'));
    await reload(server, /the rules of .* hold from now on|the certificates of TLS were read anew/g, 2);
    assert.equal((await as('app', 'GET', '/streams')).status, status);
  }
  await server.stop();
});

each('every door asks for a token, and for the right one', async (t, options) => {
  const { server, as, rules } = await guarded(t, options);
  // [who, method, path, body, status]
  const rows = [
    [null, 'GET', '/', undefined, 200], [null, 'GET', '/healthz', undefined, 200], [null, 'GET', '/livez', undefined, 200],
    [null, 'GET', '/nothing', undefined, 404], [null, 'OPTIONS', '/streams/users/7/chat', undefined, 204],
    [null, 'GET', '/streams', undefined, 401], [null, 'GET', '/stats', undefined, 401], [null, 'GET', '/metrics', undefined, 401],
    ['app', 'GET', '/streams', undefined, 403], ['app', 'GET', '/stats', undefined, 403], ['app', 'GET', '/metrics', undefined, 403],
    ['looker', 'GET', '/streams', undefined, 200], ['metrics', 'GET', '/metrics', undefined, 200], ['root', 'GET', '/stats', undefined, 200],
    ['metrics', 'GET', '/streams/users/7/chat', undefined, 403],

    [null, 'POST', '/streams/users/7/chat', 'x', 401], ['app', 'POST', '/streams/users/7/chat', 'x', 404],
    ['app', 'POST', '/v1/stream/users/7/chat', 'x', 404], ['app', 'PUT', '/v1/stream/users/7/chat', '', 403],
    ['root', 'POST', '/streams/users/7/chat', 'one', 201], ['app', 'POST', '/streams/users/7/chat', 'two', 201],
    ['looker', 'POST', '/streams/users/7/chat', 'x', 403], ['maker', 'POST', '/streams/users/7/chat', 'x', 403],
    ['maker', 'POST', '/streams/made/a', 'x', 201], ['maker', 'PUT', '/v1/stream/made/b', 'x', 201],
    ['maker', 'POST', '/v1/stream/made/b', 'y', 204], ['maker', 'DELETE', '/streams/made/a', undefined, 403],
    ['root', 'POST', '/streams/users/70', 'secret', 201], ['root', 'POST', '/streams/users/7', 'secret', 201],
    ['root', 'POST', '/streams/public/x', 'for all', 201], ['root', 'POST', '/streams/news', 'n', 201], ['root', 'POST', '/streams/newspaper', 'n', 201],
    ['app', 'GET', '/v1/stream/users/7/chat?offset=-1', undefined, 200], ['app', 'HEAD', '/v1/stream/users/7/chat', undefined, 200],
    // hostile neighbours
    ['app', 'GET', '/v1/stream/users/70?offset=-1', undefined, 403], ['app', 'POST', '/streams/users/70', 'x', 403],
    ['app', 'GET', '/v1/stream/users/7?offset=-1', undefined, 403], ['app', 'GET', '/v1/stream/newspaper?offset=-1', undefined, 403],
    ['app', 'GET', '/v1/stream/news?offset=-1', undefined, 200], ['app', 'GET', '/v1/stream/users%2f7%2fchat', undefined, 400],
    ['app', 'GET', '/streams/%75sers/70?after=start', undefined, 403], ['app', 'GET', '/streams/users/7//chat', undefined, 400],

    [null, 'GET', '/v1/stream/public/x?offset=-1', undefined, 200], ['app', 'GET', '/v1/stream/public/x?offset=-1', undefined, 200],
    [null, 'POST', '/streams/public/x', 'x', 401], ['app', 'POST', '/streams/public/x', 'x', 403],
    ['app', 'DELETE', '/streams/users/7/chat', undefined, 403], ['cleaner', 'GET', '/v1/stream/users/7/chat', undefined, 403],
    ['cleaner', 'DELETE', '/streams/users/7/chat', undefined, 204], ['cleaner', 'DELETE', '/v1/stream/users/70', undefined, 403],
    ['looker', 'GET', '/v1/stream/__ds/subscriptions', undefined, 403], ['app', 'GET', '/v1/stream/__ds', undefined, 403], [null, 'PUT', '/v1/stream/__ds/x', '', 401],
    ['app', 'POST', '/sign/users/70', '', 403], [null, 'POST', '/sign/users/7/chat', '', 401], ['app', 'POST', '/sign/users/7/chat', '', 200],
  ];
  for (const [who, method, path, body, status] of rows) {
    const answer = await as(who, method, path, body, method === 'PUT' || path.startsWith('/v1') ? text : {});
    assert.equal(answer.status, status, `${who} ${method} ${path}: ${answer.status} ${answer.text}`);
    assert.equal(/^Bearer realm="hark"/.test(answer.headers['www-authenticate']), status === 401);
  }
  for (const path of ['users/7/../70', 'users/7/%2e%2e/70', 'users/7/./../70', 'users/7/chat/../../70']) { // as they are: others would resolve them
    const raw = await server.curl('--path-as-is', '-o', '/dev/null', '-w', '%{http_code}', '-H', `Authorization: Bearer ${rules.of('app')}`, `${server.url}/v1/stream/${path}?offset=-1`);
    assert.equal(raw.stdout, '400', path);
  }
  const wrong = await server.ask('GET', '/streams', undefined, bearer(token()));
  assert.equal(wrong.status, 401);
  assert.match(wrong.headers['www-authenticate'], /invalid_token/);
  for (const value of ['Bearer', 'Bearer ', 'Bearer x', `Bearer  ${rules.of('root')} x`, `bearer${rules.of('root')}`, `Basic ${rules.of('root')}`, rules.of('root')])
    assert.equal((await server.ask('GET', '/streams', undefined, { headers: { Authorization: value } })).status, 401, value);
  assert.equal((await server.ask('GET', '/streams', undefined, { headers: { Authorization: `bearer ${rules.of('root')}` } })).status, 200);
  // Who is unknown is not let in as everybody.
  assert.equal((await server.ask('GET', '/v1/stream/public/x?offset=-1', undefined, bearer(token()))).status, 401);
  assert.ok(await metric(as, 'hark_refused_total{reason="no_token"}') >= 6);
  assert.ok(await metric(as, 'hark_refused_total{reason="not_allowed"}') >= 10);
  assert.ok(await metric(as, 'hark_refused_total{reason="unknown_token"}') >= 2);
  await server.stop();
});

each('subscriptions are for admins; what a worker says goes by the token of its wake', async (t, options) => {
  const { server, as } = await guarded(t, options);
  const json = { 'Content-Type': 'application/json' };
  const under = '/v1/stream/__ds/subscriptions/s';
  const asked = JSON.stringify({ type: 'pull-wake', wake_stream: 'made/wakes', streams: ['made/work'], lease_ttl_ms: 600000 });
  for (const name of ['made/wakes', 'made/work']) assert.equal((await as('root', 'PUT', `/v1/stream/${name}`, '', json)).status, 201);
  assert.equal((await as(null, 'PUT', under, asked, json)).status, 401);
  assert.equal((await as('maker', 'PUT', under, asked, json)).status, 403);
  assert.equal((await as('looker', 'GET', under)).status, 403);
  assert.equal((await as('metrics', 'PUT', under, asked, json)).status, 201);
  assert.equal((await as('root', 'POST', '/v1/stream/made/work', '1', json)).status, 204);
  let claimed;
  await within((async () => { do claimed = await as('root', 'POST', `${under}/claim`, '{"worker":"w"}', json); while (claimed.status !== 200); })(), 'a wake');
  const { token: wake, wake_id, generation } = JSON.parse(claimed.text);
  assert.equal((await as('maker', 'POST', `${under}/claim`, '{"worker":"w"}', json)).status, 403);
  const release = secret => server.ask('POST', `${under}/release`, JSON.stringify({ wake_id, generation }), { headers: { ...json, Authorization: `Bearer ${secret}` } });
  const wrong = await release(token());
  assert.equal(wrong.status, 401);
  assert.match(wrong.text, /TOKEN_INVALID/);
  assert.equal((await release(wake)).status, 204);
  assert.equal((await server.ask('GET', '/v1/stream/__ds/jwks.json')).status, 200);
  assert.equal((await as('metrics', 'DELETE', under)).status, 204);
  await server.stop();
});

each('a fork needs read of its source, and create of its own', async (t, options) => {
  const { server, as } = await guarded(t, options);
  assert.equal((await as('root', 'PUT', '/v1/stream/users/7/a', 'hello', text)).status, 201);
  const fork = (who, name, source) => as(who, 'PUT', `/v1/stream/${name}`, '', { 'Stream-Forked-From': source });
  assert.equal((await fork('maker', 'made/f', '/v1/stream/users/7/a')).status, 403);
  assert.equal((await fork('maker', 'made/f', 'users/7/a')).status, 403);
  assert.equal((await fork('maker', 'made/f', '/users/7/a')).status, 403);
  assert.equal((await fork('app', 'users/7/f', '/v1/stream/users/7/a')).status, 403);
  assert.equal((await fork('root', 'made/f', '/v1/stream/users/7/a')).status, 201);
  assert.equal((await fork('maker', 'made/g', '/v1/stream/made/f')).status, 201);
  assert.equal((await as('maker', 'GET', '/v1/stream/made/g?offset=-1')).text, 'hello');
  await server.stop();
});

each('who may append and not create is answered in the order of the log', async (t, options) => {
  const { server, rules, as } = await guarded(t, options);
  const post = (name, path, body) => `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${rules.of(name)}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const socket = new Socket(t, server.httpPort);
  // Pipelined: the second is decided behind the first, the last behind the deletion.
  socket.send(post('app', '/streams/users/7/p', 'a') + post('root', '/streams/users/7/p', 'b') + post('app', '/streams/users/7/p', 'c'));
  await socket.until(got => (got.match(/HTTP\/1\.1 /g) ?? []).length === 3);
  assert.deepEqual([...socket.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(match => match[1]), ['404', '201', '201']);
  assert.equal((await as('root', 'GET', '/v1/stream/users/7/p?offset=-1')).text, 'bc');
  await server.stop();
});

each('lines: AUTH, hark pub and hark sub', async (t, options) => {
  const { server, rules } = await guarded(t, options);
  const say = input => run(t, 'nc', ['-N', '127.0.0.1', String(server.linesPort)], input);
  assert.match((await say('PUB users/7/l ack\nx\n')).stdout, /^ERR this needs a token/);
  assert.match((await say(`AUTH ${token()}\nPUB users/7/l ack\nx\n`)).stdout, /^ERR nobody knows/);
  assert.match((await say('AUTH x\nPUB users/7/l ack\nx\n')).stdout, /^ERR nobody knows/);
  assert.match((await say(`AUTH ${rules.of('app')}\nPUB users/7/l ack\nx\n`)).stdout, /^ERR there is no such stream/);
  assert.match((await say(`AUTH ${rules.of('root')}\r\nPUB users/7/l ack\none\n`)).stdout, /^\d+\n$/);
  assert.match((await say(`AUTH ${rules.of('app')}\nPUB users/7/l ack\ntwo\nthree\n`)).stdout, /^\d+\n\d+\n$/);
  assert.match((await say(`AUTH ${rules.of('app')}\nPUB users/70 ack\nx\n`)).stdout, /^ERR the rules/);
  assert.match((await say(`AUTH ${rules.of('cleaner')}\nSUB users/7/l start\n`)).stdout, /^ERR the rules/);
  assert.match((await say(`AUTH ${rules.of('app')}\nAUTH ${rules.of('root')}\nPUB users/70\n`)).stdout, /^ERR AUTH was said before/);
  assert.match((await say('AUTH\n')).stdout, /^ERR say PUB/);

  const sub = (...args) => run(t, bin, ['sub', 'users/7/l', '--server', server.lines, '--after', 'start', '--count', '3', ...args]);
  assert.equal((await sub('--token-file', rules.file('app'))).stdout, 'one\ntwo\nthree\n');
  const refused = await sub();
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /needs a token/);
  const published = await run(t, bin, ['pub', 'users/7/l', '--server', server.lines], 'four\n', { env: { ...process.env, HARK_TOKEN: rules.of('app') } });
  assert.equal(published.code, 0, published.stderr);
  // What is no token is not sent, nor said.
  const odd = await run(t, bin, ['pub', 'users/7/l', '--server', server.lines], 'x\n', { env: { ...process.env, HARK_TOKEN: 'secret\nPUB users/70' } });
  assert.equal(odd.code, 2);
  assert.doesNotMatch(odd.stderr, /secret/);
  await server.stop();
});

each('a user over a unix socket needs no token', async (t, options) => {
  const path = join(directory(t), 'hark.sock');
  const { server } = await guarded(t, { ...options, args: ['--http', `unix:${path}`] }, ['root: all *', `uid ${process.getuid()} append,create jobs/`,
    `uid ${process.getuid() + 1} all *`]);
  const curl = (...args) => run(t, 'curl', ['-sS', '-o', '/dev/null', '-w', '%{http_code}', '--unix-socket', path, ...args]);
  assert.equal((await curl('-d', 'x', 'http://localhost/streams/jobs/1')).stdout, '201');
  assert.equal((await curl('-d', 'x', 'http://localhost/streams/other')).stdout, '403');
  assert.equal((await curl('http://localhost/streams')).stdout, '403');
  assert.equal((await server.ask('POST', '/streams/jobs/1', 'x')).status, 401);
  await server.stop();
});

each('subscribers of a token that is revoked are ended at the reload, others go on', async (t, options) => {
  const { server, rules, as } = await guarded(t, options);
  assert.equal((await as('root', 'PUT', '/v1/stream/users/7/s', '', text)).status, 201);
  const follow = (name, path) => {
    const socket = new Socket(t, server.httpPort);
    return socket.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${rules.of(name)}\r\n\r\n`);
  };
  const line = (name, command) => new Socket(t, server.linesPort).send(`AUTH ${rules.of(name)}\n${command}\n`);
  const paths = ['/streams/users/7/s', '/v1/stream/users/7/s?offset=now&live=sse'];
  const { url } = JSON.parse((await as('app', 'POST', '/sign/users/7/s', '')).text);
  const signed = new Socket(t, server.httpPort).send(`GET ${url} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const publisher = line('app', 'PUB users/7/s ack');
  const gone = [...paths.map(path => follow('app', path)), signed, line('app', 'SUB users/7/s now'), publisher];
  const staying = [...paths.map(path => follow('looker', path)), line('looker', 'SUB users/7/s now')];
  const followers = [...gone.slice(0, 4), ...staying];
  for (const socket of followers) await socket.until(got => /event: |^\d+\n/.test(got));
  publisher.send('before\n');
  await publisher.until(got => /^\d+\n$/.test(got));
  for (const socket of followers) await socket.until(got => got.includes('before'));
  // A long poll that waits: the server has taken it once it has counted one request more than those that ask for the number.
  const asked = () => metric(as, 'hark_http_requests_total{method="GET"}');
  const first = await asked();
  gone.push(follow('app', '/v1/stream/users/7/s?offset=now&live=long-poll'));
  await within((async () => { for (let own = 1; await asked() === first + own; own++); })(), 'the long poll');
  rules.write(LINES.filter(entry => !entry.startsWith('app:')));
  await reload(server);
  const last = await Promise.all(gone.map(socket => socket.closed()));
  assert.match(last[0], /\n: this may not be read any more\n/);
  assert.match(last[3], /\nERR the rules/);
  assert.match(last[4], /\nERR the rules/);
  assert.equal(last[5], '');
  assert.equal((await as('app', 'GET', '/v1/stream/users/7/s?offset=-1')).status, 401);
  assert.equal((await server.ask('GET', url)).status, 401);
  assert.equal((await as('root', 'POST', '/streams/users/7/s', 'after')).status, 201);
  for (const socket of staying) await socket.until(got => got.includes('after'));
  for (const got of last) assert.doesNotMatch(got, /after/);
  assert.equal(await metric(as, 'hark_rules_reloads_total'), 1);
  await server.stop();
});

each('a request whose head came under rules of before is decided by those that hold', async (t, options) => {
  const { server, rules } = await guarded(t, options);
  const socket = new Socket(t, server.httpPort);
  socket.send(`POST /streams/made/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${rules.of('maker')}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n`);
  await socket.until(got => got.startsWith('HTTP/1.1 100'));
  rules.write(['root: all *']);
  await reload(server);
  socket.send('hello');
  assert.match(await socket.closed(), /HTTP\/1\.1 401 /);
  await server.stop();
});

each('rules that are wrong change nothing, and are told with their line', async (t, options) => {
  const { server, rules, as } = await guarded(t, options);
  const failed = /the rules could not be read anew, those of before stay: (.*)/g;
  for (const [lines, why] of [[['root: all *', 'x: read users/*'], /line 2: a prefix ends with a slash/], [['# none'], /no rule/], [['x'], /line 1/]]) {
    rules.write(lines);
    await reload(server, failed);
    assert.match(server.process.stderr.match(failed).at(-1), why);
    assert.equal((await as('looker', 'GET', '/streams')).status, 200);
  }
  assert.equal(await metric(as, 'hark_rules_reload_failures_total'), 3);
  await server.stop();
});

each('reloads under load lose nothing of those that stay', async (t, options) => {
  const { server, rules, as } = await guarded(t, options);
  const agent = connection(t);
  const posted = [];
  let over = false;
  const load = (async () => {
    for (let i = 0; !over; i++) {
      const { status } = await server.ask('POST', '/streams/load', String(i), { agent, headers: { Authorization: `Bearer ${rules.of('root')}` } });
      assert.equal(status, 201);
      posted.push(String(i));
    }
  })();
  for (let round = 0; round < 10; round++) {
    rules.write(round % 2 ? LINES : LINES.filter(entry => !entry.startsWith('app:')));
    await reload(server);
    assert.equal((await as('app', 'GET', '/v1/stream/news?offset=-1')).status, round % 2 ? 404 : 401);
    const seen = posted.length; // some more, between two reloads
    await within((async () => { while (posted.length === seen && !over) await new Promise(setImmediate); })(), 'a post');
  }
  over = true;
  await load;
  const got = (await as('root', 'GET', '/v1/stream/load?offset=-1')).text;
  assert.ok(got.startsWith(posted.slice(0, 5).join('')));
  assert.equal(JSON.parse((await as('root', 'GET', '/streams/load', undefined, { Accept: 'application/json' })).text).events, posted.length);
  await server.stop();
});

each('signed URLs: for EventSource, of one stream, for a short time, until the process ends', async (t, options) => {
  const { server, as } = await guarded(t, options);
  await as('root', 'POST', '/streams/users/7/e', 'one');
  await as('root', 'POST', '/streams/users/7/f', 'other');
  const signed = await as('app', 'POST', '/sign/users/7/e?seconds=600', '');
  assert.equal(signed.headers['cache-control'], 'no-store');
  const { url, query, until } = JSON.parse(signed.text);
  assert.ok(until > Date.now() / 1000 + 500 && until < Date.now() / 1000 + 700);
  assert.equal(url, `/streams/users/7/e?${query}`);
  const source = new EventSource(`${server.url}${url}&after=start`);
  t.after(() => source.close());
  await within(new Promise((resolve, reject) => {
    source.onmessage = event => { if (event.data === 'one') resolve(); };
    source.onerror = reject;
  }), 'an event');
  source.close();
  const status = async (path, method = 'GET') => (await server.ask(method, path)).status;
  assert.equal(await status(`/v1/stream/users/7/e?offset=-1&${query}`), 200);
  assert.equal(await status(`/v1/stream/users/7/f?offset=-1&${query}`), 401);
  assert.equal(await status(`/v1/stream/users/7/e?${query}`, 'HEAD'), 401);
  assert.equal(await status(`/streams/users/7/e?${query}`, 'DELETE'), 401);
  assert.equal((await server.ask('POST', `/streams/users/7/e?${query}`, 'x')).status, 401);
  assert.equal(await status(`/v1/stream/users/7/e?offset=-1&${query.replace(/until=\d+/, `until=${until + 1}`)}`), 401);
  assert.equal(await status(`/v1/stream/users/7/e?offset=-1&${query.replace('by=app', 'by=root')}`), 401);
  assert.equal(await status(`/v1/stream/users/7/e?offset=-1&${query}&sign=00`), 401);
  assert.equal(await status(`/v1/stream/users/7/e?offset=-1&${query.replace(/.$/, digit => (digit === '0' ? '1' : '0'))}`), 401);
  for (const seconds of ['0', '3601', 'x', '-1']) assert.equal((await as('app', 'POST', `/sign/users/7/e?seconds=${seconds}`, '')).status, 400);
  await server.kill();
  await server.start(); // with another key; what was acknowledged is there
  assert.equal(await status(`/v1/stream/users/7/e?offset=-1&${query}`), 401);
  assert.equal((await as('app', 'GET', '/v1/stream/users/7/e?offset=-1')).text, 'one');
  await server.stop();
});

test('a signed URL ends with its time', { skip }, async t => {
  const { server, as } = await guarded(t);
  await as('root', 'POST', '/streams/users/7/e', 'one');
  const { query } = JSON.parse((await as('app', 'POST', '/sign/users/7/e?seconds=1', '')).text);
  await within((async () => {
    while ((await server.ask('GET', `/v1/stream/users/7/e?offset=-1&${query}`)).status !== 401);
  })(), 'its end');
  assert.ok(await metric(as, 'hark_refused_total{reason="no_token"}') >= 1);
  assert.equal(await metric(as, 'hark_refused_total{reason="unknown_token"}'), 0);
  await server.stop();
});

each('an address that shows too many wrong tokens waits; those that are known are let in', async (t, options) => {
  const { server, as } = await guarded(t, options);
  const answers = [];
  for (let i = 0; i < 50; i++) answers.push(await server.ask('GET', '/streams', undefined, bearer(token())));
  const limited = answers.filter(answer => answer.status === 429);
  assert.ok(limited.length >= 1 && answers.filter(answer => answer.status === 401).length >= 20);
  assert.match(limited[0].headers['retry-after'], /^[1-3]$/);
  assert.equal(limited[0].headers.connection, 'close');
  assert.equal((await as('root', 'GET', '/streams')).status, 200);
  assert.equal((await as(null, 'GET', '/streams')).status, 401);
  assert.equal(await metric(as, 'hark_refused_total{reason="too_many"}'), limited.length);
  await server.stop();
});

each('a body that is refused is not read', async (t, options) => {
  const { server } = await guarded(t, options);
  const big = await server.ask('POST', '/streams/users/7/b', 'x'.repeat(1 << 20));
  assert.equal(big.status, 401);
  assert.equal(big.headers.connection, 'close');
  const socket = new Socket(t, server.httpPort).send('POST /streams/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n');
  assert.match(await socket.closed(), /^HTTP\/1\.1 401 /);
  const expecting = new Socket(t, server.httpPort).send('POST /streams/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n');
  assert.match(await expecting.closed(), /^HTTP\/1\.1 401 /);
  await server.stop();
});

test('hark token makes a token and its rule', { skip }, async t => {
  const made = await hark(t, 'token', 'web-1', 'read,append', 'chat/', 'news');
  const [, secret, digest] = made.stdout.match(/^(hark_[\w-]{43})\nweb-1 sha256:([0-9a-f]{64}) read,append chat\/ news\n$/);
  assert.equal(sum(secret), digest);
  assert.notEqual((await hark(t, 'token', 'a', 'all', '*')).stdout, (await hark(t, 'token', 'a', 'all', '*')).stdout);
  for (const [args, why] of [[['a'], /./], [['a', 'read'], /./], [['uid', 'read', '*'], /no names/], [['a', 'write', '*'], /verbs are/], [['a', 'read', 'x/*'], /no star/],
    [['a', 'admin', 'x/'], /admin/]]) {
    const refused = await hark(t, 'token', ...args);
    assert.equal(refused.code, 2);
    assert.equal(refused.stdout, '');
    assert.match(refused.stderr, why);
  }
});

test('without rules the server listens where this machine alone can connect', async t => {
  const refused = async (...args) => {
    const { code, stderr } = await hark(t, 'serve', '--data', join(directory(t), 'd'), ...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /others than this machine could connect/);
    assert.equal(stderr.trim().split('\n').length, 1);
  };
  for (const address of ['0.0.0.0:0', '*:0', '[::]:0', '192.0.2.1:80']) {
    await refused('--http', address, '--lines', 'off');
    await refused('--http', 'off', '--lines', address);
    await refused('--http', '127.0.0.1:0', '--http', `plain:${address}`, '--lines', 'off');
  }
});

test('tokens that would go over a network as they are are warned of', { skip }, async t => {
  const rules = new Rules(t, ['root: all *']);
  // No machine has this address: it is warned, and does not start.
  const start = (...args) => hark(t, 'serve', '--http', '192.0.2.1:80', '--lines', 'off', '--data', join(rules.folder, 'd'), '--tokens', rules.path, ...args);
  const warned = await start();
  assert.equal(warned.code, 1);
  assert.match(warned.stderr, /tokens go over the network as they are/);
  assert.doesNotMatch((await start('--insecure')).stderr, /tokens go over/);
});

test('rules that are wrong at the start are one line, and exit code 1', { skip }, async t => {
  const rules = new Rules(t, ['root: all *', 'x']);
  const wrong = await hark(t, 'serve', '--http', '127.0.0.1:0', '--lines', 'off', '--data', join(rules.folder, 'd'), '--tokens', rules.path);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /rules, line 2: /);
  const missing = await hark(t, 'serve', '--http', '127.0.0.1:0', '--lines', 'off', '--data', join(rules.folder, 'd'), '--tokens', `${rules.path}.not`);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /rules\.not: no such file/i);
});

test('no token is said anywhere', { skip }, async t => {
  const { server, rules, as } = await guarded(t);
  await as('root', 'POST', '/streams/users/7/x', 'x');
  await as('app', 'GET', '/streams');
  await run(t, 'nc', ['-N', '127.0.0.1', String(server.linesPort)], `AUTH ${rules.of('app')}\nPUB users/70\nx\n`);
  await reload(server);
  const told = [(await as('root', 'GET', '/stats')).text, (await as('root', 'GET', '/metrics')).text, readFileSync(`/proc/${server.process.child.pid}/cmdline`, 'utf8')];
  await server.stop();
  told.push(server.process.stderr);
  for (const secret of rules.tokens.values())
    for (const one of told) {
      assert.ok(!one.includes(secret));
      assert.ok(!one.includes(sum(secret)));
    }
});

test('the page asks for a token, keeps it for the tab, and follows by signed URLs', { skip: skip || withoutBrowser }, async t => {
  const { server, rules, as } = await guarded(t, { backend: backends[0] });
  await as('root', 'POST', '/streams/users/7/chat', 'it rains');
  const page = await openPage(t, server.url, {}, '#token-form');
  const urls = [];
  page.on('request', asked => urls.push(asked.url()));
  await page.getByText('a token is needed').first().waitFor();
  const use = async text => {
    await page.fill('#token', text);
    await page.click('#token-form button');
  };
  await use(token());
  await page.locator('#token-why', { hasText: 'nobody knows this token' }).waitFor();
  await use(rules.of('root'));
  await page.locator('#state[data-state="live"]').waitFor();
  await page.locator('#events li p', { hasText: 'it rains' }).first().waitFor();
  assert.equal(await page.locator('#token-form').isVisible(), false);
  await page.fill('#to', 'users/7/chat');
  await page.fill('#what', 'it snows');
  await page.click('#publish button');
  await page.locator('#events li p', { hasText: 'it snows' }).first().waitFor();
  // Another key: the signature of the page's EventSource is of no use any more, and it asks for another.
  await server.kill();
  await server.start();
  await as('root', 'POST', '/streams/users/7/chat', 'after the restart');
  await page.locator('#events li p', { hasText: 'after the restart' }).first().waitFor();
  await page.reload();
  await page.locator('#state[data-state="live"]').waitFor();
  assert.ok(urls.some(url => /streams\/users\/7\/chat\?.*&sign=[0-9a-f]{64}$/.test(url)));
  for (const url of urls) assert.ok(!url.includes('hark_'), url);
  // Revoked: it asks again.
  rules.write(LINES.map(line => (line.startsWith('root:') ? 'boss: all *' : line)));
  await reload(server);
  await page.locator('#token-form').waitFor();
  await server.stop();
});
