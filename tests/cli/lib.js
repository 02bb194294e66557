// lib.js - what the end-to-end tests share: the command as a process, clients that are not ours, and waiting for what happens.
//
// Nothing here sleeps for time: every wait is for an event, and is bounded.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const bin = process.env.HARK_BIN;
const require = createRequire(join(process.env.HARK_NODE_MODULES, 'here.js'));
export const packages = name => require(name);

/** Whether the command was built with AddressSanitizer, which keeps freed memory. */
export const sanitized = readFileSync(bin).includes('__asan_init');

/** Why tests of TLS are skipped: the command was built without it. */
export const withoutTls = readFileSync(bin).includes('this hark was built without it') && 'this hark was built without TLS';

const WAIT_MS = 300000;

/** Why tests of webhooks are left out, if the command was built without. */
export const withoutWebhooks = !/^ +ok +webhooks /m.test(spawnSync(bin, ['doctor'], { encoding: 'utf8' }).stdout)
  && 'the command was built without webhooks';

/** How many threads servers have that are not asked for another number. */
const THREADS = Number(process.env.HARK_TEST_THREADS ?? 1);

/** Fails unless the promise settles in time. */
export function within(promise, what, ms = WAIT_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms in vain for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The backends to test: those named, else all that the doctor finds usable. */
export const backends = (() => {
  if (process.env.HARK_TEST_BACKENDS) return process.env.HARK_TEST_BACKENDS.split(',');
  const { stdout } = spawnSync(bin, ['doctor'], { encoding: 'utf8' });
  return ['uring', 'epoll', 'poll', 'select'].filter(name => new RegExp(`^ +ok +${name} +usable`, 'm').test(stdout));
})();

/** One request: on a connection of its own, none that a server left behind when it was killed, or on the agent's. Of https: its `ca`.
 * Gives: { status, text, headers }. */
export function request(method, url, body, { agent = false, headers = {}, ...tls } = {}) {
  return within(new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const client = String(url).startsWith('https:') ? https : http;
    const sent = client.request(url, { method, agent, headers: { ...length, ...headers }, ...tls });
    sent.on('error', reject);
    sent.on('response', response => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', part => { text += part; });
      response.on('end', () => resolve({ status: response.statusCode, text, headers: response.headers }));
      response.on('error', reject);
    });
    sent.end(body);
  }), `${method} ${url}`);
}

/** A connection that stays, for one request after the other. */
export function connection(t) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  return agent;
}

/** A directory of its own, removed after the test. */
export function directory(t) {
  const path = mkdtempSync(join(tmpdir(), 'hark-cli-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A process whose output is gathered and can be waited for. */
export class Process {
  constructor(t, file, args, options = {}) {
    this.name = `${file.split('/').pop()} ${args.join(' ')}`;
    this.child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    this.stdout = '';
    this.stderr = '';
    this.waiters = new Set();
    for (const stream of ['stdout', 'stderr']) {
      this.child[stream].setEncoding('utf8');
      this.child[stream].on('data', text => { this[stream] += text; this.look(); });
    }
    this.child.stdin.on('error', () => {});
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) => {
        this.exit = { code, signal, stdout: this.stdout, stderr: this.stderr };
        this.look();
        resolve(this.exit);
      });
    });
    this.ended.catch(() => {});
    t?.after(() => this.kill());
  }

  look() {
    for (const waiter of [...this.waiters]) waiter();
  }

  /** Waits until the output matches. */
  until(pattern, stream = 'stdout') {
    const found = new Promise((resolve, reject) => {
      const look = () => {
        const match = typeof pattern === 'function' ? pattern(this[stream]) : this[stream].match(pattern);
        if (match) resolve(match);
        else if (this.exit) reject(new Error(`${this.name} ended (${this.exit.code}) without ${pattern}: ${this.stdout}${this.stderr}`));
        else return;
        this.waiters.delete(look);
      };
      this.waiters.add(look);
      look();
    });
    return within(found, `${pattern} from ${this.name}`);
  }

  write(text) {
    this.child.stdin.write(text);
    return this;
  }

  end(text = '') {
    this.child.stdin.end(text);
    return this;
  }

  /** Waits for its end. */
  done() {
    return within(this.ended, `the end of ${this.name}`);
  }

  async kill(signal = 'SIGKILL') {
    if (!this.exit) this.child.kill(signal);
    return this.done();
  }
}

/** Runs a program to its end. */
export async function run(t, file, args, input = '', options = {}) {
  return new Process(t, file, args, options).end(input).done();
}

/** Runs hark to its end. */
export const hark = (t, ...args) => run(t, bin, args);

