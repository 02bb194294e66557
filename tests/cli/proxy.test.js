// proxy.test.js - the server behind nginx, with the very lines that docs/SERVE.md gives.
//
// nginx is a process of its own with all its files in a directory of the test. Without nginx these tests are skipped.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { open, skip as skipPage } from './browser.js';
import { Process, directory, once, serve, within } from './lib.js';

const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
const skip = spawnSync('nginx', ['-v'], { env: environment }).error ? 'no nginx here (apt-get install nginx)' : false;
const HOST = 'events.example.org';
const example = readFileSync(new URL('../../docs/SERVE.md', import.meta.url), 'utf8').match(/```nginx\n(server {[^]*?)```/)[1];

/** A port that is free now. */
async function freePort() {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}

/** nginx with a server block that listens on :80 and passes on to :12345, but on other ports. Gives: its port. */
async function proxy(t, server, block) {
  const path = directory(t);
  const config = join(path, 'nginx.conf');
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${join(path, name)};`);
  for (;;) {
    const port = await freePort();
    writeFileSync(config, `daemon off; master_process off; error_log stderr notice; pid ${join(path, 'pid')}; events {}
      http { access_log off; ${places.join(' ')} ${block.replace('listen 80;', `listen 127.0.0.1:${port};`).replace('127.0.0.1:12345', server.http)} }`);
    const nginx = new Process(t, 'nginx', ['-e', 'stderr', '-p', path, '-c', config], { env: environment });
    // It says so once it listens. Somebody else may have taken the port meanwhile: then another one.
    const begun = await nginx.until(/using the "\w+" event method/, 'stderr').catch(error => error);
    if (!(begun instanceof Error)) return port;
    if (!nginx.stderr.includes('Address already in use')) throw begun;
  }
}

/** A request for the example's host. Gives: the response, its text to be gathered. */
function begin(port, method, path, { body, headers = {} } = {}) {
  return within(new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const sent = http.request({ host: '127.0.0.1', port, method, path, agent: false, headers: { Host: HOST, ...length, ...headers } });
    sent.on('error', reject);
    sent.on('response', response => {
      response.text = '';
      response.setEncoding('utf8').on('data', part => { response.text += part; response.emit('more'); });
      resolve(response);
    });
    sent.end(body);
  }), `${method} ${path}`);
}

async function ask(port, method, path, options) {
  const response = await begin(port, method, path, options);
  if (!response.readableEnded) await within(once(response, 'end'), `the end of ${path}`);
  return { status: response.statusCode, text: response.text, headers: response.headers };
}

async function until(response, pattern) {
  while (!pattern.test(response.text)) await within(once(response, 'more'), `${pattern} (so far: ${response.text})`);
}

test('behind nginx, as SERVE.md sets it up, events pass at once and requests under a prefix', { skip }, async t => {
  const server = await serve(t, { args: ['--host', HOST] });
  const port = await proxy(t, server, example);
  const events = await begin(port, 'GET', '/hark/streams/news');
  assert.equal(events.headers['content-type'], 'text/event-stream');
  await until(events, /event: position/);
  for (const text of ['one', 'two']) {
    assert.equal((await ask(port, 'POST', '/hark/streams/news', { body: text })).status, 201);
    await until(events, new RegExp(`data: ${text}\n`)); // the stream goes on: nothing is held back until it ends
  }
  events.destroy();
  const page = await ask(port, 'GET', '/hark/');
  assert.equal(page.status, 200);
  assert.match(page.text, /<title>hark/);
  const bare = await ask(port, 'GET', '/hark');
  assert.equal(bare.status, 301);
  assert.match(bare.headers.location, /\/hark\/$/);
  assert.equal((await ask(port, 'POST', '/hark/streams/large', { body: Buffer.alloc(1 << 20, 'x') })).status, 201);
  assert.deepEqual((await server.read('news', 2)).map(event => event.text), ['one', 'two']);
  await server.stop();
});

test('behind nginx pages of its own origin publish, others do not', { skip }, async t => {
  const server = await serve(t, { args: ['--host', HOST] });
  const port = await proxy(t, server, example);
  const from = origin => ask(port, 'POST', '/hark/streams/news', { body: 'x', headers: { Origin: origin } });
  assert.equal((await from(`http://${HOST}`)).status, 201);
  assert.equal((await from(`https://${HOST}`)).status, 201);
  assert.equal((await from('http://elsewhere.example')).status, 403);
  await server.stop();
});

test('a proxy that passes on another Host may read but not publish for a page, and one of no name is refused', { skip }, async t => {
  const server = await serve(t);
  const plain = await proxy(t, server, 'server { listen 80; location /hark/ { proxy_pass http://127.0.0.1:12345/; } }');
  const events = await begin(plain, 'GET', '/hark/streams/a');
  await until(events, /event: position/);
  events.destroy();
  assert.equal((await ask(plain, 'POST', '/hark/streams/a', { body: 'x', headers: { Origin: `http://${HOST}` } })).status, 403);
  const port = await proxy(t, server, example);
  assert.equal((await ask(port, 'GET', '/hark/streams')).status, 421);
  await server.stop();
});

test('the page works under the prefix of a proxy', { skip: skip || skipPage }, async t => {
  const server = await serve(t, { args: ['--host', HOST] });
  const port = await proxy(t, server, example);
  const page = await open(t, `http://${HOST}:${port}/hark/`);
  await page.getByText(`http://${HOST}:${port}/hark/streams/hello`).waitFor();
  await page.fill('#to', 'mine');
  await page.fill('#what', 'through nginx');
  await page.click('#publish button');
  await page.getByText(/kept, with the id \d+/).waitFor();
  await page.locator('#events li p', { hasText: 'through nginx' }).waitFor();
  await server.publish('mine', 'and back');
  await page.locator('#events li p', { hasText: 'and back' }).waitFor();
  await server.stop();
});
