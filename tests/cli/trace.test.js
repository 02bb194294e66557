// trace.test.js - `hark trace` from outside: real programs, what is known of them, and the picture read by parsers that are not ours.

import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Process, bin, directory, eachBackend, hark, run } from './lib.js';

const examples = join(process.env.HARK_BUILD, 'examples');
const example = name => join(examples, name);
const skip = existsSync(example('01_timer')) ? false : 'the examples are not built';

/** hark trace with a program, to its end. */
function trace(t, backend, options, command, { env = {}, input = '' } = {}) {
  return run(t, bin, ['trace', ...options, '--', ...command], input, { env: { ...process.env, HARK_BACKEND: backend, ...env } });
}

const UNITS = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };
const nanoseconds = text => (text === '-' ? null : Number(text.match(/^[\d.]+/)[0]) * UNITS[text.match(/[a-z]+$/)[0]]);

/** The table: { recv: { calls, failed, p50: { '2>3': ns, ... }, p99, max } }. */
function table(stdout) {
  const lines = stdout.split('\n');
  const head = lines.findIndex(line => /^op +calls /.test(line));
  assert.ok(head >= 0, stdout);
  const stages = lines[head].trim().split(/ +/).slice(2);
  const rows = {};
  for (let at = head + 1; / (p50|p99|max) /.test(lines[at]); at += 3) {
    const [kind, calls] = lines[at].split(/ +/);
    const row = rows[kind] = { calls: Number(calls.replaceAll(',', '')), failed: Number(lines[at + 1].match(/(\d+) failed/)?.[1] ?? 0), cancelled: Number(lines[at + 2].match(/(\d+) cancelled/)?.[1] ?? 0) };
    for (const line of lines.slice(at, at + 3)) {
      assert.ok(line.length <= 100, line);
      const [, which, values] = line.match(/ (p50|p99|max) +(.*)$/);
      row[which] = Object.fromEntries(values.trim().split(/ +/).map((value, i) => [stages[i], nanoseconds(value)]));
    }
  }
  return rows;
}

// --- what is known of programs ---

eachBackend(test, 'sleeps of a known length are away for so long', { skip }, async (t, backend) => {
  const { code, stdout, stderr } = await trace(t, backend, ['--slowest', '100'], [example('01_timer')]);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  assert.match(stdout, /ticking ended: ECANCELED/);
  assert.match(stdout, new RegExp(`^01_timer \\d+, loop 1 on ${backend}: `, 'm'));
  const { sleep, every } = table(stdout);
  assert.equal(sleep.calls, 2);
  assert.equal(sleep.failed, 1);
  assert.ok(sleep.p50['3>6'] >= 50e6); // of 100 ms, begun at the turn's time, which stands while a callback prints
  assert.equal(every.failed, 0);
  assert.equal(every.cancelled, 1);
  assert.ok(every.calls >= 6);
  assert.equal(every.max['4>5'], null);
  assert.match(stdout, /asked for by the callback of every, which that of sleep/);
});

eachBackend(test, 'of several kinds each has its row, and no other has one', { skip }, async (t, backend) => {
  const kinds = async (...args) => Object.keys(table((await trace(t, backend, args, [example('01_timer')])).stdout)).sort();
  assert.deepEqual(await kinds('--op', 'sleep,every'), ['every', 'sleep']);
  assert.deepEqual(await kinds('--op', 'every', '--op', 'sleep', '--op', 'every'), ['every', 'sleep']);
  assert.deepEqual(await kinds('--op', 'every,recv'), ['every']);
});

eachBackend(test, 'work waits for a thread of a pool that is full', { skip }, async (t, backend) => {
  const { stdout } = await trace(t, backend, ['--op', 'work', '--slowest', '100'], [example('06_work'), '200000']);
  const { work, ...others } = table(stdout);
  assert.deepEqual(others, {});
  assert.equal(work.calls, 16);
  assert.ok(work.max['3>4'] > 0);
  assert.ok(work.max['4>5'] > 0);
  assert.ok(work.max['2>7'] >= work.max['4>5']);
  assert.equal(stdout.match(/4 perform {2}thread \d+/g).length, 16);
  assert.ok(new Set(stdout.match(/4 perform {2}thread \d+/g)).size <= 4);
});

