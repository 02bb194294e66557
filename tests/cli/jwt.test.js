// jwt.test.js - tokens that somebody else has signed (JWT): each algorithm, hostile ones, and the end of their time, at every door. The
// signatures are node's.

import assert from 'node:assert/strict';
import { createHmac, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { Socket, backends, bin, directory, hark, run, serve, within, withoutTls } from './lib.js';

const skip = withoutTls;

/** A test on each backend, with one thread and with two. */
function each(name, body) {
  for (const backend of backends)
    for (const threads of [1, 2])
      test(`${name} (${backend}, ${threads === 1 ? 'one thread' : `${threads} threads`})`, { skip }, t => body(t, { backend, threads }));
}

const coded = value => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A key: its JWK, and what it makes of bytes. */
class Key {
  constructor(alg, kid) {
    this.alg = alg;
    this.kid = kid;
    if (alg === 'HS256') {
      this.secret = randomBytes(32);
      this.jwk = { kty: 'oct', kid, alg, k: this.secret.toString('base64url') };
      return;
    }
    const pair = alg === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
    this.private = pair.privateKey;
    this.jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
  }

  over(text) {
    if (this.secret) return createHmac('sha256', this.secret).update(text).digest();
    return sign(this.alg === 'EdDSA' ? null : 'sha256', text, { key: this.private, dsaEncoding: 'ieee-p1363' });
  }

  /** A token; of what is not given, a good one. */
  token(claims = {}, header = {}) {
    const text = `${coded({ alg: this.alg, kid: this.kid, typ: 'JWT', ...header })}.${coded({ aud: 'hark', exp: now() + 600, ...claims })}`;
    return `${text}.${this.over(Buffer.from(text)).toString('base64url')}`;
  }
}

const now = () => Math.floor(Date.now() / 1000);
const bearer = token => ({ headers: { Authorization: `Bearer ${token}` } });
const keys = ['HS256', 'RS256', 'ES256', 'EdDSA'].map(alg => new Key(alg, alg.toLowerCase()));
const [hs, rs, es, ed] = keys;
const rights = { hark: { 'read,append': ['users/7/'], create: ['users/7/'] } };

/** A server that knows the keys. */
async function guarded(t, options = {}, lines = ['app jwt:keys.json aud=hark read,append,create users/', 'anonymous read public/']) {
  const folder = directory(t);
  const path = join(folder, 'rules');
  const write = (name, text) => {
    writeFileSync(join(folder, `${name}.new`), text);
    renameSync(join(folder, `${name}.new`), join(folder, name));
  };
  const rules = { path, lines: text => write('rules', `${text.join('\n')}\n`), keys: all => write('keys.json', JSON.stringify({ keys: all.map(key => key.jwk) })) };
  rules.lines(lines);
  rules.keys(keys);
  const server = await serve(t, { ...options, args: ['--tokens', path, ...(options.args ?? [])] });
  return { server, rules };
}

async function reload(server, pattern = /the rules of .* hold from now on/g) {
  const before = server.process.stderr.match(pattern)?.length ?? 0;
  server.process.child.kill('SIGHUP');
  await server.process.until(text => (text.match(pattern)?.length ?? 0) > before, 'stderr');
}

each('tokens of each algorithm let in, by curl, for what they and the rule say', async (t, options) => {
  const { server } = await guarded(t, options);
  const post = async (token, path) => {
    const { stdout } = await run(t, 'curl', ['-sS', '-o', '/dev/null', '-w', '%{http_code}', '-H', `Authorization: Bearer ${token}`, '-d', 'x', `${server.url}/streams/${path}`]);
    return Number(stdout);
  };
  for (const key of keys) {
    const token = key.token(rights);
    for (let i = 0; i < 3; i++) assert.equal(await post(token, 'users/7/a'), 201, key.alg);
    assert.equal(await post(token, 'users/70/a'), 403);
    assert.equal(await post(token, 'other'), 403);
    assert.equal((await server.ask('DELETE', '/streams/users/7/a', undefined, bearer(token))).status, 403);
    assert.equal((await server.ask('GET', '/metrics', undefined, bearer(token))).status, 403);
    assert.equal(await post(key.token({ hark: { all: ['*'] } }), 'other'), 403); // it gives what the rule has, and no more
    assert.equal(await post(key.token({ hark: { all: ['*'] } }), 'users/8'), 201);
    assert.equal(await post(key.token({ hark: { read: ['users/'] } }), 'users/8'), 403);
    assert.equal(await post(key.token(), 'users/8'), 403);
    assert.equal((await server.ask('GET', '/v1/stream/public/x', undefined, bearer(key.token()))).status, 404);
  }
  assert.equal((await server.ask('GET', '/v1/stream/users/7/a?offset=-1', undefined, bearer(ed.token(rights)))).text, 'x'.repeat(12));
  await server.stop();
});

each('hostile tokens are refused, and counted as failures', async (t, options) => {
  const { server } = await guarded(t, options, ['app jwt:keys.json aud=hark iss=i all users/', 'top jwt:keys.json aud=top all *']);
  const good = { ...rights, iss: 'i' };
  const changed = token => { const [head, , end] = token.split('.'); return `${head}.${coded({ aud: 'hark', iss: 'i', exp: now() + 600, hark: { all: ['*'] } })}.${end}`; };
  const cut = (token, by) => token.slice(0, -by);
  const none = key => `${coded({ alg: 'none', kid: key.kid })}.${key.token(good).split('.')[1]}.`;
  const confused = () => { // the public key as a secret
    const pem = createPublicKey({ key: rs.jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    const text = `${coded({ alg: 'HS256', kid: 'rs256' })}.${rs.token(good).split('.')[1]}`;
    return `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`;
  };
  const der = () => { const text = es.token(good).split('.').slice(0, 2).join('.'); return `${text}.${sign('sha256', Buffer.from(text), es.private).toString('base64url')}`; };
  const deep = () => { const text = `${coded({ alg: 'HS256', kid: 'hs256' })}.${coded(`{"aud":"hark","x":${'['.repeat(2500)}`)}`; return `${text}.${hs.over(text).toString('base64url')}`; };
  const twice = () => { const text = `${coded({ alg: 'HS256', kid: 'hs256' })}.${coded(`{"aud":"top","aud":"hark","iss":"i","exp":${now() + 600}}`)}`; return `${text}.${hs.over(text).toString('base64url')}`; };
  const tokens = [...keys.map(none), none(hs) + 'x', ...keys.map(key => changed(key.token(good))), ...keys.map(key => cut(key.token(good), 2)), ...keys.map(key => cut(key.token(good), 4)),
    confused(), der(), deep(), twice(), hs.token({ ...good, x: 'x'.repeat(6000) }), hs.token({ ...good, aud: 'other' }), hs.token({ ...good, iss: 'j' }),
    hs.token({ ...good, exp: undefined }), hs.token({ ...good, exp: String(now() + 600) }), hs.token({ ...good, hark: { read: 'users/' } }), hs.token(good, { kid: 'other' }),
    hs.token(good, { kid: undefined, alg: 'RS256' }), new Key('EdDSA', 'eddsa').token(good), '..', 'a.b.c', `${'a'.repeat(40)}..`];
  const limited = [];
  for (const token of tokens) {
    const { status, headers } = await server.ask('GET', '/v1/stream/users/7/a?offset=-1', undefined, bearer(token));
    assert.ok(status === 401 || status === 429, `${token.slice(0, 60)} ${status}`);
    if (status === 401) assert.match(headers['www-authenticate'], /invalid_token/);
    else limited.push(headers['retry-after']);
  }
  assert.ok((limited.length > 0 || options.threads > 1) && limited.every(seconds => /^[1-3]$/.test(seconds)));
  assert.equal((await server.ask('POST', '/streams/users/7/a', 'x', bearer(es.token({ ...good, hark: { all: ['users/'] } })))).status, 201);
  assert.equal((await server.ask('GET', '/metrics', undefined, bearer(rs.token({ aud: ['x', 'top'], hark: { all: ['*'] } })))).status, 200);
  await server.stop();
});

each('a token has a time; who reads is ended with it, and comes back with another one by id', async (t, options) => {
  const { server } = await guarded(t, { ...options, args: ['--clock-skew', '0s'] });
  const late = await server.ask('GET', '/streams/users/7/a', undefined, bearer(hs.token({ ...rights, exp: now() })));
  assert.equal(late.status, 401);
  assert.match(late.headers['www-authenticate'], /invalid_token.*not good now/);
  assert.match(late.text, /expired/);
  assert.equal((await server.ask('GET', '/streams/users/7/a', undefined, bearer(hs.token({ ...rights, nbf: now() + 600 })))).status, 401);
  const first = await server.ask('POST', '/streams/users/7/a', 'one', bearer(hs.token(rights)));
  const { id } = JSON.parse(first.text);
  const exp = now() + 3;
  const token = ed.token({ ...rights, exp });
  const ask = path => new Socket(t, server.httpPort).send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  const say = command => new Socket(t, server.linesPort).send(`AUTH ${token}\n${command}\n`);
  const { url } = JSON.parse((await server.ask('POST', '/sign/users/7/a?seconds=600', '', bearer(token))).text);
  const readers = [ask('/streams/users/7/a?after=start'), new Socket(t, server.httpPort).send(`GET ${url}&after=start HTTP/1.1\r\nHost: localhost\r\n\r\n`),
    ask('/v1/stream/users/7/a?offset=-1&live=sse'), say('SUB users/7/a start')];
  const publisher = say('PUB users/7/a ack').send('two\n');
  for (const socket of readers) await socket.until(got => /event: control|one[^]*two/.test(got));
  await publisher.until(got => /^\d+\n$/.test(got));
  const polled = ask(`/v1/stream/users/7/a?offset=now&live=long-poll`);
  const last = await Promise.all(readers.map(socket => socket.closed()));
  assert.ok(Date.now() >= exp * 1000);
  assert.match(last[0], /\n: the token has expired\n\n$/);
  assert.match(last[1], /\n: the token has expired\n\n$/);
  assert.match(last[3], /\nERR this token is not good now: [^\n]*\n$/);
  await polled.until(got => /^HTTP\/1\.1 204 /.test(got));
  publisher.send('three\n');
  assert.match(await publisher.closed(), /^\d+\nERR this token is not good now: [^\n]*\n$/);
  assert.equal((await server.ask('GET', url)).status, 401);
  assert.equal((await server.ask('POST', '/streams/users/7/a', 'three', bearer(token))).status, 401);
  assert.equal((await server.ask('POST', '/streams/users/7/a', 'four', bearer(hs.token(rights)))).status, 201);
  const again = new Socket(t, server.httpPort).send(`GET /streams/users/7/a?after=${id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${es.token(rights)}\r\n\r\n`);
  await again.until(got => /data: two\n\nid: \d+\ndata: four/.test(got));
  await server.stop();
});

test('the clock of who signs may be off by the skew', { skip }, async t => {
  const { server } = await guarded(t, { args: ['--clock-skew', '10m'] });
  const post = claims => server.ask('POST', '/streams/users/7/a', 'x', bearer(rs.token({ ...rights, ...claims })));
  assert.equal((await post({ exp: now() - 300 })).status, 201);
  assert.equal((await post({ exp: now() - 601 })).status, 401);
  assert.equal((await post({ nbf: now() + 300 })).status, 201);
  assert.equal((await post({ nbf: now() + 900 })).status, 401);
  await server.stop();
  for (const wrong of ['2h', '1500ms', '-1s', 'x'])
    assert.equal((await hark(t, 'serve', '--clock-skew', wrong)).code, 2, wrong);
});

each('other keys: SIGHUP has them read with the rules, and who was let in by a key that is gone is ended', async (t, options) => {
  const { server, rules } = await guarded(t, options);
  const follow = key => new Socket(t, server.httpPort).send(`GET /streams/users/7/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key.token(rights)}\r\n\r\n`);
  const [gone, staying] = [follow(rs), follow(ed)];
  for (const socket of [gone, staying]) await socket.until(got => got.includes('event: position'));
  rules.keys([hs, ed]);
  await reload(server);
  assert.match(await gone.closed(), /may not be read any more/);
  const status = async key => (await server.ask('POST', '/streams/users/7/a', 'x', bearer(key.token(rights)))).status;
  assert.deepEqual([await status(hs), await status(rs), await status(es), await status(ed)], [201, 401, 401, 201]);
  await staying.until(got => got.includes('data: x'));
  // Keys that cannot be used change nothing.
  writeFileSync(join(rules.path, '..', 'keys.json'), '{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}');
  await reload(server, /the rules could not be read anew/g);
  assert.match(server.process.stderr, /keys\.json, key 1: a secret for HS256 has 32 bytes/);
  assert.equal(await status(hs), 201);
  await server.stop();
});

each('lines, hark pub and hark sub show them as well', async (t, options) => {
  const { server } = await guarded(t, options);
  const env = { ...process.env, HARK_TOKEN: rs.token({ ...rights, note: 'x'.repeat(1500) }) };
  const published = await run(t, bin, ['pub', 'users/7/l', '--server', server.lines], 'one\ntwo\n', { env });
  assert.equal(published.code, 0, published.stderr);
  const read = await run(t, bin, ['sub', 'users/7/l', '--server', server.lines, '--after', 'start', '--count', '2'], '', { env });
  assert.equal(read.stdout, 'one\ntwo\n');
  const refused = await run(t, bin, ['pub', 'users/7/l', '--server', server.lines], 'x\n', { env: { ...env, HARK_TOKEN: rs.token({ ...rights, exp: now() - 600 }) } });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /expired/);
  const long = new Socket(t, server.linesPort).send(`AUTH ${'x'.repeat(5000)}\n`);
  assert.match(await long.closed(), /^ERR the line is too long/);
  const other = new Socket(t, server.linesPort).send(`PUB ${'x'.repeat(400)}\n`);
  assert.match(await other.closed(), /^ERR the line is too long/);
  await server.stop();
});

test('keys that are wrong at the start are one line, and exit code 1', { skip }, async t => {
  const folder = directory(t);
  writeFileSync(join(folder, 'rules'), 'app jwt:missing.json aud=hark read *\n');
  const missing = await hark(t, 'serve', '--http', '127.0.0.1:0', '--lines', 'off', '--data', join(folder, 'd'), '--tokens', join(folder, 'rules'));
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /missing\.json: no such file/i);
});
