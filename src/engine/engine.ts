/**
 * The engine as the HTTP layer sees it: texts in, model outputs out.
 *
 * Routes depend on this interface alone. `native-engine.ts` implements it over the Rust addon, and
 * tests implement it with a few lines of their own.
 */

import type { ServiceError } from '../errors/service-error.js';

/** What one model gives for one text. */
export type ModelOutput = ClassScores | Embedding;

/** A classifier's answer: a score for each label, in the model's order; `ModelInfo.scores` says what they are. */
export interface ClassScores {
  readonly type: 'classification';
  /** The model's labels; `scores[i]` belongs to `labels[i]`. */
  readonly labels: readonly string[];
  readonly scores: Float32Array;
  /** The class that the model has decided for, where it decides itself; else it is the one with the highest score. */
  readonly predicted?: number;
}

/** A sentence encoder's pooled vector, of the length 1 where `ModelInfo.normalized` says so. */
export interface Embedding {
  readonly type: 'embedding';
  readonly vector: Float32Array;
}

export interface TextRequest {
  readonly text: string;
  /** Names of the models that answer it, at least one, each once; the answer keeps their order. */
  readonly models: readonly string[];
}

/** Who waits for an answer; one in a hurry goes before one that is not, within limits. */
export type Priority = 'interactive' | 'batch';

/** When an answer is wanted. */
export interface Hurry {
  /** Milliseconds from now after which nobody wants the answer, so that it is not computed; 0: none. */
  readonly deadlineMs: number;
  readonly priority: Priority;
}

export interface InferRequest extends Hurry {
  /** Without any, the answer has none either. */
  readonly texts: readonly TextRequest[];
  /** Whether answers that were kept are not wanted. */
  readonly fresh: boolean;
}

/** The answers to one text. */
export interface TextAnswer {
  /** One output per requested model, in the order of `TextRequest.models`. */
  readonly outputs: readonly ModelOutput[];
  /** The models that read only the beginning of the text, because it is longer than they can read. */
  readonly truncatedBy: readonly string[];
}

/**
 * A request that is being answered, and can be given up.
 *
 * Why no `AbortSignal`? One for each request took a fifth of the JS thread, for what it was tied to
 * outlived the young generation.
 */
export interface Inference {
  /**
   * @throws {ServiceError} `queue_full`, `queue_wait`, `too_many_texts`, `unreadable_text`, `model_unavailable`,
   *   `draining`, `deadline_exceeded`, `inference_failed`, or what `cancel` was given.
   */
  readonly answer: Promise<Answer>;
  /** The answer, where nobody has to wait for it. */
  readonly known?: Answer;
  /**
   * Frees the places in the queue; `answer` then rejects with `reason` at once, whatever becomes of the work, unless it
   * has come already. Never throws.
   */
  readonly cancel: (reason: ServiceError) => void;
}

/** The answer to a request. */
export interface Answer {
  /** One entry per text, in order. */
  readonly texts: readonly TextAnswer[];
  /** Outputs that this request alone had asked for when it did; none where all were on their way for others. */
  readonly begun: number;
  readonly timing: Timing;
  /** What a cache had of it, where there is one. */
  readonly cache?: CacheUse;
}

/**
 * What an answer owes to a cache: all of it, some, none; or `coalesced`: none, but others had asked for all of it and
 * not been answered yet.
 */
export type CacheOutcome = 'hit' | 'miss' | 'partial' | 'coalesced';

export interface CacheUse {
  readonly outcome: CacheOutcome;
  /** Milliseconds that looking took. */
  readonly duration: number;
}

/** Where a request's time went in the engine, in milliseconds; the parts follow each other. */
export interface Timing {
  /** Until the texts were tokens, waiting for a tokenizer thread included. */
  readonly tokenization: number;
  /** Until the first batch with one of the texts began. */
  readonly queue: number;
  /** Until the last batch with one of the texts ended. */
  readonly inference: number;
}

export type Task = 'classification' | 'embedding';

/** What is known about a loaded model. */
export interface ModelInfo {
  readonly name: string;
  /** `xlm-roberta`, `roberta`, `bert`, `distilbert`, or `onnx` for a graph. */
  readonly architecture: string;
  readonly task: Task;
  /** Label names by class id; empty for an encoder. */
  readonly labels: readonly string[];
  /** What a classifier's scores are: probabilities in [0, 1], or any numbers, as of a regression or a decision function. */
  readonly scores: 'probabilities' | 'numbers';
  /** Whether its answers say which class it has decided for (`ClassScores.predicted`). */
  readonly decides: boolean;
  /** The longest input in tokens, special tokens included; 0 for a model that reads texts itself, of any length. */
  readonly maxTokens: number;
  readonly parameters: number;
  /** How its linear layers compute, such as `exact`. */
  readonly precision: string;
  /** What runs it, such as `cpu`. */
  readonly provider: string;
  /**
   * Hexadecimal. Equal for models that answer every text alike: files, labels, pooling, normalization, limit and precision
   * are in it.
   */
  readonly digest: string;
  /**
   * Hexadecimal. Equal for encoders whose vectors can be compared: as of `digest`, but for what computes them and in which
   * version of Chorus, which change the last bits.
   */
  readonly space: string;
  /** Components of an encoder's vector; 0 for a classifier. */
  readonly dimensions: number;
  /** Whether its vectors are made to have the length 1. */
  readonly normalized: boolean;
  /** How its vectors are to be compared. */
  readonly similarity: 'cosine' | 'dot';
  /**
   * What is to be put in front of texts of a kind, such as `query` or `document`, as the encoder's folder says it. Whoever
   * asks does that: `infer` answers texts as they are.
   */
  readonly prompts: Readonly<Record<string, string>>;
  /** What is to be put in front of a text of no such kind, where the folder says so; a text, not a name. */
  readonly defaultPrompt: string | undefined;
  /** Bytes of memory that it takes while it is loaded; 0 on a GPU, whose memory is not counted. */
  readonly bytes: number;
  readonly load: 'eager' | 'lazy';
}

