/**
 * A model hub on loopback that speaks the Hugging Face hub's API as its clients use it, with the faults that
 * a download must survive.
 *
 * ```ts
 * const hub = await TestHub.start();
 * const first = await hub.addRepo({
 *   repo: 'owner/name',
 *   license: 'mit',
 *   files: { 'config.json': '{}', 'model.safetensors': { file: '/checkpoints/model.safetensors' } },
 * });
 * await hub.addCommit('owner/name', { ref: 'refs/pr/1', files: { 'config.json': '{"a":1}' } });
 * hub.fault({ kind: 'cut', afterBytes: 1000, path: 'model.safetensors', times: 10 });
 * // … download from hub.endpoint …
 * assert.equal(hub.tokenLeaked, false);
 * await hub.close();
 * ```
 *
 * - Repositories are models. A commit lists all of its files; `main`, other branches, `refs/pr/1`, full
 *   commit ids and their first digits (7 or more) name one. Contents come from memory or from disk.
 * - What is large or binary is LFS and lives on a second origin, behind a signed redirect.
 * - Faults: see `fault.ts`. Each is set for a path, a place, a method and a number of times.
 * - `requests` logs everything that was asked, of both origins, in order of arrival.
 *
 * `serve.ts` serves a folder from the command line. It is not a hub for users: it listens on loopback unless told otherwise
 * and knows no uploads, datasets, spaces, or Xet transfers.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';

import { admitted, knownToken, refuseStranger, visible } from './access.js';
import { answerApi, sendJson } from './api.js';
import { Cdn } from './cdn.js';
import { Exchange, type LoggedRequest } from './exchange.js';
import { Faults, type Fault, type Place } from './fault.js';
import { answerFile } from './files.js';
import { Listener, type Peak } from './listener.js';
import { Repo, type CommitOptions, type RepoOptions } from './repo.js';
import { routeOf, type FileRoute, type Route } from './route.js';

export type { LoggedRequest } from './exchange.js';
export type { Fault } from './fault.js';
export type { CommitOptions, RepoOptions } from './repo.js';

export interface HubOptions {
  /** The address to listen on; loopback by default. */
  readonly host?: string;
  /** The hub's port; any free one by default. */
  readonly port?: number;
  /** The tokens that the hub takes; `hf_valid` by default. */
  readonly tokens?: readonly string[];
  /** Entries of a file tree per answer; 1000 by default. */
  readonly pageSize?: number;
  /** Whether plain files are behind a relative redirect, as they are on the real hub; true by default. */
  readonly resolveCache?: boolean;
}

