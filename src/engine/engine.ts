/**
 * The engine as the HTTP layer sees it: texts in, model outputs out.
 *
 * Routes depend on this interface alone. `native-engine.ts` implements it over the Rust addon, and
 * tests implement it with a few lines of their own.
 */

import type { ServiceError } from '../errors/service-error.js';

/** What one model gives for one text. */
export type ModelOutput =
  /** A classifier's labels with their scores in [0, 1], best first, at most `InferRequest.top` of them. */
  | { readonly type: 'classification'; readonly scores: readonly LabelScore[] }
  /** A sentence encoder's pooled vector, `hiddenSize` numbers, not normalized. */
  | { readonly type: 'embedding'; readonly vector: readonly number[] };

export interface LabelScore {
  readonly label: string;
  readonly score: number;
}

export interface InferRequest {
  /** At least one text; every text is answered by every model of `models`. */
  readonly texts: readonly string[];
  /** Names of models as the profile gives them; the answer keeps their order. */
  readonly models: readonly string[];
  /** How many labels of a classifier to return, best first; `Infinity` for all. */
  readonly top: number;
}

/** The answers to one text. */
export interface TextAnswer {
  /** One output per requested model, in the order of `InferRequest.models`. */
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
  /** @throws {ServiceError} `queue_full`, `draining`, `inference_failed`, or what `cancel` was given. */
  readonly answer: Promise<Answer>;
  /** Frees the places in the queue; `answer` then rejects with `reason`, unless it has come already. */
  readonly cancel: (reason: ServiceError) => void;
}

/** The answer to a request. */
export interface Answer {
  /** One entry per text, in order. */
  readonly texts: readonly TextAnswer[];
  readonly timing: Timing;
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

/** What is known about a loaded model. */
export interface ModelInfo {
  readonly name: string;
  /** `xlm-roberta`, `roberta`, `bert`, `distilbert`, or `onnx` for a graph served as it is. */
  readonly architecture: string;
  readonly task: 'classification' | 'embedding';
  /** Label names by class id; empty for an encoder. */
  readonly labels: readonly string[];
  /** The longest input in tokens, special tokens included. */
  readonly maxTokens: number;
  readonly parameters: number;
  /** How its linear layers compute: `exact`, `bf16` or `int8`. */
  readonly precision: string;
  /** The execution provider that runs it: `cpu` or `cuda`. */
  readonly provider: string;
}

export interface Engine {
  readonly models: readonly ModelInfo[];
  /** The loaded ONNX Runtime's version, such as `1.30`. */
  readonly ortVersion: string;
  /** Tokens per batch: as configured, or as measured at start. */
  readonly maxBatchTokens: number;
  /** Answers every text by every model. */
  infer(request: InferRequest): Inference;
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
  /** Failed texts by reason: `non_finite`, `panic`, `runtime`. */
  readonly errors: Readonly<Record<string, number>>;
}

export interface EngineStats {
  readonly models: readonly ModelStats[];
  readonly lanes: number;
  readonly laneRestarts: number;
  readonly panics: number;
  /** Texts accepted and not yet answered, and the most that are accepted. */
  readonly pendingTexts: number;
  readonly queueCapacity: number;
  readonly tokenizationSeconds: HistogramSnapshot;
  readonly inputTokens: HistogramSnapshot;
  readonly truncatedTexts: number;
  /** Seconds since a lane last finished a batch or found nothing to do. */
  readonly secondsSinceProgress: number;
}
