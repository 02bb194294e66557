// sandbox.test.js - what a running server has given up, seen from outside and tried with files that lead elsewhere.

import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Authority } from './authority.js';
import { Process, bin, directory, eachBackend, hark, run, sanitized, serve, within, withoutTls } from './lib.js';

const filter = join(dirname(fileURLToPath(import.meta.url)), 'without_uring.py');
const data = t => join(directory(t), 'd');
const off = ['--http', '127.0.0.1:0', '--lines', '127.0.0.1:0'];

/** What this machine and this build have of it: the note of a server, with --sandbox on. A sanitizer's own look at the end is among
 * what a sandbox refuses. */
async function has(t) {
  if (sanitized) return { files: false, calls: false };
  const server = await serve(t, { args: ['--sandbox', 'on'] });
  await server.stop();
  const note = server.process.stderr.match(/sandbox: .*/)?.[0] ?? '';
  return { files: /Landlock/.test(note), calls: /seccomp/.test(note) };
}

/** The lines NAME: VALUE of each thread. */
const ofThreads = (pid, name) => readdirSync(`/proc/${pid}/task`)
  .map(thread => readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8').match(new RegExp(`^${name}:\\s+(.*)$`, 'm'))[1]);

eachBackend(test, 'each thread of a server has given up its privileges and most system calls', { skip: sanitized }, async (t, backend) => {
  const { calls } = await has(t);
  for (const threads of [1, 3]) {
    const server = await serve(t, { backend, threads });
    await server.publish('s', 'one'); // files: the pool has threads as well
    const pid = server.process.child.pid;
    assert.deepEqual([...new Set(ofThreads(pid, 'NoNewPrivs'))], ['1']);
    if (calls) assert.deepEqual([...new Set(ofThreads(pid, 'Seccomp'))], ['2']);
    assert.equal((await server.read('s', 1))[0].text, 'one');
    await server.stop();
  }
});

test('without a sandbox nothing is given up', async t => {
  const server = await serve(t, { args: ['--sandbox', 'off'] });
  for (const name of ['NoNewPrivs', 'Seccomp'])
    assert.deepEqual([...new Set(ofThreads(server.process.child.pid, name))], [ofThreads('self', name)[0]]); // as it was started
  assert.ok(!server.process.stderr.includes('sandbox'));
  await server.stop();
});

/** A followed link, one file that it leads to at first, and one in a directory of its own to which it is turned then. */
function turned(t) {
  const [here, elsewhere] = [directory(t), directory(t)];
  mkdirSync(join(here, 'logs', 'app'), { recursive: true });
  const link = join(here, 'logs', 'app', 'x.log');
  writeFileSync(join(here, 'logs', 'app', 'real'), 'one\n');
  writeFileSync(join(elsewhere, 'secret'), 'two\n');
  symlinkSync('real', link);
  return {
    link,
    elsewhere,
    turn() {
      symlinkSync(join(elsewhere, 'secret'), `${link}.new`);
      renameSync(`${link}.new`, link);
    },
  };
}

eachBackend(test, 'a followed link that is turned to a file elsewhere is refused, and told', async (t, backend) => {
  if (sanitized || !(await has(t)).files) return t.skip('this kernel has no Landlock');
  const file = turned(t);
  const server = await serve(t, { backend, args: ['--tail', `${file.link}=x`] });
  assert.equal((await server.read('x', 1))[0].text, 'one');
  file.turn();
  await server.process.until(/x\.log: cannot follow it: permission denied/, 'stderr');
  assert.equal(await server.count('x'), 1);
  await server.stop();
});

for (const [how, args] of [['without a sandbox', () => ['--sandbox', 'off']], ['where the sandbox may read it', file => ['--sandbox-read', file.elsewhere]]]) {
  test(`a followed link that is turned is followed on ${how}`, async t => {
    const file = turned(t);
    const server = await serve(t, { args: ['--tail', `${file.link}=x`, ...args(file)] });
    assert.equal((await server.read('x', 1))[0].text, 'one');
    file.turn();
    assert.deepEqual((await server.read('x', 2)).map(event => event.text), ['one', 'two']);
    await server.stop();
  });
}

test('the directory of a followed file may be made anew', async t => {
  const here = directory(t);
  const logs = join(here, 'logs', 'app');
  mkdirSync(logs, { recursive: true });
  writeFileSync(join(logs, 'x.log'), 'one\n');
  const server = await serve(t, { args: ['--tail', `${join(logs, 'x.log')}=x`] });
  assert.equal((await server.read('x', 1))[0].text, 'one');
  rmSync(logs, { recursive: true });
  mkdirSync(logs);
  appendFileSync(join(logs, 'x.log'), 'two\n');
  assert.deepEqual((await server.read('x', 2)).map(event => event.text), ['one', 'two']);
  await server.stop();
});

// As certbot lays them out: names that are links into another directory, where each renewal puts new files.
test('certificates whose links are turned to new files are read anew', { skip: withoutTls }, async t => {
  const here = directory(t);
  for (const name of ['live', 'archive']) mkdirSync(join(here, name));
  const authority = new Authority('CA of links');
  const put = number => {
    const made = authority.certificate(t, `of-${number}`);
    for (const kind of ['cert', 'key']) {
      writeFileSync(join(here, 'archive', `${kind}${number}`), readFileSync(made[kind]));
      symlinkSync(`../archive/${kind}${number}`, join(here, 'live', 'new'));
      renameSync(join(here, 'live', 'new'), join(here, 'live', kind));
    }
    return made;
  };
  const tls = { ...put(1), cert: join(here, 'live', 'cert'), key: join(here, 'live', 'key') };
  const server = await serve(t, { tls });
  put(2);
  server.process.child.kill('SIGHUP');
  await server.process.until(/the certificates of TLS were read anew/, 'stderr');
  const shown = await run(t, 'openssl', ['s_client', '-connect', server.http, '-servername', 'localhost', '-showcerts']);
  assert.match(shown.stdout, /of-2/);
  await server.stop();
});

const numbers = { x64: 317, arm64: 277 }; // seccomp(2)
const lacking = [['list of files', 'ENOSYS:444', 'this kernel has none'], ['filter of system calls', `ENOSYS:${numbers[process.arch]}`, '']];

for (const [part, refusal, words] of lacking) {
  test(`where the kernel lacks the ${part} it is told, and a server that requires it does not start`, async t => {
    const { files, calls } = await has(t);
    if (sanitized || !files || !calls || refusal.endsWith('undefined')) return t.skip('there is no such sandbox here');
    const server = new Process(t, 'python3', [filter, refusal, bin, 'serve', ...off, '--data', data(t)]);
    await server.until(/ready: /, 'stderr');
    assert.match(server.stderr, new RegExp(`warning: the sandbox is without its ${part} .*: ${words}`));
    assert.equal((await server.kill('SIGTERM')).code, 0);
    const required = await run(t, 'python3', [filter, refusal, bin, 'serve', ...off, '--data', data(t), '--sandbox', 'required']);
    assert.equal(required.code, 1);
    assert.match(required.stderr, new RegExp(`error: the sandbox lacks its ${part}`));
  });
}

test('a server that requires all of it starts where all is there', async t => {
  const { files, calls } = await has(t);
  if (sanitized || !files || !calls) return t.skip('there is no such sandbox here');
  const server = await serve(t, { args: ['--sandbox', 'required'] });
  await server.stop();
});

test('what may be read besides has to be there, and words are checked', async t => {
  const wrong = await hark(t, 'serve', ...off, '--data', data(t), '--sandbox', 'maybe');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--sandbox maybe: is not on, off or required/);
  if (sanitized || !(await has(t)).files) return;
  const missing = await hark(t, 'serve', ...off, '--data', data(t), '--sandbox-read', '/nonexistent');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /--sandbox-read \/nonexistent: no such file/);
});

// What a command beside the server does to its directory is no matter of the server's sandbox, and the other way round.
test('a backup and a trace work beside it', async t => {
  const server = await serve(t);
  await server.publish('s', 'one');
  const copy = join(directory(t), 'copy');
  const backup = await hark(t, 'log', 'backup', server.data, copy);
  assert.equal(backup.code, 0, backup.stderr);
  const trace = new Process(t, bin, ['trace', '--pid', String(server.process.child.pid), '--for', '1s']);
  await within(trace.ended, 'the trace');
  assert.equal(trace.exit.code, 0, trace.exit.stderr);
  await server.stop();
});