eachBackend(test, 'a copy has as many reads as its bytes need', { skip }, async (t, backend) => {
  const folder = directory(t);
  writeFileSync(join(folder, 'from'), Buffer.alloc(5 << 20, 'x'));
  const { code, stdout } = await trace(t, backend, [], [example('05_copy'), join(folder, 'from'), join(folder, 'to')]);
  assert.equal(code, 0);
  const rows = table(stdout);
  assert.equal(rows.write.calls, 5);
  assert.ok(rows.read.calls >= 5);
  assert.equal(rows.openat.calls, 2);
  assert.equal(rows.close.calls, 2);
  assert.ok(rows.read.max['2>7'] >= rows.read.p50['2>7']);
  if (backend !== 'uring') assert.ok(rows.fsync.p50['4>5'] > 0);
});

test('the programs that a program starts are traced too', { skip }, async t => {
  const both = `${example('01_timer')} & ${example('01_timer')}; wait`;
  const { code, stdout } = await trace(t, 'auto', [], ['sh', '-c', both]);
  assert.equal(code, 0);
  assert.equal(new Set(stdout.match(/^01_timer \d+, loop 1 on/gm)).size, 2);
  assert.equal(table(stdout).sleep.calls, 4);
});

// --- how it ends ---

test('the exit code is that of the program', async t => {
  const folder = directory(t);
  writeFileSync(join(folder, 'text'), 'no program', { mode: 0o644 });
  const cases = [
    [['sh', '-c', 'exit 3'], 3, /made no loop that records/],
    [['sh', '-c', 'kill -KILL $$'], 137, /made no loop that records/],
    [['true'], 0, /made no loop that records: it is no program of hark/],
    [['/nonexistent/program'], 127, /^hark: trace: cannot start \/nonexistent\/program: no such file or directory\n$/],
    [[join(folder, 'text')], 126, /^hark: trace: cannot start .*: permission denied\n$/],
  ];
  for (const [command, expected, said] of cases) {
    const { code, stderr, stdout } = await trace(t, 'auto', [], command);
    assert.equal(code, expected, command.join(' '));
    assert.match(stderr, said);
    assert.equal(stdout, '');
  }
});

test('what it is told on the command line must make sense', async t => {
  const cases = [
    [[], /needs -- and a COMMAND/], [['--'], /needs -- and a COMMAND/], [['--op', 'dance', '--', 'true'], /--op dance: is no kind of op/],
    [['--op', 'read,dance', '--', 'true'], /--op read,dance: names what is no kind of op/], [['--op', 'read,', '--', 'true'], /--op read,: names what/],
    [['--for', '5', '--', 'true'], /--for 5: is not a duration/], [['--slowest', '101', '--', 'true'], /--slowest 101: is more than 100/],
    [['--events', '63', '--', 'true'], /--events 63: is not from 64 to 67108864/], [['--kernel-buffer', '63K', '--', 'true'], /--kernel-buffer 63K: is not from 64K to 1G/],
    [['--read', '/tmp', '--', 'true'], /--read takes no COMMAND/], [['ls', '--', 'true'], /'ls' is one argument too many/],
  ];
  for (const [args, said] of cases) {
    const { code, stderr } = await hark(t, 'trace', ...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, said);
  }
});

/** A traced server that listens. Gives: the process and the server's address. */
async function traced(t, options, env = {}) {
  const args = ['trace', ...options, '--', bin, 'serve', '--http', '127.0.0.1:0', '--lines', '127.0.0.1:0', '--data', directory(t)];
  const process_ = new Process(t, bin, args, { env: { ...process.env, ...env } });
  const [, port] = await process_.until(/http on 127\.0\.0\.1:(\d+)[^]*ready: /, 'stderr');
  return { process: process_, url: `http://127.0.0.1:${port}` };
}

eachBackend(test, 'a signal goes on to the program, and what it did before is told', async (t, backend) => {
  const { process, url } = await traced(t, [], { HARK_BACKEND: backend });
  for (let i = 0; i < 20; i++) assert.equal((await fetch(`${url}/streams/s`, { method: 'POST', body: 'x' })).status, 201);
  process.child.kill('SIGTERM');
  const { code, stdout } = await process.done();
  assert.equal(code, 0);
  const rows = table(stdout);
  assert.ok(rows.accept_each.calls >= 1);
  assert.ok(rows.recv_each.calls >= 20);
  assert.ok(rows.sendmsg.calls >= 20);
  assert.ok(rows.fdatasync.calls >= 1);
  assert.ok(rows.recv_each.p50['7'] > 0);
  assert.match(stdout, /^hark \d+, loop 1 on /m);
});

