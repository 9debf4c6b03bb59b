/**
 * What the service reads from files and follows while it runs, each where the settings name one.
 */

import type { Settings } from '../config/settings.js';
import type { Logger } from '../log/logger.js';
import type { Metrics } from '../metrics/metrics.js';
import { ApiKeys } from './api-keys.js';
import { Certificate } from './certificate.js';
import type { FollowedFiles } from './followed-files.js';
import { reloadError } from './reload.js';

export class ServiceFiles {
  /** Absent where no keys are asked for. */
  readonly keys: ApiKeys | undefined;
  /** Absent where connections are not encrypted. */
  readonly certificate: Certificate | undefined;
  readonly #all: readonly FollowedFiles[];

  constructor(settings: Settings, logger: Logger, metrics: Metrics) {
    const { apiKeysFile, tlsCertFile } = settings;
    const told = { logger, observer: metrics };
    if (apiKeysFile !== '') {
      const named = (names: readonly string[]) => {
        metrics.http.keysNamed(names);
      };
      this.keys = new ApiKeys({ ...told, file: apiKeysFile, named });
    }
    if (tlsCertFile !== '') {
      const expires = (at: number) => {
        metrics.certificateExpires(at);
      };
      this.certificate = new Certificate({ ...told, settings, expires });
    }
    this.#all = [this.keys?.files, this.certificate?.files].filter((files) => files !== undefined);
  }

  /** @throws {StartError} */
  async start(): Promise<void> {
    for (const files of this.#all) await files.start();
  }

  /** @throws {ServiceError} `reload_failed`, with the faults of the first that has some; what was read before goes on. */
  async reload(): Promise<void> {
    try {
      for (const files of this.#all) await files.reload();
    } catch (thrown) {
      throw reloadError(thrown);
    }
  }

  stop(): void {
    for (const files of this.#all) files.stop();
  }
}
