/**
 * The queries of a search, in Weaviate's GraphQL, and what is answered.
 */

import { NodeTrouble } from './nodes.js';

export interface NearRow {
  readonly row: number;
  readonly entry: string;
  /** One less the cosine of the angle. */
  readonly distance: number;
}

/** Of each field that is named, by its place, values of which a row has one. */
export type Where = readonly { readonly field: number; readonly values: readonly string[] }[];

export interface Nearest {
  readonly top: number;
  readonly where: Where;
  readonly deadlineMs?: number;
  /** So many there are for each vector; a node that finds less than half of them has lost some. */
  readonly least: number;
  /** Of the one node that is asked; nothing: any. */
  readonly url?: string | undefined;
  /** Calls it off. */
  readonly signal?: AbortSignal | undefined;
}

const HIT = '{row entry _additional{distance}}';

/** One query for all vectors. */
export function queryOf(
  name: string,
  vectors: readonly Float32Array[],
  { top, where }: Nearest,
): string {
  const narrowed = where.length === 0 ? '' : `,where:${whereText(where)}`;
  const queries = vectors.map(
    (vector, at) =>
      `q${at}:${name}(limit:${top},nearVector:{vector:${vectorText(vector)}}${narrowed})${HIT}`,
  );
  return `{Get{${queries.join(' ')}}}`;
}

/** One query for the row that is nearest to each of the rows with these ids: itself, or its equal. */
export function likeQueryOf(name: string, ids: readonly string[]): string {
  const queries = ids.map((id, at) => `q${at}:${name}(limit:1,nearObject:{id:"${id}"})${HIT}`);
  return `{Get{${queries.join(' ')}}}`;
}

/** A row that was asked for by its id. */
export interface KnownRow {
  readonly row: number;
  readonly entry: string;
  readonly vector: Float32Array;
}

/** One query for the rows with these ids. */
export function rowsQueryOf(name: string, ids: readonly string[]): string {
  const wanted = `{path:["id"],operator:ContainsAny,valueText:${JSON.stringify(ids)}}`;
  return `{Get{${name}(limit:${ids.length},where:${wanted}){row entry _additional{vector}}}}`;
}

/** What `data` has for it. */
export function knownRowsOf(name: string, data: unknown): readonly KnownRow[] {
  const { Get: rows = {} } = data as { Get?: Record<string, readonly Known[]> };
  const known = rows[name];
  if (known === undefined) throw new NodeTrouble('it answers another question');
  return known.map(({ row, entry, _additional: { vector } }) => ({
    ...{ row, entry },
    vector: Float32Array.from(vector),
  }));
}

interface Known {
  readonly row: number;
  readonly entry: string;
  readonly _additional: { readonly vector: readonly number[] };
}

/** What `data` has for each of so many: best first; of equal ones the first in the corpus. */
export function nearRowsOf(data: unknown, count: number): readonly (readonly NearRow[])[] {
  const { Get: rows = {} } = data as { Get?: Record<string, readonly Hit[]> };
  return Array.from({ length: count }, (_, at) => nearRows(rows[`q${at}`]));
}

interface Hit {
  readonly row: number;
  readonly entry: string;
  readonly _additional: { readonly distance: number };
}

function nearRows(hits: readonly Hit[] | undefined): readonly NearRow[] {
  if (hits === undefined) throw new NodeTrouble('it answers another question');
  return hits
    .map(({ row, entry, _additional: { distance } }) => ({ row, entry, distance }))
    .sort((one, other) => one.distance - other.distance || one.row - other.row);
}

/** Names that GraphQL takes, whatever fields are called. */
export function fieldName(at: number): string {
  return `f${at}`;
}

function vectorText(vector: Float32Array): string {
  if (!vector.every(Number.isFinite) || vector.every((value) => value === 0)) {
    throw new Error('the vector has no direction');
  }
  return `[${Array.from(vector, (value) => value.toPrecision(9)).join()}]`;
}

function whereText(where: Where): string {
  const operands = where.map(
    ({ field, values }) =>
      `{path:["${fieldName(field)}"],operator:ContainsAny,valueText:${JSON.stringify(values)}}`,
  );
  return `{operator:And,operands:[${operands.join()}]}`;
}
