/**
 * The keys that clients must show: those of a file, as it is now.
 */

import { flagOf } from '../config/settings.js';
import { authorization, type Authorize } from '../http/authorization.js';
import { keyringOf } from '../keys/key-file.js';
import type { Keyring } from '../keys/keyring.js';
import type { Logger } from '../log/logger.js';
import type { Profile } from '../profile/schema.js';
import { FollowedFiles, type FollowedObserver } from './followed-files.js';

export interface ApiKeysParts {
  readonly file: string;
  readonly logger: Logger;
  readonly observer: FollowedObserver;
  /** All names that there are from now on. */
  readonly named: (names: readonly string[]) => void;
}

export class ApiKeys {
  /** Follows the file; nothing is authorized before it has started. */
  readonly files: FollowedFiles;
  readonly authorize: Authorize;
  #keyring: Keyring | undefined;
  #routes: Profile['routes'] = [];

  constructor(private readonly parts: ApiKeysParts) {
    const { file, logger, observer, named } = parts;
    const flag = flagOf('apiKeysFile');
    this.authorize = authorization(() => this.#current);
    this.files = new FollowedFiles({
      what: 'keys',
      files: { [flag]: file },
      take: (texts) => {
        this.#keyring = keyringOf(file, texts[flag] ?? '');
        named(this.#keyring.names);
        this.#tellUnknown();
      },
      observer,
      logger,
    });
  }

  /** `routes` are those that ask for keys from now on. */
  serve(routes: Profile['routes']): void {
    this.#routes = routes;
    this.#tellUnknown();
  }

  get #current(): Keyring {
    if (this.#keyring === undefined) throw new Error('No keys have been read yet.');
    return this.#keyring;
  }

  /** A route's key that there is none of: mistyped, or taken away, which must not be refused. */
  #tellUnknown(): void {
    const wanted = this.#routes.flatMap(({ keys }) => (typeof keys === 'string' ? [] : keys));
    const unknown = wanted.filter((name) => !this.#current.names.includes(name));
    if (unknown.length === 0) return;
    this.parts.logger.warn({ keys: [...new Set(unknown)] }, 'routes name keys that are in no line');
  }
}
