/**
 * The nodes of a store: any of them answers for all. One that does not is left alone for a while, and another is asked.
 *
 * What is asked must be such that asking twice does no harm: of a request that was cut off, nobody knows whether it was
 * done.
 */

import { LargeSearch, LateSearch } from '../../engine/native-index.js';
import type { NodeFailures } from '../index-source.js';

export interface NodesOptions {
  /** Without a slash at the end. */
  readonly urls: readonly string[];
  /** What the store asks for; empty: nothing. */
  readonly key: string;
  /** The longest wait for a node before another is asked. */
  readonly timeoutMs: number;
}

export interface StoreRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Begins with a slash. */
  readonly path: string;
  readonly body?: string;
  /** A node that answers with more is not listened to. */
  readonly mostBytes?: number;
}

export interface StoreAnswer {
  readonly status: number;
  /** Nothing where there is no body. */
  readonly json: unknown;
}

export interface Asking {
  /** Milliseconds for all of it. */
  readonly deadlineMs?: number;
  /** Instead of that of the options. */
  readonly timeoutMs?: number;
  /** Of the one node to ask; nothing: any. */
  readonly url?: string | undefined;
  /** Calls it off: the connection to the node is closed. */
  readonly signal?: AbortSignal | undefined;
}

/** A node has not answered, or not as one that is well. */
export class NodeTrouble extends Error {}

/** No node has answered; the message names all that were asked, and is for the log. */
export class StoreTrouble extends Error {}

const MOST_BYTES = 64 << 20;
/** A node that is well answers within that. */
const FAIR_MS = 100;
/** Who has failed is asked last for so long. */
const REST_MS = 2000;

interface Node {
  readonly url: string;
  /** Milliseconds, as of `performance.now`. */
  restsUntil: number;
  failures: number;
  /** What was wrong when it was asked last; nothing: it has answered, or was not asked. */
  trouble: string | undefined;
}

export class StoreNodes {
  readonly #nodes: readonly Node[];
  readonly #options: NodesOptions;
  #turn = 0;

  constructor(options: NodesOptions) {
    this.#options = options;
    this.#nodes = options.urls.map((url) => ({
      url,
      restsUntil: 0,
      failures: 0,
      trouble: undefined,
    }));
  }

  get urls(): readonly string[] {
    return this.#options.urls;
  }

  /** Requests that a node has not answered, of each node. */
  get failures(): readonly NodeFailures[] {
    return this.#nodes.map(({ url, failures }) => ({ url, count: failures }));
  }

  /** What is wrong with nodes, for a person: a text for each that has not answered as it should when it was asked last. */
  get troubles(): readonly string[] {
    return this.#nodes.flatMap(({ url, trouble }) =>
      trouble === undefined ? [] : [`${url}: ${trouble}`],
    );
  }

  /**
   * Asks one node after another until `read` takes an answer; it throws `NodeTrouble` where another should be asked.
   *
   * @throws {StoreTrouble} when none is left.
   * @throws {LateSearch} when the time is up.
   * @throws the reason of `signal`, where it is aborted.
   */
  async ask<T>(
    request: StoreRequest,
    read: (answer: StoreAnswer) => T,
    { deadlineMs = Infinity, timeoutMs = this.#options.timeoutMs, url, signal }: Asking = {},
  ): Promise<T> {
    const end = performance.now() + deadlineMs;
    const troubles: string[] = [];
    const nodes = this.inOrder(url);
    for (const [at, node] of nodes.entries()) {
      signal?.throwIfAborted();
      const left = end - performance.now();
      if (left <= 0) throw new LateSearch('the time is up');
      // The next one needs some of it, too.
      const share = at < nodes.length - 1 ? left / 2 : left;
      const waitMs = Math.min(timeoutMs, share);
      try {
        const answer = read(await this.send(node.url, request, waitMs, signal));
        node.trouble = undefined;
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof NodeTrouble)) throw error;
        // Who had no time to speak of has not failed.
        if (waitMs >= FAIR_MS) {
          node.restsUntil = performance.now() + REST_MS;
          node.failures += 1;
        }
        node.trouble = error.message;
        troubles.push(`${node.url}: ${error.message}`);
      }
    }
    if (performance.now() >= end) throw new LateSearch('the time is up');
    const all = [...new Set(troubles)].sort().join('; ');
    throw new StoreTrouble(`no node of the store has answered as it should: ${all}`);
  }

  /** In turns, those that have failed lately last. A single one is asked twice: its address may be that of several. */
  private inOrder(url: string | undefined): readonly Node[] {
    if (url !== undefined) return this.#nodes.filter((node) => node.url === url);
    const now = performance.now();
    this.#turn = (this.#turn + 1) % this.#nodes.length;
    const turned = [...this.#nodes.slice(this.#turn), ...this.#nodes.slice(0, this.#turn)];
    const well = turned.filter(({ restsUntil }) => restsUntil <= now);
    const all = [...well, ...turned.filter((node) => !well.includes(node))];
    return all.length === 1 ? [...all, ...all] : all;
  }

  private async send(
    url: string,
    { method, path, body, mostBytes = MOST_BYTES }: StoreRequest,
    timeoutMs: number,
    calledOff: AbortSignal | undefined,
  ): Promise<StoreAnswer> {
    const { key } = this.#options;
    const timeout = AbortSignal.timeout(Math.ceil(timeoutMs));
    try {
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(key !== '' && { authorization: `Bearer ${key}` }),
        },
        ...(body !== undefined && { body }),
        redirect: 'error',
        signal: calledOff === undefined ? timeout : AbortSignal.any([calledOff, timeout]),
      });
      const text = await textOf(response, mostBytes);
      if (response.status >= 500) throw new NodeTrouble(`${response.status} ${faultIn(text)}`);
      return { status: response.status, json: text === '' ? undefined : JSON.parse(text) };
    } catch (error) {
      if (error instanceof NodeTrouble || error instanceof LargeSearch) throw error;
      throw new NodeTrouble(reasonOf(error, timeoutMs));
    }
  }
}

/** What a node says is wrong, cut where it is long. */
export function faultIn(text: string): string {
  const [, message = text] = /"message":"((?:[^"\\]|\\.)*)"/.exec(text) ?? [];
  return message.slice(0, 200);
}

async function textOf({ body }: Response, mostBytes: number): Promise<string> {
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk as Uint8Array);
    bytes += (chunk as Uint8Array).length;
    // Leaving the loop closes the connection.
    if (bytes > mostBytes) throw new LargeSearch(`more than ${mostBytes} bytes`);
  }
  return Buffer.concat(chunks).toString();
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, cause } = error as Error & { readonly cause?: Cause };
  if (name === 'TimeoutError') return `no answer within ${Math.ceil(timeoutMs)} ms`;
  if (error instanceof SyntaxError) return 'what it answers is no JSON';
  if (cause?.message === 'bad port') {
    return "Node's fetch refuses this port (https://fetch.spec.whatwg.org/#port-blocking)";
  }
  // Not its message, which may have the request in it.
  return cause?.code ?? 'it cannot be asked';
}

interface Cause {
  readonly code?: string;
  readonly message?: string;
}
