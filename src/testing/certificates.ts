/**
 * Certificates that OpenSSL's own command has made, and connections that are encrypted by them.
 */

import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** An authority in `folder`, which makes certificates for this machine there. */
export class Authority {
  readonly file: string;
  readonly #key: string;

  constructor(private readonly folder: string) {
    this.file = join(folder, 'ca.pem');
    this.#key = join(folder, 'ca.key');
    openssl('req', '-x509', ...CURVE, '-subj', '/CN=ca', '-out', this.file, '-keyout', this.#key);
  }

  /** The paths of a new pair; `name` is what the certificate says in its subject. */
  pair(name: string, days = 30): Pair {
    const [cert, key] = [join(this.folder, `${name}.crt`), join(this.folder, `${name}.key`)];
    const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const by = ['-CA', this.file, '-CAkey', this.#key, '-days', String(days)];
    const subject = ['-subj', `/CN=${name}`, ...names];
    openssl('req', '-x509', ...CURVE, ...subject, ...by, '-out', cert, '-keyout', key);
    return { cert, key };
  }

  /** A connection whose client trusts this authority alone; resolves once the handshake is done. */
  async connect(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
    const ca = readFileSync(this.file);
    const socket = connect({ port, host: '127.0.0.1', ca, ...options });
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve).once('error', reject);
    });
    return socket;
  }
}

/** Puts one pair in the place of another. */
export function replace(old: Pair, by: Pair): void {
  copyFileSync(by.cert, old.cert);
  copyFileSync(by.key, old.key);
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
