// authority.js - certificates for a test, by openssl: a CA, and what it signs.

import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { directory } from './lib.js';

function openssl(...args) {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
}

const keys = { ec: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], rsa: ['rsa:2048'] };

export class Authority {
  constructor(t, name = 'hark test CA') {
    this.folder = directory(t);
    this.caFile = join(this.folder, 'ca.pem');
    this.caKey = join(this.folder, 'ca.key');
    openssl('req', '-x509', '-newkey', ...keys.ec, '-nodes', '-days', '30', '-subj', `/CN=${name}`, '-keyout', this.caKey, '-out', this.caFile);
    this.ca = readFileSync(this.caFile, 'utf8');
  }

  /** A certificate with its key, in files. Takes: kind: 'ec' or 'rsa'. */
  certificate(name, { kind = 'ec', subject = name } = {}) {
    const [key, request, cert, extensions] = ['key', 'csr', 'pem', 'ext'].map(ending => join(this.folder, `${name}.${ending}`));
    writeFileSync(extensions, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    openssl('req', '-newkey', ...keys[kind], '-nodes', '-subj', `/CN=${subject}`, '-keyout', key, '-out', request);
    openssl('x509', '-req', '-in', request, '-CA', this.caFile, '-CAkey', this.caKey, '-CAcreateserial', '-days', '30', '-extfile', extensions,
      '-out', cert);
    return { cert, key, ca: this.ca, caFile: this.caFile, trust: { ca: this.ca } };
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
