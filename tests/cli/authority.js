// authority.js - certificates for a test, by openssl: a CA, and what it signs.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { directory } from './lib.js';

function openssl(...args) {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
}

const keys = { ec: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], rsa: ['rsa:2048'] };

export class Authority {
  /** Takes: name: its own. It is there as long as the file's tests. */
  constructor(name) {
    this.folder = mkdtempSync(join(tmpdir(), 'hark-ca-'));
    after(() => rmSync(this.folder, { recursive: true, force: true }));
    this.caFile = join(this.folder, 'ca.pem');
    this.caKey = join(this.folder, 'ca.key');
    openssl('req', '-x509', '-newkey', ...keys.ec, '-nodes', '-days', '30', '-subj', `/CN=${name}`, '-keyout', this.caKey, '-out', this.caFile);
    this.ca = readFileSync(this.caFile, 'utf8');
    this.made = new Map();
  }

  /** A certificate for localhost with its key. Takes: kind: 'ec' or 'rsa'. */
  make(name, kind) {
    const [key, request, cert, extensions] = ['key', 'csr', 'pem', 'ext'].map(ending => join(this.folder, `${name}-${kind}.${ending}`));
    writeFileSync(extensions, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    openssl('req', '-newkey', ...keys[kind], '-nodes', '-subj', `/CN=${name}`, '-keyout', key, '-out', request);
    openssl('x509', '-req', '-in', request, '-CA', this.caFile, '-CAkey', this.caKey, '-CAcreateserial', '-days', '30', '-extfile', extensions,
      '-out', cert);
    return { cert, key };
  }

  /** Such a one, in files of the test's own. */
  certificate(t, name, kind = 'ec') {
    const made = this.made.get(name + kind) ?? this.make(name, kind);
    this.made.set(name + kind, made);
    const folder = directory(t);
    const own = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
    for (const part of ['cert', 'key']) copyFileSync(made[part], own[part]);
    return { ...own, ca: this.ca, caFile: this.caFile, trust: { ca: this.ca } };
  }
}

/** What a client shows of itself, for node. */
export const shown = ({ cert, key }) => ({ cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') });

/** Puts another certificate and its key in the place of one, each at once. */
export function replace(old, fresh) {
  for (const part of ['cert', 'key']) {
    copyFileSync(fresh[part], `${old[part]}.new`);
    renameSync(`${old[part]}.new`, old[part]);
  }
}