test('after the time is over the program is ended, and how it ends is not told', async t => {
  const { process } = await traced(t, ['--for', '1s']);
  const { code, stdout } = await process.done();
  assert.equal(code, 0);
  assert.match(stdout, /^hark \d+, loop 1 on /m);
  assert.match(stdout, /In flight at the end: .*accept_each/);
});

test('a program that is ended by the end of the time has ended well', async t => {
  const { code } = await trace(t, 'auto', ['--for', '10ms'], ['sleep', '600']);
  assert.equal(code, 0);
});

test('standard input is the program\'s', async t => {
  const { stdout } = await trace(t, 'auto', [], ['cat'], { input: 'passed on' });
  assert.equal(stdout, 'passed on');
});

// --- the kernel's part ---

test('what the kernel tells stands above the table, or why it tells nothing', { skip }, async t => {
  const { stdout } = await trace(t, 'auto', [], [example('01_timer')]);
  assert.match(stdout, /^the kernel's part(: [\d,]+ ops joined exactly|, stages 4 and 5 of what it performs, is not seen: )/m);
});

// --- what is kept ---

test('nothing is left behind, unless it is to be kept; and that can be read again', { skip }, async t => {
  const temporary = directory(t);
  const kept = join(directory(t), 'kept');
  const env = { TMPDIR: temporary };
  await trace(t, 'auto', [], [example('01_timer')], { env });
  assert.deepEqual(readdirSync(temporary), []);
  const first = await trace(t, 'auto', ['--keep', kept], [example('01_timer')], { env });
  assert.equal(first.code, 0);
  assert.match(first.stdout, new RegExp(`Kept in ${kept}: hark trace --read ${kept}`));
  assert.equal(readdirSync(kept).length, 1);
  const again = await hark(t, 'trace', '--read', kept);
  assert.equal(again.code, 0);
  assert.deepEqual(table(again.stdout), table(first.stdout));
  writeFileSync(join(kept, 'hark-1-1.trace'), 'x'.repeat(500));
  const damaged = await hark(t, 'trace', '--read', kept);
  assert.equal(damaged.code, 1);
  assert.match(damaged.stderr, /hark-1-1\.trace is no trace of this version of hark; it is left out\n/);
  assert.deepEqual(table(damaged.stdout), table(first.stdout));
});

test('what a killed hark trace leaves behind, the next one removes', { skip }, async t => {
  const temporary = directory(t);
  const env = { TMPDIR: temporary };
  const instances = '/sys/kernel/tracing/instances';
  const { process: tracer } = await traced(t, [], env);
  const own = existsSync(instances) ? readdirSync(instances).filter(name => name.startsWith(`hark-${tracer.child.pid}`)) : [];
  if (process.getuid() === 0 && existsSync(instances)) assert.ok(own.length === 2 || own.length === 0, 'both, or hark was built without libtracefs');
  const server = Number(readFileSync(`/proc/${tracer.child.pid}/task/${tracer.child.pid}/children`, 'utf8').trim());
  assert.ok(server > 1);
  tracer.child.kill('SIGKILL');
  process.kill(server, 'SIGKILL'); // it has the tracer's standard output, too
  await tracer.done();
  const [left] = readdirSync(temporary);
  assert.match(left, /^hark-trace-/);
  await trace(t, 'auto', [], [example('01_timer')], { env });
  assert.deepEqual(readdirSync(temporary), [left], 'one that is young may be just being made');
  const old = new Date(Date.now() - 60_000);
  utimesSync(join(temporary, left), old, old);
  await trace(t, 'auto', [], [example('01_timer')], { env });
  assert.deepEqual(readdirSync(temporary), []);
  for (const name of own) assert.ok(!existsSync(join(instances, name)), name);
});

test('a directory without a trace is told', async t => {
  const empty = await hark(t, 'trace', '--read', directory(t));
  assert.equal(empty.code, 1);
  assert.match(empty.stderr, /there is no trace in /);
  const missing = await hark(t, 'trace', '--read', '/nonexistent');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /cannot read \/nonexistent: no such file or directory/);
});

test('a ring that is too small says what it has lost', { skip }, async t => {
  const kept = join(directory(t), 'kept');
  mkdirSync(kept);
  await run(t, example('06_work'), ['200000'], '', { env: { ...process.env, HARK_TRACE: kept, HARK_TRACE_EVENTS: '64' } });
  const { stdout } = await hark(t, 'trace', '--read', kept);
  assert.match(stdout, /\d of its events were overwritten before they were read/);
});

