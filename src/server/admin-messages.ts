/**
 * What the admin listener's thread and the service's say to each other.
 */

import type { Address } from './listen.js';

/** What the thread is started with. */
export interface AdminOrders {
  readonly address: Address;
  readonly contentType: string;
  /** Of a `SharedState`. */
  readonly memory: SharedArrayBuffer;
}

/** From the thread; `lines` are those of a `StartError`. */
export type FromAdmin =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'failed'; readonly lines: readonly string[] }
  | { readonly kind: 'scrape'; readonly id: number };

/** To the thread: the exposition that it asked for, none where making it failed. */
export interface Scraped {
  readonly id: number;
  readonly text: string | undefined;
}
