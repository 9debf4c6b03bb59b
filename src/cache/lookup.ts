/**
 * What is known of a request's answer so far: one row for each text, one place in it for each of its models.
 */

import type { ModelInfo, ModelOutput, TextAnswer, TextRequest } from '../engine/engine.js';
import type { IndicesOf } from '../engine/indices.js';
import type { Kept } from './kept.js';
import type { Entry } from './memory-tier.js';

/** An output that is missing. */
export interface Missing {
  readonly row: Row;
  /** Among the models of the row. */
  readonly at: number;
  readonly text: string;
  readonly model: ModelInfo;
}

export interface Row {
  readonly request: TextRequest;
  /** The models by their indices, in the order of the request. */
  readonly models: readonly number[];
  readonly kept: (Kept | undefined)[];
  /** Whether memory does not have all that is here. */
  isNew: boolean;
}

export class Lookup {
  readonly rows: readonly Row[];
  /** Outputs that are asked for, and how many of them are not known. */
  readonly outputs: number;
  missing: number;
  readonly #startedAt = performance.now();

  constructor(
    texts: readonly TextRequest[],
    private readonly models: readonly ModelInfo[],
    indicesOf: IndicesOf,
  ) {
    this.rows = texts.map((request) => {
      const models = indicesOf(request.models);
      return { request, models, kept: models.map(() => undefined), isNew: false };
    });
    this.outputs = this.rows.reduce((sum, { models }) => sum + models.length, 0);
    this.missing = this.outputs;
  }

  /** Milliseconds since it began. */
  get elapsed(): number {
    return performance.now() - this.#startedAt;
  }

  /** Enters what memory has and is not known yet. */
  remember(row: Row, entry: Entry): void {
    for (const [at, model] of row.models.entries()) {
      const kept = entry[model];
      if (kept === undefined || row.kept[at] !== undefined) continue;
      row.kept[at] = kept;
      this.missing -= 1;
    }
  }

  /** Enters an output that memory has not. */
  enter({ row, at }: Missing, kept: Kept): void {
    row.kept[at] = kept;
    row.isNew = true;
    this.missing -= 1;
  }

  /** Text by text, in the order of its models. */
  missingOutputs(): Missing[] {
    return this.rows.flatMap((row) =>
      row.models.flatMap((index, at) => {
        const model = this.models[index];
        const isKnown = model === undefined || row.kept[at] !== undefined;
        return isKnown ? [] : [{ row, at, text: row.request.text, model }];
      }),
    );
  }

  /** What to ask for the missing outputs, in their order. */
  missingTexts(): TextRequest[] {
    return this.rows.flatMap(({ request, kept }) => {
      const models = request.models.filter((_, at) => kept[at] === undefined);
      if (models.length === 0) return [];
      // The engine knows a list of models again by its identity.
      return [models.length === request.models.length ? request : { ...request, models }];
    });
  }

  /** The whole answer, once nothing is missing. */
  answers(): TextAnswer[] {
    return this.rows.map(({ request, kept }) => {
      const outputs: ModelOutput[] = [];
      let isTruncated = false;
      for (const one of kept) {
        if (one === undefined) continue;
        outputs.push(one.output);
        isTruncated ||= one.truncated;
      }
      const truncatedBy = isTruncated
        ? request.models.filter((_, at) => kept[at]?.truncated)
        : NOBODY;
      return { outputs, truncatedBy };
    });
  }
}

const NOBODY: readonly string[] = [];

/** What `row` knows, as memory keeps it. */
export function entryOf({ models, kept }: Row): Entry {
  const entry: (Kept | undefined)[] = [];
  for (const [at, model] of models.entries()) entry[model] = kept[at];
  return entry;
}
