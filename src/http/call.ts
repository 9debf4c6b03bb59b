/**
 * One request as its operation sees it, and the part of answering that every contract needs: texts that
 * are Unicode, a wait that ends, and headers that say what was cut and where the time went.
 */

import type {
  Answer,
  Engine,
  Hurry,
  Inference,
  ModelInfo,
  TextAnswer,
  Timing,
} from '../engine/engine.js';
import { LargeSearch, LateSearch } from '../engine/native-index.js';
import { ServiceError } from '../errors/service-error.js';
import { vectorOf } from '../retrieval/embed.js';
import { queryPrompt } from '../retrieval/prompts.js';
import { UnknownField, type Found, type IndexGeneration } from '../retrieval/generation.js';
import type { OpenSearch } from '../retrieval/search-pace.js';
import type { ServedIndex } from '../retrieval/served-index.js';
import { StoreRefusal } from '../retrieval/store/answers.js';
import { StoreTrouble } from '../retrieval/store/nodes.js';
import type { Route } from '../routes/endpoints.js';
import type { Call, Wish } from '../routes/operation.js';
import { tooLate, type Exchange } from './exchange.js';
import type { Context } from './state.js';
import { faultyInput, pointerTo } from './invalid-input.js';
import { searchRefusal } from './search-refusal.js';
import { hurryOf, isFreshWanted } from './wishes.js';

/** What calls are made of; the same for all requests. */
export interface CallServices {
  readonly engine: Engine;
  /** Where a route looks in one. */
  readonly index?: ServedIndex | undefined;
  /** The longest that an answer may take, in milliseconds; 0 for no limit. */
  readonly answerTimeoutMs: number;
  /** Whether a client may ask for an answer that was not kept. */
  readonly mayBypassCache: boolean;
  /** Counts a text that was repaired before the models saw it. */
  readonly textRepaired: () => void;
}

export const SERVER_TIMING_HEADER = 'server-timing';
export const TRUNCATED_HEADER = 'chorus-truncated';
export const CACHE_HEADER = 'x-cache';
/** The generation of the index that an answer is from. */
export const GENERATION_HEADER = 'chorus-generation';

/** More are a count: a header has no room for a thousand texts. */
const TRUNCATED_SHOWN = 100;

export class RequestCall implements Call {
  constructor(
    private readonly context: Context,
    readonly models: readonly ModelInfo[],
    private readonly route: Route,
    private readonly services: CallServices,
  ) {}

  get parameters(): Readonly<Record<string, string>> {
    return (this.context as { params?: Record<string, string> }).params ?? {};
  }

  async ask<const T extends readonly string[]>(
    texts: T,
    // Always the same list, so that the engine knows it again.
    models: readonly string[] = this.route.models,
  ): Promise<{ readonly [K in keyof T]: TextAnswer }> {
    const answer = await this.answered(texts, models, this.hurry());
    this.header(SERVER_TIMING_HEADER, serverTiming(answer, this.context.state.exchange));
    return answer.texts as { readonly [K in keyof T]: TextAnswer };
  }

  async find(texts: readonly string[], wish: Wish): Promise<readonly (readonly Found[])[]> {
    const { engine, index } = this.services;
    if (index === undefined) throw new ServiceError('internal', 'There is no index.');
    const refusal = searchRefusal(engine, index, texts.length, this.hurry());
    if (refusal !== undefined) throw refusal;
    const open = index.accepted(texts.length);
    const used = index.current.use();
    try {
      this.header(GENERATION_HEADER, used.manifest.generation);
      return await this.foundIn(used, open, texts, wish);
    } finally {
      open.ended(false);
      used.release();
    }
  }

  private async foundIn(
    index: IndexGeneration,
    open: OpenSearch,
    texts: readonly string[],
    { top, filter = {} }: Wish,
  ): Promise<readonly (readonly Found[])[]> {
    const within = known(() => index.within(filter));
    const hurry = this.hurry();
    const begun = performance.now();
    const [encoder] = this.models;
    const prompt = encoder === undefined ? '' : queryPrompt(encoder);
    const asked = prompt === '' ? texts : texts.map((text) => prompt + text);
    const answer = await this.answered(asked, this.route.models, hurry);
    const embedded = performance.now();
    const deadlineMs =
      hurry.deadlineMs === 0 ? undefined : Math.max(0, hurry.deadlineMs - (embedded - begun));
    open.begun();
    try {
      const { exchange } = this.context.state;
      const search = {
        ...{ top, signal: () => exchange.gone },
        ...(deadlineMs !== undefined && { deadlineMs }),
      };
      const found = await within.search(answer.texts.map(vectorOf), search);
      open.ended(true);
      const searchMs = performance.now() - embedded;
      this.services.index?.searched(searchMs / 1000);
      this.header(SERVER_TIMING_HEADER, serverTiming(answer, exchange, searchMs));
      return found;
    } catch (error) {
      if (error instanceof LateSearch) throw tooLate(hurry.deadlineMs);
      if (error instanceof StoreTrouble || error instanceof StoreRefusal) {
        open.ended(true);
        this.services.index?.searchFailed(error);
        throw new ServiceError('index_unavailable', 'The index did not answer; ask again.');
      }
      if (!(error instanceof LargeSearch)) throw error;
      open.ended(true);
      const detail = `asks for more than an answer has room for: ${error.message}; ask for less`;
      throw faultyInput([{ pointer: '', detail }]);
    }
  }