/** A server in a directory of its own; it may be ended and started again on the same ports. Takes: tls: as an Authority gives it. */
export class Server {
  constructor(t, { backend = 'auto', data = directory(t), threads = THREADS, tls = null, args = [], options = {} } = {}) {
    Object.assign(this, { t, backend, data, threads, tls, args, options, http: '127.0.0.1:0', lines: '127.0.0.1:0' });
  }

  async start() {
    const args = ['serve', '--http', this.http, '--lines', this.lines, '--data', this.data, '--backend', this.backend, '--threads', String(this.threads), ...this.args];
    if (this.tls) args.push('--tls-cert', this.tls.cert, '--tls-key', this.tls.key);
    // No time-out comes by itself, however slow the machine is.
    for (const [name, value] of [['--shutdown-timeout', '50s'], ['--heartbeat', '1h'], ['--stall-timeout', '1h']])
      if (!this.args.includes(name)) args.push(name, value);
    this.process = new Process(this.t, bin, args, this.options);
    await this.process.until(/ready: /, 'stderr');
    this.http = this.process.stderr.match(/http(?: over TLS)? on (\S+)/)[1];
    this.lines = this.process.stderr.match(/lines(?: over TLS)? on (\S+)/)[1];
    return this;
  }

  get url() {
    return `${this.tls ? 'https' : 'http'}://${this.http}`;
  }

  get linesPort() {
    return Number(this.lines.split(':').pop());
  }

  get httpPort() {
    return Number(this.http.split(':').pop());
  }

  kill(signal) {
    return this.process.kill(signal);
  }

  /** Ends it as a supervisor would. */
  async stop() {
    const exit = await this.kill('SIGTERM');
    if (exit.code !== 0) throw new Error(`the server ended with ${exit.code}: ${exit.stderr}`);
    return exit;
  }

  /** One request to it. */
  ask(method, path, body, options = {}) {
    return request(method, `${this.url}${path}`, body, { ...this.tls?.trust, ...options });
  }

  async stats() {
    return JSON.parse((await this.ask('GET', '/stats')).text);
  }

  curl(...args) {
    return run(this.t, 'curl', ['-sS', '--max-time', '60', ...(this.tls ? ['--cacert', this.tls.caFile] : []), ...args]);
  }

  async publish(stream, body) {
    const { status, text } = await this.ask('POST', `/streams/${stream}`, body);
    if (status !== 201) throw new Error(`publish: ${status} ${text}`);
    return JSON.parse(text).id;
  }

  /** All events of a stream, by the hark command: [{ id, text }]. */
  async read(stream, count) {
    const { code, stdout, stderr } = await run(this.t, bin, ['sub', stream, '--server', this.lines, '--after', 'start', '--id', '--once',
      '--count', String(count)]);
    if (code !== 0) throw new Error(`hark sub: ${code} ${stderr}`);
    const events = [];
    let before = '';
    for (const line of stdout.split('\n').slice(0, -1)) {
      const tab = line.indexOf('\t');
      const text = before + line.slice(tab + 1);
      before = line.startsWith('+') ? `${text}\n` : '';
      if (!before) events.push({ id: Number(line.slice(0, tab)), text });
    }
    return events;
  }

  /** How many events a stream has. */
  async count(stream) {
    const { streams } = JSON.parse((await this.ask('GET', '/streams')).text);
    return streams.find(entry => entry.name === stream)?.events ?? 0;
  }
}

/** A server that is started. */
export const serve = (t, options) => new Server(t, options).start();

/** A socket, plain if none is given: what is sent is up to the test, what comes back is gathered. */
export class Socket {
  constructor(t, port, socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })) {
    this.text = '';
    this.socket = socket;
    this.socket.setEncoding('latin1');
    this.ended = new Promise(resolve => this.socket.on('close', resolve));
    this.waiters = new Set();
    this.socket.on('data', text => { this.text += text; for (const look of [...this.waiters]) look(); });
    this.socket.on('error', error => { this.error = error; });
    this.socket.on('end', () => this.socket.end());
    t.after(() => this.socket.destroy());
  }

  send(text) {
    this.socket.write(text);
    return this;
  }

  until(test) {
    return within(new Promise(resolve => {
      const look = () => {
        const result = test(this.text);
        if (!result) return;
        this.waiters.delete(look);
        resolve(result);
      };
      this.waiters.add(look);
      look();
    }), `an answer (so far: ${this.text.slice(0, 200)})`);
  }

  /** Waits until the peer has closed. Gives: all that came. */
  async closed() {
    await within(this.ended, 'the close');
    return this.text;
  }
}

/** Random numbers that can be had again. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A test for each backend. */
export function eachBackend(test, name, ...rest) {
  const body = rest.pop();
  for (const backend of backends) test(`${name} (${backend})`, ...rest, t => body(t, backend));
}

export { once };
