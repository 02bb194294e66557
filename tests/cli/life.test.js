// life.test.js - how the command begins and ends: usage, configuration, what the machine refuses, signals, the doctor.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Process, Server, Socket, backends, bin, directory, eachBackend, hark, run, serve } from './lib.js';

const wrong = [
  [[], 'Usage: hark COMMAND'],
  [['nonsense'], "hark: unknown command 'nonsense' (try: hark help)"],
  [['--nonsense'], "hark: unknown option '--nonsense' (try: hark help)"],
  [['help', 'nonsense'], "hark: no command 'nonsense' (try: hark help)"],
  [['serve', '--nonsense'], 'hark: serve: unknown option --nonsense (try: hark serve --help)'],
  [['serve', '-Z'], 'hark: serve: unknown option -Z (try: hark serve --help)'],
  [['serve', 'extra'], "hark: serve: 'extra' is one argument too many (try: hark serve --help)"],
  [['serve', '--http'], 'hark: serve: --http needs a value (try: hark serve --help)'],
  [['serve', '--quiet=yes'], 'hark: serve: --quiet takes no value (try: hark serve --help)'],
  [['serve', '--http', 'somewhere'], 'hark: serve: --http somewhere: is not an address'],
  [['serve', '--segment-bytes', '1K'], 'hark: serve: --segment-bytes 1K: is out of range: 4K to 4G (try: hark serve --help)'],
  [['serve', '--segment-bytes', '5G'], 'hark: serve: --segment-bytes 5G: is out of range: 4K to 4G (try: hark serve --help)'],
  [['serve', '--heartbeat', '40000d'], 'hark: serve: --heartbeat 40000d: is out of range: more than 0, up to 36500d'],
  [['serve', '--sync', '0'], 'hark: serve: --sync 0: is out of range: more than 0, up to 36500d'],
  [['serve', '--sync', '5'], 'hark: serve: --sync 5: is not always, never or a duration'],
  [['serve', '--backend', 'kqueue'], 'hark: serve: --backend kqueue: is not auto, uring, epoll, poll or select'],
  [['serve', '--tail', 'file'], 'hark: serve: --tail file: is not FILE=STREAM'],
  [['serve', '--tail', 'file=.x'], 'hark: serve: --tail file=.x: '],
  [['serve', '--retention-bytes', '10Q'], 'hark: serve: --retention-bytes 10Q: is not a size'],
  [['serve', '--config', '/nonexistent/hark.ini'], 'hark: cannot read the configuration /nonexistent/hark.ini: no such file or directory'],
  [['pub'], 'hark: pub: needs the STREAM to publish to (try: hark pub --help)'],
  [['pub', '.x'], "hark: pub: '.x' is not a stream's name"],
  [['pub', 'a', 'b'], "hark: pub: 'b' is one argument too many"],
  [['sub', 'x', '--after', '01'], 'hark: sub: --after 01: is neither an id nor start'],
  [['sub', 'x', '--count', '0'], 'hark: sub: --count 0: must be more than 0'],
  [['doctor', 'now'], "hark: doctor: 'now' is one argument too many"],
];

for (const [args, message] of wrong) {
  test(`wrong usage: hark ${args.join(' ')}`, async t => {
    const { code, stdout, stderr } = await hark(t, ...args);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.ok(stderr.startsWith(message), stderr);
    if (args.length) assert.equal(stderr.trimEnd().split('\n').length, 1, 'one line');
  });
}

test('help teaches, with examples', async t => {
  for (const command of ['serve', 'pub', 'sub', 'doctor', 'version', 'help']) {
    const option = await hark(t, command, '--help');
    assert.equal(option.code, 0);
    assert.equal(option.stderr, '');
    assert.match(option.stdout, new RegExp(`^Usage: hark ${command}`));
    assert.match(option.stdout, /Examples?:\n {2}.*hark /);
    const { stdout } = await hark(t, 'help', command);
    assert.equal(stdout, option.stdout);
  }
  for (const args of [['help'], ['--help'], ['-h']]) assert.match((await hark(t, ...args)).stdout, /^Usage: hark COMMAND/);
  for (const args of [['version'], ['--version']]) assert.match((await hark(t, ...args)).stdout, /^hark \d+\.\d+\.\d+\n$/);
});