test('rings have as many events as they are told to', { skip }, async t => {
  const kept = join(directory(t), 'kept');
  for (const [events, env, capacity] of [['1024', { HARK_TRACE_EVENTS: '64' }, 1024n], [null, { HARK_TRACE_EVENTS: '64' }, 64n], [null, {}, 262144n]]) {
    const folder = `${kept}-${capacity}`;
    await trace(t, 'auto', ['--keep', folder, ...events ? ['--events', events] : []], [example('01_timer')], { env });
    assert.equal(readFileSync(join(folder, readdirSync(folder)[0])).readBigUInt64LE(16), capacity);
  }
});

// --- the picture ---

/** What the Trace Event Format says of each phase that is used. */
function assertPicture(text) {
  const picture = JSON.parse(text);
  assert.equal(picture.displayTimeUnit, 'ns');
  const named = new Set();
  const slices = new Map();
  const arrows = new Map();
  for (const event of picture.traceEvents) {
    const track = `${event.pid}/${event.tid}`;
    assert.ok(Number.isInteger(event.pid) && Number.isInteger(event.tid), JSON.stringify(event));
    assert.equal(typeof event.name, 'string');
    if (event.ph === 'M') {
      assert.ok(['process_name', 'thread_name'].includes(event.name));
      assert.equal(typeof event.args.name, 'string');
      if (event.name === 'thread_name') named.add(track);
      continue;
    }
    assert.ok(Number.isFinite(event.ts));
    assert.equal(typeof event.cat, 'string');
    assert.ok(named.has(track), `the track ${track} has a name before it is used`);
    if (event.ph === 'X') {
      assert.ok(event.dur >= 0);
      slices.set(track, [...slices.get(track) ?? [], event]);
    } else if (event.ph === 'i') { // what the kernel told, where it may be asked
      assert.equal(event.pid, 0);
      assert.equal(event.s, 't');
      assert.ok(['exact', 'guess'].includes(event.args.join));
    } else {
      assert.ok(['s', 't', 'f'].includes(event.ph), event.ph);
      arrows.set(event.id, [...arrows.get(event.id) ?? [], { ...event, track }]);
    }
  }
  return { events: picture.traceEvents, slices, arrows };
}

const ROUNDING = 5e-4; // half a nanosecond: the sum of a time and a duration is no exact number

/** Slices of a track lie in each other or apart. */
function assertNested(slices) {
  const sorted = [...slices].sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  const open = [];
  for (const slice of sorted) {
    while (open.length && open.at(-1) <= slice.ts + ROUNDING) open.pop();
    const end = slice.ts + slice.dur;
    assert.ok(!open.length || end <= open.at(-1) + ROUNDING, `${slice.name} at ${slice.ts} is cut by another`);
    open.push(end);
  }
}

/** Each arrow begins once, ends once, later, and at slices. */
function assertArrows({ slices, arrows }) {
  assert.ok(arrows.size > 0);
  for (const [id, ends] of arrows) {
    assert.deepEqual([ends[0].ph, ends.at(-1).ph], ['s', 'f'], `arrow ${id}`);
    assert.ok(ends.length <= 3);
    for (let i = 1; i < ends.length; i++) assert.ok(ends[i].ts >= ends[i - 1].ts);
    for (const end of ends) {
      const holds = slices.get(end.track).some(slice => slice.ts <= end.ts && end.ts <= slice.ts + slice.dur + 1e-3);
      assert.ok(holds, `arrow ${id} has a slice at its ${end.ph}`);
    }
  }
}

eachBackend(test, 'the picture is what its format says, with slices that nest and arrows that lead somewhere', { skip }, async (t, backend) => {
  const file = join(directory(t), 'picture.json');
  const { code, stdout } = await trace(t, backend, ['--output', file], [example('06_work'), '200000']);
  assert.equal(code, 0);
  const text = readFileSync(file, 'utf8');
  const picture = assertPicture(text);
  for (const slices of picture.slices.values()) assertNested(slices);
  assertArrows(picture);
  const callbacks = picture.events.filter(event => event.cat === 'callback');
  const rows = table(stdout);
  assert.equal(callbacks.length, rows.work.calls + rows.every.calls);
  const pool = picture.events.filter(event => event.cat === 'pool');
  assert.equal(pool.length, 16);
  assert.ok(new Set(pool.map(event => event.tid)).size <= 4);
  assert.ok(picture.events.some(event => event.cat === 'wait' && event.name === 'asleep'));
  const counted = await run(t, 'python3', ['-c', 'import json, sys; print(len(json.load(open(sys.argv[1]))["traceEvents"]))', file]);
  assert.equal(Number(counted.stdout), picture.events.length);
});

