/**
 * The certificate that the service shows, and its key: those of the files, as they are now.
 *
 * A new pair counts for handshakes that begin from then on; connections that stand go on as they are.
 */

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import {
  createSecureContext,
  type SecureContextOptions,
  type Server,
  type TlsOptions,
} from 'node:tls';

import { flagOf, type Settings } from '../config/settings.js';
import type { Logger } from '../log/logger.js';
import { exitCodes, StartError } from '../start-error.js';
import { FollowedFiles, type FollowedObserver } from './followed-files.js';

export interface CertificateParts {
  /** Those of TLS. */
  readonly settings: Pick<Settings, 'tlsCaFile' | 'tlsCertFile' | 'tlsKeyFile'>;
  readonly logger: Logger;
  readonly observer: FollowedObserver;
  /** When the first certificate of the chain ends that does, in milliseconds since 1970. */
  readonly expires: (at: number) => void;
}

const [CERT, KEY, CA] = [flagOf('tlsCertFile'), flagOf('tlsKeyFile'), flagOf('tlsCaFile')];

export class Certificate {
  /** Follows the files; there is nothing to show before it has started. */
  readonly files: FollowedFiles;
  #context: SecureContextOptions = {};
  #server: Pick<Server, 'setSecureContext'> | undefined;

  constructor(private readonly parts: CertificateParts) {
    const { settings, observer, logger } = parts;
    const { tlsCertFile, tlsKeyFile, tlsCaFile } = settings;
    this.files = new FollowedFiles({
      what: 'certificate',
      files: {
        [CERT]: tlsCertFile,
        [KEY]: tlsKeyFile,
        ...(tlsCaFile !== '' && { [CA]: tlsCaFile }),
      },
      take: (texts) => {
        const { context, expiresAt } = contextOf(texts);
        this.#context = context;
        this.#server?.setSecureContext(context);
        parts.expires(expiresAt);
      },
      observer,
      logger,
    });
  }

  /** What a server is made with. */
  get options(): TlsOptions {
    const asksClients = this.parts.settings.tlsCaFile !== '';
    return { ...this.#context, requestCert: asksClients, rejectUnauthorized: asksClients };
  }

  /** Keeps `server` at what the files say. */
  follow(server: Pick<Server, 'setSecureContext'>): void {
    this.#server = server;
  }
}

interface Context {
  readonly context: SecureContextOptions;
  readonly expiresAt: number;
}

/** @throws {StartError} saying of which file what is wrong. */
function contextOf(texts: Readonly<Record<string, string>>): Context {
  const { [CERT]: cert = '', [KEY]: key = '', [CA]: ca } = texts;
  const chain = certificatesIn(CERT, cert);
  if (ca !== undefined) certificatesIn(CA, ca);
  if (chain[0]?.checkPrivateKey(privateKeyIn(key)) !== true) {
    throw fault(`the key of ${KEY} is not that of the first certificate of ${CERT}`);
  }
  const context: SecureContextOptions = {
    cert,
    key,
    ...(ca !== undefined && { ca }),
    minVersion: 'TLSv1.2',
  };
  try {
    createSecureContext(context);
  } catch (error) {
    throw fault(`${CERT} and ${KEY} cannot be used: ${(error as Error).message}`);
  }
  return { context, expiresAt: Math.min(...chain.map(({ validTo }) => Date.parse(validTo))) };
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function certificatesIn(flag: string, text: string): X509Certificate[] {
  const found = text.match(PEM) ?? [];
  if (found.length === 0) throw fault(`${flag} has no certificate in PEM`);
  try {
    return found.map((pem) => new X509Certificate(pem));
  } catch {
    throw fault(`${flag} has a certificate that cannot be read`);
  }
}

function privateKeyIn(text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    throw fault(`${KEY} has no private key in PEM, or one with a passphrase, which is not read`);
  }
}

function fault(what: string): StartError {
  return new StartError([`${what}.`], exitCodes.usage);
}