test('the help of serve names every default that it has', async t => {
  const { stdout } = await hark(t, 'serve', '--help');
  for (const value of ['127.0.0.1:12345', '127.0.0.1:12346', './hark-data', '[always]', '[auto]', '[15s]']) assert.ok(stdout.includes(value), value);
});

test('output that cannot be written is told', async t => {
  const { code, stderr } = await run(t, 'sh', ['-c', `"${bin}" help >/dev/full`]);
  assert.equal(code, 1);
  assert.equal(stderr, 'hark: cannot write to standard output: no space left on device\n');
  assert.equal((await run(t, 'sh', ['-c', `"${bin}" --version >&-`])).code, 1);
  assert.equal((await run(t, 'sh', ['-c', `"${bin}" serve --help >/dev/full`])).code, 1);
});

test('a configuration file, and the command line before it', async t => {
  const here = directory(t);
  const config = join(here, 'hark.ini');
  writeFileSync(join(here, 'a.log'), 'from a file\n');
  writeFileSync(config, [
    '# a server of its own',
    '[serve]',
    'http = 127.0.0.1:0',
    'lines = 127.0.0.1:1 ; not this one',
    `data = ${join(here, 'from-file')}`,
    `tail = ${join(here, 'a.log')}=a`,
    'sync = never',
  ].join('\n'));
  const process = new Process(t, bin, ['serve', '--config', config, '--lines', '127.0.0.1:0', '--data', join(here, 'from-line')]);
  await process.until(/ready: /, 'stderr');
  assert.doesNotMatch(process.stderr, /127\.0\.0\.1:1$/m);
  const lines = process.stderr.match(/lines on (\S+)/)[1];
  const read = await hark(t, 'sub', 'a', '--server', lines, '--after', 'start', '--count', '1');
  assert.equal(read.stdout, 'from a file\n');
  assert.equal((await process.kill('SIGTERM')).code, 0);
  assert.ok(existsSync(join(here, 'from-line')));
  assert.ok(!existsSync(join(here, 'from-file')));
});

const wrongLines = {
  'nonsense = 1': 'nonsense: is no option',
  'no equals sign': 'is not NAME = VALUE',
  'data = d\n  retention-age = 7d': 'begins with a blank',
  ' quiet = yes': 'begins with a blank',
  'data = "d"': 'quotes are not taken off',
  'data = d # here': 'a comment behind a value begins with ;',
  '[serve] quiet = yes': 'not only a section',
  'quiet = yes\n[pub]': 'is a section for another command',
  'sync = soon': 'sync = soon: is not always',
  'quiet = maybe': 'quiet = maybe: is not yes or no',
  '[pub]\nhttp = :1': 'is a section for another command',
  [`data = ${'x'.repeat(300)}`]: 'the line is longer than',
};

test('a wrong line in the configuration is told with its place', async t => {
  const config = join(directory(t), 'hark.ini');
  for (const [line, message] of Object.entries(wrongLines)) {
    writeFileSync(config, `\n${line}\n`);
    const { code, stderr } = await hark(t, 'serve', '--config', config);
    assert.equal(code, 2, line);
    assert.match(stderr, new RegExp(`^hark: ${config}:[23]: `), line);
    assert.ok(stderr.includes(message), stderr);
    assert.equal(stderr.split('\n').length, 2, stderr);
  }
});

/** Asserts that serving fails with one line, and soon. */
test('a port alone is on this machine alone, and clients find it by name', async t => {
  const server = new Process(t, bin, ['serve', '--http', 'off', '--lines', ':0', '--data', join(directory(t), 'd')]);
  const [, port] = await server.until(/lines on 127\.0\.0\.1:(\d+)\n/, 'stderr');
  await server.until(/ready: /, 'stderr');
  assert.equal((await run(t, bin, ['pub', 'a', '--server', `localhost:${port}`], 'one\n')).stdout, '1 acknowledged\n');
  assert.equal((await hark(t, 'sub', 'a', '--server', port, '--after', 'start', '--count', '1')).stdout, 'one\n');
  assert.equal((await server.kill('SIGTERM')).code, 0);
});

async function refused(t, args, code, message) {
  const exit = await hark(t, 'serve', '--http', '127.0.0.1:0', '--lines', '127.0.0.1:0', ...args);
  const said = exit.stderr.trimEnd().split('\n').filter(line => !/ on 127\.0\.0\.1:\d+$| note: sandbox: /.test(line));
  assert.equal(exit.code, code, exit.stderr);
  assert.equal(said.length, 1, exit.stderr);
  assert.match(said[0], message);
}