const CHECKER = `
import json, sys
from jsonschema import Draft7Validator
checker = Draft7Validator(json.load(open(sys.argv[1])))
for error in checker.iter_errors(json.load(open(sys.argv[2]))):
    print(list(error.absolute_path), error.message[:200])
`;

test('the picture holds to the schema of its format, as a checker that is not ours sees it', { skip }, async t => {
  if ((await run(t, 'python3', ['-c', 'from jsonschema import Draft7Validator'])).code !== 0) return t.skip('python has no jsonschema here (apt-get install python3-jsonschema)');
  const folder = directory(t);
  const [file, broken] = [join(folder, 'picture.json'), join(folder, 'broken.json')];
  const schema = new URL('trace-event-format.schema.json', import.meta.url).pathname;
  const complaints = async picture => {
    const { code, stdout, stderr } = await run(t, 'python3', ['-c', CHECKER, schema, picture]);
    assert.deepEqual([code, stderr], [0, '']);
    return stdout;
  };
  writeFileSync(join(folder, 'from'), Buffer.alloc(3 << 20, 'x'));
  await trace(t, 'auto', ['--output', file], [example('05_copy'), join(folder, 'from'), join(folder, 'to')]);
  assert.equal(await complaints(file), '');
  const { traceEvents } = JSON.parse(readFileSync(file, 'utf8'));
  for (const [phase, field] of [['X', 'dur'], ['M', 'args'], ['s', 'id'], ['f', 'ts']]) {
    const events = structuredClone(traceEvents);
    delete events.find(event => event.ph === phase)[field];
    writeFileSync(broken, JSON.stringify({ traceEvents: events }));
    assert.match(await complaints(broken), new RegExp(`'${field}' is a required property`));
  }
});

test('a picture that cannot be written is told', async t => {
  const { code, stderr } = await trace(t, 'auto', ['--output', '/nonexistent/p.json'], ['true']);
  assert.equal(code, 1);
  assert.match(stderr, /cannot write \/nonexistent\/p\.json: no such file or directory/);
  if (existsSync('/dev/full') && !skip) {
    const full = await trace(t, 'auto', ['--output', '/dev/full'], [example('01_timer')]);
    assert.equal(full.code, 1);
    assert.match(full.stderr, /cannot write \/dev\/full: no space left on device/);
  }
});

test('of a long name all is told that the kernel has of it', { skip }, async t => {
  const long = join(directory(t), 'a_name_of_letters_that_are_many');
  copyFileSync(example('01_timer'), long);
  const { stdout } = await trace(t, 'auto', ['--slowest', '0'], [long]);
  assert.match(stdout, /^a_name_of_lette \d+, loop 1 on /m);
});

eachBackend(test, 'what the loop does by itself is not told as something that failed', {}, async (t, backend) => {
  const { stdout } = await trace(t, backend, ['--op', 'defer', '--slowest', '1'], [bin, 'log', 'check', directory(t)]);
  assert.match(stdout, /3 delegate loop .* to nobody: the loop does it itself\n/);
  assert.match(stdout, /6 notify {3}loop .* its turn has come\n.* its callback, with 0\n/);
  assert.doesNotMatch(stdout, /did not come back/);
});

// --- a process that runs already ---

/** A server that listens, not traced. */
async function untraced(t, file = bin, backend = 'auto') {
  const args = ['serve', '--http', '127.0.0.1:0', '--lines', '127.0.0.1:0', '--data', directory(t)];
  const process_ = new Process(t, file, args, { env: { ...process.env, HARK_BACKEND: backend } });
  const [, port] = await process_.until(/http on 127\.0\.0\.1:(\d+)[^]*ready: /, 'stderr');
  return { process: process_, pid: process_.child.pid, url: `http://127.0.0.1:${port}` };
}

/** How many files of rings a process has open. */
const rings = pid => readdirSync(`/proc/${pid}/fd`).filter(fd => {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('/memfd:hark-');
  } catch {
    return false; // closed meanwhile
  }
}).length;

const publish = async url => assert.equal((await fetch(`${url}/streams/s`, { method: 'POST', body: 'x' })).status, 201);

/** Publishes until something holds. */
async function publishUntil(url, holds) {
  const until = Date.now() + 60000;
  while (!holds()) {
    assert.ok(Date.now() < until, `in vain: ${holds}`);
    await publish(url);
  }
}

