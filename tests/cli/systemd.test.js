// systemd.test.js - what the unit grants, by systemd's own judgement, and ports that the manager has opened.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Process, bin, directory, eachBackend, hark, request, run } from './lib.js';

const activated = join(dirname(fileURLToPath(import.meta.url)), 'activated.py');
const unit = join(process.env.HARK_BUILD ?? '', 'cmd', 'hark', 'systemd', 'hark.service');
const EXPOSURE_MAX = 2.0;

test('the unit grants little', async t => {
  const { status } = spawnSync('systemd-analyze', ['security', '--help']);
  if (status !== 0 || !existsSync(unit)) return t.skip('there is no systemd-analyze, or no unit');
  const { stdout, stderr } = await run(t, 'systemd-analyze', ['security', '--offline=true', '--no-pager', unit]);
  const level = stdout.match(/Overall exposure level for \S+: ([\d.]+)/);
  if (!level && /unrecognized option/.test(stderr)) return t.skip('systemd-analyze looks at no file here');
  assert.ok(Number(level[1]) <= EXPOSURE_MAX, stdout);
});

eachBackend(test, 'ports that the manager has opened are listened on, by their names', async (t, backend) => {
  const server = new Process(t, 'python3', [activated, 'http,lines-1,web', bin, 'serve', '--backend', backend, '--http', '127.0.0.1:1',
    '--lines', '127.0.0.1:1', '--data', join(directory(t), 'd')]);
  await server.until(/ready: /, 'stderr');
  const [first, second] = [...server.stderr.matchAll(/note: http on (\S+)/g)].map(match => match[1]);
  const lines = server.stderr.match(/note: lines on (\S+)/)[1];
  for (const [at, text] of [[first, 'one'], [second, 'two']])
    assert.equal((await request('POST', `http://${at}/streams/s`, text)).status, 201);
  assert.equal((await hark(t, 'sub', 's', '--server', lines, '--after', 'start', '--count', '2')).stdout, 'one\ntwo\n');
  assert.equal((await server.kill('SIGTERM')).code, 0);
});

test('a port that the manager has not opened is the option\'s', async t => {
  const server = new Process(t, 'python3', [activated, 'lines', bin, 'serve', '--http', '127.0.0.1:0', '--data', join(directory(t), 'd')]);
  await server.until(/ready: /, 'stderr');
  const [, http] = server.stderr.match(/note: http on (\S+)/);
  assert.equal((await request('GET', `http://${http}/livez`)).status, 200);
  assert.equal((await request('GET', `http://${http}/readyz`)).status, 200);
  assert.equal((await server.kill('SIGTERM')).code, 0);
});

test('what is no socket is refused, and what is meant for another process passed over', async t => {
  const wrong = await run(t, 'python3', [activated, 'file', bin, 'serve', '--data', join(directory(t), 'd')]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /descriptor 3 is no socket that listens, as LISTEN_FDS says/);
  const server = new Process(t, bin, ['serve', '--http', '127.0.0.1:0', '--lines', 'off', '--data', join(directory(t), 'd')],
    { env: { ...process.env, LISTEN_FDS: '1', LISTEN_PID: '1' } });
  await server.until(/ready: /, 'stderr');
  assert.equal((await server.kill('SIGTERM')).code, 0);
});