export class TestHub {
  readonly #options: HubOptions;
  readonly #tokens: ReadonlySet<string>;
  readonly #repos = new Map<string, Repo>();
  readonly #renamed = new Map<string, string>();
  readonly #faults = new Faults();
  readonly #log: Exchange[] = [];
  readonly #hub = new Listener((req, res) => {
    this.#answerHub(req, res);
  });
  readonly #store = new Listener((req, res) => {
    this.#answerCdn(req, res);
  });
  #endpoint = '';
  #cdnOrigin = '';
  #cdn = new Cdn('');
  #failure: Error | undefined;

  private constructor(options: HubOptions) {
    this.#options = options;
    this.#tokens = new Set(options.tokens ?? ['hf_valid']);
  }

  static async start(options: HubOptions = {}): Promise<TestHub> {
    const hub = new TestHub(options);
    hub.#cdnOrigin = await hub.#store.listen(0, options.host);
    hub.#cdn = new Cdn(hub.#cdnOrigin);
    hub.#endpoint = await hub.#hub.listen(options.port ?? 0, options.host);
    return hub;
  }

  /** `http://127.0.0.1:port`: a client's `HF_ENDPOINT`. */
  get endpoint(): string {
    return this.#endpoint;
  }

  get cdnOrigin(): string {
    return this.#cdnOrigin;
  }

  /** Adds a repository with one commit and resolves with the commit's id. */
  async addRepo(options: RepoOptions): Promise<string> {
    const repo = new Repo(options);
    const { id } = await repo.commit(options);
    this.#repos.set(repo.id, repo);
    return id;
  }

  /** Adds a commit that holds exactly these files, moves its ref there, resolves with its id. */
  async addCommit(repo: string, options: CommitOptions): Promise<string> {
    const found = this.#repos.get(repo);
    if (found === undefined) throw new Error(`no repository ${repo}`);
    return (await found.commit(options)).id;
  }

  /** Answers for the repository's old name with redirects to the new one. */
  rename(from: string, to: string): void {
    this.#renamed.set(from, to);
  }

  fault(fault: Fault): void {
    this.#faults.add(fault);
  }

  clearFaults(): void {
    this.#faults.clear();
  }

  /** Faults that have not happened yet; 0 says that a test met all it set. */
  get faultsWaiting(): number {
    return this.#faults.waiting;
  }

  get requests(): readonly LoggedRequest[] {
    return this.#log.map(({ entry }) => entry);
  }

  clearRequests(): void {
    this.#log.length = 0;
  }

  /** Whether an `Authorization` header came to the CDN. */
  get tokenLeaked(): boolean {
    return this.requests.some(({ on, authorized }) => on === 'cdn' && authorized);
  }

  /** How many connections and requests were open at once at most, at either origin. */
  get peak(): Readonly<Record<'cdn' | 'hub', Peak>> {
    return { cdn: this.#store.peak, hub: this.#hub.peak };
  }

  /**
   * Ends every connection and stops.
   *
   * @throws whatever broke the hub itself, such as a file that is gone; its client saw a broken connection.
   */
  async close(): Promise<void> {
    await Promise.all([this.#hub.close(), this.#store.close()]);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #answerHub(req: IncomingMessage, res: ServerResponse): void {
    const url = new URL(this.#endpoint + (req.url ?? '/'));
    const route = routeOf(url.pathname);
    const file = isFile(route);
    const subject = file ? `${route.repo}/${route.path}` : url.pathname;
    this.#run(this.#exchange(req, res, url, file ? 'hub' : 'api', subject), (exchange) =>
      this.#answer(exchange, route),
    );
  }

  #answerCdn(req: IncomingMessage, res: ServerResponse): void {
    const url = new URL(this.#cdnOrigin + (req.url ?? '/'));
    this.#run(this.#exchange(req, res, url, 'cdn', this.#cdn.subjectOf(url)), (exchange) =>
      this.#cdn.answer(exchange),
    );
  }

  #exchange(
    req: IncomingMessage,
    res: ServerResponse,
    url: URL,
    on: Place,
    subject: string,
  ): Exchange {
    const exchange = new Exchange(req, res, url, on, subject, this.#faults);
    this.#log.push(exchange);
    return exchange;
  }

  #run(exchange: Exchange, answer: (exchange: Exchange) => Promise<void>): void {
    if (exchange.spoiled()) return;
    answer(exchange).catch((error: unknown) => {
      // A client that goes away in the middle is no failure of the hub.
      if (!exchange.req.socket.destroyed) {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      }
      exchange.res.destroy();
    });
  }

  async #answer(exchange: Exchange, route: Route | undefined): Promise<void> {
    if (!knownToken(exchange, this.#tokens)) return;
    if (route === undefined) {
      exchange.error(404, undefined, "Sorry, we can't find the page you are looking for.");
    } else if (route.endpoint === 'whoami') {
      if (exchange.token === undefined) refuseStranger(exchange);
      else await sendJson(exchange, whoami());
    } else {
      const name = this.#renamed.get(route.repo);
      if (name !== undefined) {
        exchange.redirect(307, exchange.address.replace(route.repo, name));
        return;
      }
      const repo = visible(exchange, this.#repos.get(route.repo));
      if (repo === undefined) return;
      if (!isFile(route)) {
        await answerApi(exchange, route, repo, {
          endpoint: this.#endpoint,
          pageSize: this.#options.pageSize ?? 1000,
        });
      } else if (admitted(exchange, repo)) {
        await answerFile(exchange, route, repo, {
          endpoint: this.#endpoint,
          cdn: this.#cdn,
          resolveCache: this.#options.resolveCache ?? true,
        });
      }
    }
  }
}

function isFile(route: Route | undefined): route is FileRoute {
  return route !== undefined && ['raw', 'resolve', 'resolve-cache'].includes(route.endpoint);
}

function whoami(): object {
  return {
    type: 'user',
    id: '0123456789abcdef01234567',
    name: 'tester',
    fullname: 'Tester',
    isPro: false,
    orgs: [],
    auth: { type: 'access_token', accessToken: { displayName: 'test', role: 'read' } },
  };
}