/** A trace that says it has begun records from there on. */
async function assertTracedByPid(t, server) {
  const tracer = new Process(t, bin, ['trace', '--pid', String(server.pid)]);
  await publishUntil(server.url, () => tracer.stderr !== '');
  assert.ok(rings(server.pid) > 0);
  for (let i = 0; i < 20; i++) await publish(server.url);
  tracer.child.kill('SIGINT');
  const { code, stdout, stderr } = await tracer.done();
  assert.equal(stderr, `hark: trace: process ${server.pid} records; ^C ends it\n`);
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`^hark ${server.pid}, loop \\d+ on `, 'm'));
  assert.ok(table(stdout).recv_each.calls >= 20);
  await publishUntil(server.url, () => rings(server.pid) === 0);
}

eachBackend(test, 'a server that runs is traced, and afterwards is as before', async (t, backend) => {
  const server = await untraced(t, bin, backend);
  await assertTracedByPid(t, server);
  await assertTracedByPid(t, server);
});

test('a program without symbols is traced too', async t => {
  const stripped = join(directory(t), 'hark');
  if ((await run(t, 'strip', ['-s', '-o', stripped, bin])).code !== 0) return t.skip('there is no strip');
  await assertTracedByPid(t, await untraced(t, stripped));
});

test('who traces may die: the process stops recording', async t => {
  const server = await untraced(t);
  const tracer = new Process(t, bin, ['trace', '--pid', String(server.pid)]);
  await publishUntil(server.url, () => rings(server.pid) > 0);
  const second = await hark(t, 'trace', '--pid', String(server.pid));
  assert.equal(second.code, 1);
  assert.match(second.stderr, /is being traced already/);
  await tracer.kill('SIGKILL');
  await publishUntil(server.url, () => rings(server.pid) === 0);
});

test('a process may end while it is traced: what it did is told', async t => {
  const server = await untraced(t);
  const tracer = new Process(t, bin, ['trace', '--pid', String(server.pid)]);
  await publishUntil(server.url, () => readFileSync(`/proc/${tracer.child.pid}/maps`, 'utf8').includes('/memfd:hark-'));
  await server.process.kill('SIGKILL');
  const { code, stdout } = await tracer.done();
  assert.equal(code, 0);
  assert.match(stdout, /^hark \d+, loop 1 on /m);
});

test('the end of the time is the end, also where the next round is due together with it', async t => {
  const server = await untraced(t);
  const tracer = new Process(t, bin, ['trace', '--pid', String(server.pid), '--for', '230ms']);
  await run(t, 'sleep', ['0.18']); // between the rounds before the end and after it; elsewhere nothing is seen
  tracer.child.kill('SIGSTOP');
  await run(t, 'sleep', ['0.3']); // both are due by then
  tracer.child.kill('SIGCONT');
  assert.equal((await tracer.done()).code, 0);
});

test('a loop that sleeps is not woken for a trace, and that is said', async t => {
  const server = await untraced(t);
  const { code, stderr, stdout } = await hark(t, 'trace', '--pid', String(server.pid), '--for', '50ms');
  assert.equal(code, 0);
  assert.equal(stdout, '');
  assert.match(stderr, /^hark: trace: 1 of its 1 loops slept all the time: there is nothing of them\n$/);
});

test('a process that cannot be traced is told in one line', async t => {
  const none = await hark(t, 'trace', '--pid', String(process.pid));
  assert.equal(none.code, 1);
  assert.match(none.stderr, /^hark: trace: process \d+ has no libhark in it that can be told to record: .*\n$/);
  const missing = await hark(t, 'trace', '--pid', '2147483647');
  assert.match(missing.stderr, /^hark: trace: there is no process 2147483647\n$/);
  for (const args of [['--pid', '0'], ['--pid', 'x'], ['--pid', '1', '--', 'true'], ['--pid', '1', '--keep', 'x']])
    assert.equal((await hark(t, 'trace', ...args)).code, 2, args.join(' '));
});

test('another user is refused in one line', async t => {
  if (process.getuid() !== 0) return t.skip('only root can be somebody else');
  const server = await untraced(t);
  const folder = directory(t);
  chmodSync(folder, 0o755);
  const reachable = join(folder, 'hark');
  copyFileSync(bin, reachable);
  const { code, stderr } = await run(t, reachable, ['trace', '--pid', String(server.pid)], '', { uid: 65534, gid: 65534, cwd: '/' });
  assert.equal(code, 1);
  assert.match(stderr, /^hark: trace: process \d+ is not ours to trace: .*\n$/);
});