eachBackend(test, 'a second instance, a used port, a directory that cannot be', async (t, backend) => {
  const server = await serve(t, { backend });
  const spare = directory(t);
  await refused(t, ['--backend', backend, '--data', server.data], 1, / hark: error: cannot open the data directory .*: it is in use \(.*another hark serve/);
  await refused(t, ['--backend', backend, '--data', spare, '--http', server.http], 1, / hark: error: cannot listen on 127\.0\.0\.1:\d+: .*in use \(try .*\)$/i);
  await refused(t, ['--backend', backend, '--data', spare, '--lines', server.lines], 1, / hark: error: cannot listen on 127\.0\.0\.1:\d+: .*in use \(try .*\)$/i);
  const file = join(spare, 'file');
  writeFileSync(file, '');
  await refused(t, ['--backend', backend, '--data', file], 1, / hark: error: cannot open the data directory .*file/);
  await refused(t, ['--backend', backend, '--data', join(spare, 'a/b/c')], 1, / hark: error: cannot open the data directory .*no such file/i);
  if (process.getuid() !== 0) {
    const closed = join(spare, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    await refused(t, ['--backend', backend, '--data', closed], 1, / hark: error: cannot open the data directory .*Permission denied/);
  } else {
    await refused(t, ['--backend', backend, '--data', '/proc/self/nothing'], 1, / hark: error: cannot open the data directory /);
  }
  // The first one was not disturbed.
  await server.publish('a', 'x');
  await server.stop();
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  eachBackend(test, `${signal} ends it in order`, async (t, backend) => {
    const server = await serve(t, { backend });
    const id = await server.publish('a', 'kept');
    const events = new Socket(t, server.httpPort).send('GET /streams/a HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n');
    const lines = new Socket(t, server.linesPort).send('SUB a start\n');
    const idle = new Socket(t, server.httpPort).send('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await events.until(text => text.includes('\r\n\r\n'));
    await lines.until(text => text.includes('kept'));
    await idle.until(text => text.includes('ok'));
    const exit = await server.kill(signal);
    assert.equal(exit.code, 0, exit.stderr);
    await Promise.all([events.closed(), lines.closed(), idle.closed()]);
    assert.match(events.text, /: the server is ending\n\n$/);
    // Nobody listens any more, and what was kept is there.
    assert.equal((await run(t, 'curl', ['-s', server.url])).code, 7);
    await server.start();
    assert.deepEqual(await server.read('a', 1), [{ id, text: 'kept' }]);
    await server.stop();
  });
}

test('events on their way at SIGTERM are answered before the end', async t => {
  const server = await serve(t);
  const publisher = new Process(t, bin, ['pub', 'a', '--server', server.lines, '--id']);
  publisher.write(Array.from({ length: 20000 }, (_, i) => `${i}\n`).join(''));
  await publisher.until(/\n/);
  assert.equal((await server.kill('SIGTERM')).code, 0);
  const { stdout } = await publisher.done();
  const acknowledged = stdout.split('\n').filter(line => /^\d+$/.test(line)).map(Number);
  await server.start();
  const events = await server.read('a', await server.count('a'));
  assert.deepEqual(events.slice(0, acknowledged.length).map(event => event.id), acknowledged);
  events.forEach((event, i) => assert.equal(event.text, String(i)));
  await server.stop();
});

test('quiet says nothing', async t => {
  const server = new Server(t, { args: ['--quiet'] });
  const process = new Process(t, bin, ['serve', '--http', `unix:${server.data}/http`, '--lines', 'off', '--data', join(server.data, 'd'), '--quiet']);
  const curl = ['-sS', '--retry', '50', '--retry-all-errors', '--retry-delay', '1', '--unix-socket', `${server.data}/http`];
  assert.equal((await run(t, 'curl', [...curl, '-d', 'x', 'http://h/streams/a'])).code, 0);
  const exit = await process.kill('SIGTERM');
  assert.deepEqual([exit.code, exit.stdout, exit.stderr], [0, '', '']);
});

test('the doctor tells what there is, and what was refused', async t => {
  const { code, stdout } = await hark(t, 'doctor');
  assert.equal(code, 0);
  for (const part of [/^hark \S+ on Linux \S+, /, /^The loop$/m, /^Backends$/m, /^Limits$/m, /open files \(nofile\)/, /inotify/]) assert.match(stdout, part);
  for (const backend of backends) assert.match(stdout, new RegExp(`^ {2}ok +${backend} +usable`, 'm'));
  const chosen = await run(t, bin, ['doctor'], '', { env: { ...process.env, HARK_BACKEND: 'poll' } });
  assert.match(chosen.stdout, /^ {2}ok +backend +poll/m);
  const unknown = await run(t, bin, ['doctor'], '', { env: { ...process.env, HARK_BACKEND: 'kqueue' } });
  assert.equal(unknown.code, 1);
  assert.match(unknown.stdout, /^ {2}FAIL +loop +no loop can be made/m);
});

test('its lines may be JSON, and of a level', async t => {
  const here = directory(t);
  const args = ['serve', '--http', '127.0.0.1:0', '--lines', 'off', '--data', join(here, 'a "b"\\c'), '--log-format', 'json'];
  const server = new Process(t, bin, args);
  await server.until(/ready: /, 'stderr');
  assert.equal((await server.kill('SIGTERM')).code, 0);
  const lines = server.stderr.trimEnd().split('\n').map(line => JSON.parse(line));
  for (const line of lines) {
    assert.deepEqual(Object.keys(line), ['time', 'level', 'message']);
    assert.ok(!Number.isNaN(Date.parse(line.time)));
    assert.equal(line.level, 'note');
  }
  assert.ok(lines.some(line => line.message.startsWith(`ready: events in ${join(here, 'a "b"\\c')},`)));
  const few = await run(t, bin, ['serve', '--http', '127.0.0.1:0', '--lines', 'off', '--data', '/dev/null/x', '--log-level', 'warning']);
  assert.match(few.stderr, /^\S+ hark: error: cannot open the data directory .*\n$/);
  for (const [name, value] of [['--log-format', 'xml'], ['--log-level', 'debug']]) assert.equal((await hark(t, 'serve', name, value)).code, 2);
});

test('the server tells which backend it runs on', async t => {
  for (const backend of backends) {
    const server = await serve(t, { backend });
    assert.equal((await server.stats()).backend, backend);
    assert.ok(server.process.stderr.includes(`backend ${backend}`));
    await server.stop();
  }
});

const filter = join(dirname(fileURLToPath(import.meta.url)), 'without_uring.py');

for (const [answer, words] of [['EPERM', /EPERM/], ['ENOSYS', /ENOSYS/]]) {
  test(`where io_uring is refused with ${answer} it works on epoll, and says why`, async t => {
    const doctor = await run(t, 'python3', [filter, answer, bin, 'doctor']);
    assert.equal(doctor.code, 0);
    assert.match(doctor.stdout, /^ {2}ok +backend +epoll\n +-> .*io_uring_setup/m);
    assert.match(doctor.stdout, new RegExp(`^ {2}note +uring +refused: ${answer}: .*\n +-> `, 'm'));
    const here = directory(t);
    const server = new Process(t, 'python3', [filter, answer, bin, 'serve', '--http', `unix:${here}/http`, '--lines', 'off', '--data', join(here, 'd')]);
    await server.until(/ready: .*backend epoll/, 'stderr');
    const stats = JSON.parse((await run(t, 'curl', ['-sS', '--unix-socket', `${here}/http`, 'http://h/stats'])).stdout);
    assert.equal(stats.backend, 'epoll');
    assert.match(stats.refusals.uring, words);
    const named = await run(t, 'python3', [filter, answer, bin, 'serve', '--backend', 'uring', '--http', `unix:${here}/2`, '--lines', 'off', '--data', join(here, '2')]);
    assert.equal(named.code, 1);
    assert.match(named.stderr, / hark: error: cannot make the event loop: .*\n$/);
    assert.equal((await server.kill('SIGTERM')).code, 0);
  });
}

test('where io_uring kills, HARK_BACKEND=epoll does not touch it', async t => {
  const here = directory(t);
  const args = [filter, 'kill', bin, 'serve', '--http', `unix:${here}/http`, '--lines', 'off', '--data', join(here, 'd')];
  const killed = await run(t, 'python3', args);
  assert.equal(killed.signal, 'SIGSYS');
  const server = new Process(t, 'python3', args, { env: { ...process.env, HARK_BACKEND: 'epoll' } });
  await server.until(/ready: .*backend epoll/, 'stderr');
  assert.equal((await server.kill('SIGTERM')).code, 0);
});
