/**
 * What the hub does wrong on purpose, and to which requests.
 *
 * A fault waits for the first answer that it can spoil: one about the answer as a whole (`status`,
 * `redirect`, `redirect-loop`, `hang`, `hang-up`) for a request, one about metadata for a file that is
 * described, one about contents for bytes that are sent. Faults of one kind wait for each other, in the
 * order in which they were set; so do all that concern the answer as a whole. Answers of the API can be cut,
 * stalled and dripped; bits are turned over and ranges ignored in files alone.
 */

/** `api` is below `/api`, `hub` serves or redirects files, `cdn` is the other origin. */
export type Place = 'api' | 'cdn' | 'hub';

export type Wrong =
  /** Closes the connection after so many bytes of the body. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** Sends the body slowly. */
  | { readonly kind: 'drip'; readonly bytes: number; readonly everyMs: number }
  /** Turns one bit of the file over; `at` is an offset into the whole file. */
  | { readonly kind: 'flip-bit'; readonly at: number }
  /** Never answers. */
  | { readonly kind: 'hang' }
  /** Closes the connection instead of answering. */
  | { readonly kind: 'hang-up' }
  /** Answers a request for a range with 200 and everything. */
  | { readonly kind: 'ignore-range' }
  /** Redirects to any address, such as `file:///etc/passwd`. */
  | { readonly kind: 'redirect'; readonly location: string }
  /** Redirects to the address that was asked for. */
  | { readonly kind: 'redirect-loop' }
  /** Sends so many bytes of the body and then nothing, with the connection open. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  /** Answers with a status; the error code, message and body are the hub's own where not given. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly code?: string;
      readonly message?: string;
      /** Seconds, or a date to be sent as one. */
      readonly retryAfter?: number | Date;
    }
  /** States another SHA-256: `lfs.oid` in the API, `X-Linked-ETag` from the hub. */
  | { readonly kind: 'wrong-sha256' }
  /** States a size that is off: `size` in the API, `X-Linked-Size` from the hub, else `Content-Length`. */
  | { readonly kind: 'wrong-size'; readonly add: number };

export type Kind = Wrong['kind'];

export type Fault = Wrong & {
  /**
   * What it concerns: `owner/name/path` of a file, or the URL path of an API request without its query.
   * A string must be all of it or its end after a slash. Everything by default.
   */
  readonly path?: RegExp | string;
  readonly on?: Place;
  readonly method?: 'GET' | 'HEAD' | 'POST';
  /** How many times it happens; once by default, `Infinity` for always. */
  readonly times?: number;
};

/** A request, or a file in an answer of the API. */
export interface Target {
  readonly on: Place;
  readonly method: string;
  readonly subject: string;
}

export const WHOLE_ANSWER = ['hang', 'hang-up', 'redirect', 'redirect-loop', 'status'] as const;

interface ActiveFault {
  readonly fault: Fault;
  left: number;
}

export class Faults {
  #active: ActiveFault[] = [];

  add(fault: Fault): void {
    this.#active.push({ fault, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#active = [];
  }

  /** How many faults still wait, each counted as often as it has left to happen. */
  get waiting(): number {
    return this.#active.reduce((sum, { left }) => sum + left, 0);
  }

  /** The fault of one of these kinds that happens now, if any; it counts as happened. */
  take<K extends Kind>(
    kinds: readonly K[],
    target: Target,
  ): Extract<Fault, { kind: K }> | undefined {
    const found = this.#active.find(
      ({ fault, left }) =>
        left > 0 && (kinds as readonly Kind[]).includes(fault.kind) && concerns(fault, target),
    );
    if (found === undefined) return undefined;
    found.left -= 1;
    return found.fault as Extract<Fault, { kind: K }>;
  }
}

function concerns(fault: Fault, { on, method, subject }: Target): boolean {
  if (fault.on !== undefined && fault.on !== on) return false;
  if (fault.method !== undefined && fault.method !== method) return false;
  const { path } = fault;
  if (path === undefined) return true;
  if (typeof path === 'string') return subject === path || subject.endsWith(`/${path}`);
  return path.test(subject);
}
