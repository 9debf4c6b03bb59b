/**
 * The other origin, where the bytes of LFS files are. It knows a request by its signature alone and has no
 * use for the hub's token; one that arrives here has leaked.
 */

import { createHash } from 'node:crypto';

import type { Exchange } from './exchange.js';
import { xetHash, type HubFile, type Repo } from './repo.js';
import { sendContent } from './send.js';

const LIFETIME_SECONDS = 3600;

interface Signed {
  readonly subject: string;
  readonly file: HubFile;
}

export class Cdn {
  readonly #origin: string;
  readonly #signed = new Map<string, Signed>();

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** An address of the file that nobody had before. */
  sign(repo: Repo, file: HubFile): string {
    const subject = `${repo.id}/${file.path}`;
    const signature = createHash('sha256')
      .update(`${this.#signed.size} ${subject}`)
      .digest('base64url');
    this.#signed.set(signature, { subject, file });
    const name = file.path.split('/').at(-1) ?? '';
    const query = new URLSearchParams({
      'response-content-disposition': `inline; filename="${name}";`,
      Expires: String(Math.floor(Date.now() / 1000) + LIFETIME_SECONDS),
      Signature: signature,
    });
    const path = `xet-bridge/${repo.objectId}/${xetHash(file)}`;
    return `${this.#origin}/${path}?${query.toString()}`;
  }

  subjectOf(url: URL): string {
    return this.#find(url)?.subject ?? url.pathname;
  }

  async answer(exchange: Exchange): Promise<void> {
    const signed = this.#find(exchange.url);
    if (signed === undefined) {
      exchange.error(403, undefined, 'Access Denied');
      return;
    }
    await sendContent(exchange, signed.file.content, {
      'Content-Type': 'application/octet-stream',
      ETag: `"${xetHash(signed.file)}"`,
    });
  }

  #find(url: URL): Signed | undefined {
    return this.#signed.get(url.searchParams.get('Signature') ?? '');
  }
}
