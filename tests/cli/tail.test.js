// tail.test.js - `hark serve --tail` while files are rotated, cut and removed, and the server is ended in every way.

import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, truncateSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { directory, eachBackend, random, request, run, serve, within } from './lib.js';

/** Waits until a stream has so many events. */
async function counted(server, stream, count) {
  await within((async () => { while ((await server.count(stream)) < count); })(), `${count} events of ${stream}`);
  return (await server.read(stream, count)).map(event => event.text);
}

eachBackend(test, 'lines, rotation, removal and a restart', async (t, backend) => {
  const here = directory(t);
  const file = join(here, 'not/yet/there/app.log');
  const server = await serve(t, { backend, args: ['--tail', `${file}=app`] });
  mkdirSync(join(here, 'not/yet/there'), { recursive: true });
  appendFileSync(file, 'one\ntwo\nthr');
  await counted(server, 'app', 2);
  appendFileSync(file, 'ee\n');
  await counted(server, 'app', 3);

  renameSync(file, `${file}.1`);
  appendFileSync(`${file}.1`, 'four\n');
  appendFileSync(file, 'five\n');
  await counted(server, 'app', 5);

  await server.stop();
  appendFileSync(file, 'six\n');
  renameSync(file, `${file}.2`);
  appendFileSync(file, 'seven\n');
  await server.start();
  await counted(server, 'app', 7);

  copyFileSync(file, `${file}.3`);
  truncateSync(file);
  appendFileSync(file, '8\n');
  await counted(server, 'app', 8);
  unlinkSync(file);
  appendFileSync(file, 'nine\n');
  assert.deepEqual(await counted(server, 'app', 9), ['one', 'two', 'three', 'four', 'five', 'six', 'seven', '8', 'nine']);
  const { tails, streams } = await server.stats();
  assert.deepEqual([tails.length, tails[0].stream, streams.length], [1, 'app', 1]);
  await server.stop();
});

// Killed at random while the file grows and is rotated: each line is there once, in order.
for (const threads of [1, 3]) eachBackend(test, `kill -9 while the file grows loses and repeats no line, threads: ${threads}`, async (t, backend) => {
  const seed = Number(process.env.HARK_TEST_SEED ?? Date.now() % 1e9);
  t.diagnostic(`HARK_TEST_SEED=${seed}`);
  const next = random(seed);
  const file = join(directory(t), 'app.log');
  const server = await serve(t, { backend, threads, args: ['--tail', `${file}=app`] });
  const LINES = 20000, KILLS = 12;
  let written = 0;
  for (let kill = 0; kill <= KILLS; kill++) {
    const until = Math.floor(LINES * (kill + 1) / (KILLS + 1));
    while (written < until) {
      const count = Math.min(until - written, 1 + Math.floor(next() * 400));
      let text = '';
      for (let i = 0; i < count; i++) text += `${written + i}\n`;
      // Now and then a line is written in two pieces.
      const cut = next() < 0.3 ? Math.floor(next() * text.length) : text.length;
      appendFileSync(file, text.slice(0, cut));
      if (cut < text.length) appendFileSync(file, text.slice(cut));
      written += count;
    }
    if (kill === KILLS) break;
    // Some of it is published when the moment comes, or none, or all.
    const wanted = Math.floor(next() * until);
    await within((async () => { while ((await server.count('app')) < wanted); })(), `${wanted} lines`);
    await server.kill();
    // Rotated while nobody looks.
    if (next() < 0.4 && existsSync(file)) renameSync(file, `${file}.${kill}`);
    await server.start();
  }
  const lines = await counted(server, 'app', LINES);
  assert.equal(await server.count('app'), LINES);
  lines.forEach((line, i) => assert.equal(line, String(i)));
  await server.stop();
});

// Needs a file system of a few MiB: a tmpfs, which only root may mount.
eachBackend(test, 'a full disk refuses events, and goes on once there is space', async (t, backend) => {
  const small = mkdtempSync(join(tmpdir(), 'hark-cli-'));
  t.after(async () => {
    await run(null, 'umount', ['--lazy', small]);
    rmSync(small, { recursive: true, force: true });
  });
  const mounted = process.getuid() === 0 && (await run(t, 'mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', small])).code === 0;
  if (!mounted) return t.skip('no file system can be mounted here');
  const file = join(directory(t), 'app.log');
  const LINES = 30000;
  appendFileSync(file, Array.from({ length: LINES }, (_, i) => `${i} ${'x'.repeat(100)}\n`).join(''));
  const server = await serve(t, { backend, data: join(small, 'data'), args: ['--tail', `${file}=app`] });
  await server.process.until(/cannot be published for now: no space left on device: trying again/, 'stderr');
  const refused = await request('POST', `${server.url}/streams/other`, 'x'.repeat(1024 * 1024));
  assert.ok(refused.status >= 500, String(refused.status));
  const before = await server.count('app');
  assert.ok(before > 0 && before < LINES);
  assert.equal((await run(t, 'mount', ['-o', 'remount,size=64m', small])).code, 0);
  const lines = await counted(server, 'app', LINES);
  lines.forEach((line, i) => assert.equal(line.split(' ')[0], String(i)));
  assert.equal(await server.count('other'), 0);
  await server.publish('other', 'again');
  // Killed, it goes on after the last line.
  await server.kill();
  appendFileSync(file, 'last\n');
  await server.start();
  assert.equal((await counted(server, 'app', LINES + 1)).at(-1), 'last');
  assert.equal(await server.count('app'), LINES + 1);
  await server.stop();
});
