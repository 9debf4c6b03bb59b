/**
 * What answers requests at a time; each is answered by what served when it came.
 */

import type { RequestListener } from 'node:http';

import type { FormatOf } from '../errors/formats.js';
import type { EarlyRefusal } from './early-refusal.js';

export interface Serving {
  readonly app: RequestListener;
  readonly formatOf: FormatOf;
  /** Why a request is refused of which only the header has come. */
  readonly refusal: EarlyRefusal;
  /** An exchange has been opened that it answers. */
  opened(): void;
  closed(): void;
}