  private hurry(): Hurry {
    const { headers } = this.context.state.exchange.request;
    return hurryOf(headers, this.services.answerTimeoutMs, this.route.priority);
  }

  /** The engine's answer, with the headers that tell of it; all but where the time went. */
  private async answered(
    texts: readonly string[],
    models: readonly string[],
    hurry: Hurry,
  ): Promise<Answer> {
    const { engine } = this.services;
    const { exchange } = this.context.state;
    const { headers } = exchange.request;
    const askedAt = performance.now();
    const inference = engine.infer({
      texts: texts.map((text) => ({ text: this.repaired(text), models })),
      ...hurry,
      fresh: this.services.mayBypassCache && isFreshWanted(headers),
    });
    const answer = inference.known ?? (await this.answerOf(inference, hurry));
    if (answer.texts.length !== texts.length) {
      throw new ServiceError('internal', 'The engine gave no answer.');
    }
    const { timing, cache } = answer;
    exchange.trace?.answered({ askedAt, texts: texts.length, models, timing, cache });
    const truncated = truncation(answer);
    if (truncated !== '') this.header(TRUNCATED_HEADER, truncated);
    if (cache !== undefined) this.header(CACHE_HEADER, cache.outcome);
    return answer;
  }

  /** Who is late is told how much time there was for the request, not for a part of the way. */
  private async answerOf(inference: Inference, { deadlineMs }: Hurry): Promise<Answer> {
    try {
      return await this.context.state.exchange.wait(inference, deadlineMs);
    } catch (thrown) {
      const error = ServiceError.from(thrown);
      throw error.code === 'deadline_exceeded' ? tooLate(deadlineMs) : error;
    }
  }

  header(name: string, value: string): void {
    this.context.state.exchange.header(name, value);
  }

  /** A lone surrogate has no UTF-8 form. Replaced here, what is counted is what the models read. */
  private repaired(text: string): string {
    if (text.isWellFormed()) return text;
    this.services.textRepaired();
    return text.toWellFormed();
  }
}

/** The models that read only the beginning of a text; of several texts each with the text's index. */
function truncation({ texts }: Answer): string {
  if (texts.length === 1) return texts[0]?.truncatedBy.join(', ') ?? '';
  if (texts.every(({ truncatedBy }) => truncatedBy.length === 0)) return '';
  const all = texts.flatMap(({ truncatedBy }, index) =>
    truncatedBy.map((model) => `${index}:${model}`),
  );
  const shown = all.slice(0, TRUNCATED_SHOWN);
  if (all.length > shown.length) shown.push(`+${all.length - shown.length}`);
  return shown.join(', ');
}

/**
 * Where the time of a request went, as the standard header has it (https://www.w3.org/TR/server-timing/):
 * what `curl -i` and a browser's developer tools show. `total` counts from the request's header to now.
 */
function serverTiming(
  { timing, cache }: Answer,
  { startedAt }: Exchange,
  searchMs?: number,
): string {
  const total = performance.now() - startedAt;
  const looking = cache === undefined ? '' : `cache;dur=${cache.duration.toFixed(2)}, `;
  const models = cache?.outcome === 'hit' ? '' : modelsTiming(timing);
  const search = searchMs === undefined ? '' : `search;dur=${searchMs.toFixed(2)}, `;
  return `${looking}${models}${search}total;dur=${total.toFixed(2)}`;
}

/** What `read` gives, a field that is not there told as a fault of the body. */
function known<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UnknownField)) throw error;
    const { field, known } = error;
    const others = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`;
    const detail = `is not a field of the index; ${others}`;
    throw faultyInput([{ pointer: pointerTo(['filter', field]), detail }]);
  }
}

function modelsTiming({ tokenization, queue, inference }: Timing): string {
  return (
    `tokenization;dur=${tokenization.toFixed(2)}, queue;dur=${queue.toFixed(2)}, ` +
    `inference;dur=${inference.toFixed(2)}, `
  );
}
