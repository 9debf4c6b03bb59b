/**
 * What the admin listener's thread and the service's say to each other.
 */

import type { ErrorCode } from '../errors/codes.js';
import type { Address } from './listen.js';
import type { Wanted } from './reload.js';

/** What the thread is started with. */
export interface AdminOrders {
  readonly address: Address;
  /** Of a `SharedState`. */
  readonly memory: SharedArrayBuffer;
}

/** From the thread; `lines` are those of a `StartError`. */
export type FromAdmin =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'failed'; readonly lines: readonly string[] }
  | { readonly kind: 'asked'; readonly id: number; readonly question: Question };

/** What only the service's thread can do: say what it has counted, and serve something else. */
export type Question =
  /** In the format that this `Accept` prefers. */
  | { readonly what: 'metrics'; readonly accept: string | undefined }
  | { readonly what: 'stats' }
  | { readonly what: 'reload'; readonly wanted: Wanted };

export interface Page {
  readonly contentType: string;
  readonly body: string;
}

/** To the thread: the page that it asked for, or why there is none. */
export interface Answered {
  readonly id: number;
  readonly page?: Page;
  readonly failure?: { readonly code: ErrorCode; readonly detail: string };
}
