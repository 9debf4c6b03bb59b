/**
 * What answers requests at a time; each is answered by what served when it came.
 */

import type { RequestListener } from 'node:http';

import type { FormatOf } from '../errors/formats.js';

export interface Serving {
  readonly app: RequestListener;
  readonly formatOf: FormatOf;
  /** An exchange has been opened that it answers. */
  opened(): void;
  closed(): void;
}