/** What has become of a model that is loaded when it is asked for. */
export type ModelEvent =
  | { readonly what: 'evicted'; readonly model: string }
  /** `error` names files: it is for the log. */
  | {
      readonly what: 'failed';
      readonly model: string;
      readonly error: string;
      readonly retryAfterMs: number;
    }
  | { readonly what: 'loaded'; readonly model: string; readonly seconds: number };

export interface Engine {
  readonly models: readonly ModelInfo[];
  /** The loaded ONNX Runtime's version, such as `1.30`. */
  readonly ortVersion: string;
  /** Tokens per batch: as configured, or as measured at start. */
  readonly maxBatchTokens: number;
  /** Answers every text by every model. */
  infer(request: InferRequest): Inference;
  /**
   * Why a request would be refused for load of which nothing else is known yet than that it waits `waitedMs` besides: since it
   * came, or for what it needs after its answer.
   */
  refusal(hurry: Hurry, waitedMs: number): ServiceError | undefined;
  /** A snapshot of counters and gauges; cheap enough for every scrape. */
  stats(): EngineStats;
  /** Refuses new work, answers what was accepted, then frees the models. */
  close(): Promise<void>;
}

/** A histogram with cumulative counts left to the reader: `counts[i]` fell in `(upperBounds[i-1], upperBounds[i]]`. */
export interface HistogramSnapshot {
  readonly upperBounds: readonly number[];
  /** One more than `upperBounds`: the last bucket is everything above. */
  readonly counts: readonly number[];
  readonly sum: number;
  /** By bucket, where there are any. */
  readonly exemplars?: readonly (Exemplar | undefined)[];
}

/** One of the values that were counted, and the trace that shows where it came from. */
export interface Exemplar {
  readonly traceId: string;
  readonly value: number;
  /** When, in seconds since 1970. */
  readonly seconds: number;
}

export interface ModelStats {
  readonly name: string;
  readonly textsDone: number;
  readonly textsFailed: number;
  readonly textsCancelled: number;
  readonly queuedTexts: number;
  readonly queuedTokens: number;
  readonly batchTokens: number;
  readonly batchPaddedTokens: number;
  readonly busySeconds: number;
  readonly batchSize: HistogramSnapshot;
  readonly queueWaitSeconds: HistogramSnapshot;
  readonly inferenceSeconds: HistogramSnapshot;
  /** How many batches were closed for which reason: `drained`, `padding`, `shared`, `token_budget`. */
  readonly batchesClosed: Readonly<Record<string, number>>;
  /** Failed texts by reason: `non_finite`, `not_loaded`, `panic`, `runtime`, `unreadable`. */
  readonly errors: Readonly<Record<string, number>>;
  /** Whether it is in memory, and what it takes or would take of it. */
  readonly loaded: boolean;
  readonly bytes: number;
  /** Loads on demand, by how they ended; one that was loaded at start has none. */
  readonly loadsDone: number;
  readonly loadsFailed: number;
  /** How often it had to go for others. */
  readonly evictions: number;
  readonly loadSeconds: HistogramSnapshot;
}

export interface EngineStats {
  readonly models: readonly ModelStats[];
  readonly lanes: number;
  /** Steps of lanes and tokenizer threads that panicked; each failed what it was about and went on. */
  readonly panics: number;
  /** The engine has failed for good and refuses everything; only a restart helps. */
  readonly broken: boolean;
  /** Texts accepted and not yet answered, and the most that are accepted. */
  readonly pendingTexts: number;
  readonly queueCapacity: number;
  /** Bytes of the models that are loaded, and the most that may be, if there is a limit. */
  readonly modelMemory: number;
  readonly modelMemoryLimit?: number;
  /** Until the first text of a request would begin that came now, and the longest such wait that is let in. */
  readonly expectedWaitSeconds: number;
  readonly waitLimitSeconds?: number;
  readonly tokenizationSeconds: HistogramSnapshot;
  readonly inputTokens: HistogramSnapshot;
  /** Of the cache before the engine, where there is one. */
  readonly cache?: CacheStats;
  readonly truncatedTexts: number;
  /** Seconds since a batch last ended; 0 while nothing is pending. */
  readonly secondsSinceProgress: number;
}

/** Where answers are kept. */
export type CacheTier = 'memory' | 'redis';

export interface CacheStats {
  /** Requests by what they owe to the cache. */
  readonly outcomes: Readonly<Record<CacheOutcome, number>>;
  /** Outputs, one for each text and model, that were looked for in each tier that there is. */
  readonly lookups: Readonly<
    Partial<Record<CacheTier, { readonly hit: number; readonly miss: number }>>
  >;
  /** Texts in memory, about how many bytes they take, and how many had to go for others. */
  readonly entries: number;
  readonly bytes: number;
  readonly evictions: number;
  readonly redis?: RedisStats;
}

/** Whether Redis is asked: yes, once to see whether it is back, or no. */
export type CircuitState = 'closed' | 'half-open' | 'open';

/** What went wrong: no answer in time, no connection, an answer that is an error, a value that is not ours. */
export type RedisFault = 'timeout' | 'connection' | 'reply' | 'value';

export interface RedisStats {
  readonly seconds: Readonly<Record<'get' | 'set', HistogramSnapshot>>;
  readonly errors: Readonly<Record<RedisFault, number>>;
  readonly circuit: CircuitState;
}
