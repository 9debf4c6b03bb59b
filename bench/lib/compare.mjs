// Chorus against its peers and against itself, and the project's goals, from the cells of one run.

import { find } from './statistics.mjs';
import { TARGETS } from './targets.mjs';

/** Chorus by precision; a peer is compared with the one of its own. */
export const CHORUS = { fp32: 'synthetic', bf16: 'bf16', int8: 'int8' };

/** Peers of a precision that were measured. */
export function peersOf(cells, precision) {
  const measured = new Set(cells.map(({ target }) => target));
  return [...measured].filter(
    (target) => TARGETS[target].isPeer && TARGETS[target].precision === precision,
  );
}

/** Requests per second of `target` ÷ those of `other`, or of its `share`; undefined where one is missing. */
export function ratio(cells, target, other, texts, connections, share = 1) {
  const [ours, theirs] = [target, other].map((name) => find(cells, name, texts, connections));
  return ours && theirs && ours.rps / (theirs.rps * share);
}

/** The fastest of `targets` at one place. */
export function fastest(cells, targets, texts, connections) {
  const found = targets.map((target) => find(cells, target, texts, connections)).filter(Boolean);
  return found.toSorted((a, b) => b.rps - a.rps)[0];
}

/** Of the fastest peer of its precision, at one place at least: a peer that reaches less is measured once. */
export const CONTENDER = 0.7;

/** False for a peer that was far behind the fastest of its precision everywhere; `samples` of one round. */
export function isContender(samples, target) {
  if (!TARGETS[target].isPeer) return true;
  const rivals = peersOf(samples, TARGETS[target].precision);
  return samples
    .filter((sample) => sample.target === target)
    .some(({ rps, texts, connections }) => {
      const best = fastest(samples, rivals, texts, connections);
      return rps >= CONTENDER * best.rps;
    });
}

/** Chorus ÷ the fastest peer of a precision at one place. */
export function againstBest(cells, precision, texts, connections) {
  const best = fastest(cells, peersOf(cells, precision), texts, connections);
  return best && ratio(cells, CHORUS[precision], best.target, texts, connections);
}

/** Sets of which one has short texts only, one all lengths, one a few of 512 tokens. */
export const LENGTH_MIXES = ['short', 'bench_mix', 'long5'];
export const MIX_CONNECTIONS = 10;

/** Useful GFLOP/s of each mix, and the lowest ÷ the highest; undefined where one is missing. */
export function mixes(cells, target) {
  const found = LENGTH_MIXES.map((texts) => find(cells, target, texts, MIX_CONNECTIONS));
  if (found.some((cell) => cell?.gflops === undefined)) return undefined;
  const rates = found.map(({ gflops }) => gflops);
  return { rates, evenness: Math.min(...rates) / Math.max(...rates) };
}

/** Goals that a run of peers can judge: `{goal, atLeast, value}`, value undefined where not measured. */
export function goals(cells) {
  const against = (target, others, texts, connections) => {
    const best = fastest(cells, others, texts, connections);
    return best && ratio(cells, target, best.target, texts, connections);
  };
  const places = ['bench_mix', 'k6_payloads'].flatMap((texts) =>
    [1, 10, 64].map((connections) => [texts, connections]),
  );
  /** The least of what was measured of it. */
  const everywhere = (value) => least(places.map((place) => value(...place)));
  const batching = ['peer-batched', 'infinity', 'litserve', 'mlserver'];
  const list = [
    [
      'exact ÷ best fp32 peer, bench_mix, 64 connections',
      1.25,
      againstBest(cells, 'fp32', 'bench_mix', 64),
    ],
    [
      'exact ÷ best fp32 peer, k6_payloads, 10 connections',
      1.2,
      againstBest(cells, 'fp32', 'k6_payloads', 10),
    ],
    [
      'exact ÷ best fp32 peer that batches, k6_payloads, 10 connections',
      1.5,
      against('synthetic', batching, 'k6_payloads', 10),
    ],
    [
      'exact ÷ best fp32 peer that batches, bench_mix, 64 connections',
      3,
      against('synthetic', batching, 'bench_mix', 64),
    ],
    [
      'int8 ÷ ONNX Runtime dynamic int8 unbatched, bench_mix, 64 connections',
      1.5,
      ratio(cells, 'int8', 'peer-int8', 'bench_mix', 64),
    ],
    [
      'int8 ÷ ONNX Runtime dynamic int8 unbatched, k6_payloads, 10 connections',
      1.25,
      ratio(cells, 'int8', 'peer-int8', 'k6_payloads', 10),
    ],
    [
      'int8 ÷ OpenVINO int8, lowest of all lines',
      1.15,
      everywhere((...place) => ratio(cells, 'int8', 'openvino-int8', ...place)),
    ],
    [
      'bf16 ÷ exact, k6_payloads, 10 connections',
      1.9,
      ratio(cells, 'bf16', 'synthetic', 'k6_payloads', 10),
    ],
    [
      'five models ÷ a fifth of one alone, k6_payloads, 10 connections',
      0.97,
      ratio(cells, 'synthetic', 'single', 'k6_payloads', 10, 1 / 5),
    ],
    [
      'p50 of the best peer ÷ p50 of Chorus, 1 connection, lowest of all precisions and texts',
      1,
      latency(cells),
    ],
    [
      'useful FLOP/s over length mixes, lowest ÷ highest, worst precision',
      0.9,
      least(Object.values(CHORUS).map((target) => mixes(cells, target)?.evenness)),
    ],
  ];
  return list.map(([goal, atLeast, value]) => ({ goal, atLeast, value }));
}

function latency(cells) {
  const ratios = Object.entries(CHORUS).flatMap(([precision, target]) =>
    ['bench_mix', 'k6_payloads'].map((texts) => {
      const own = find(cells, target, texts, 1);
      const theirs = peersOf(cells, precision).map((peer) => find(cells, peer, texts, 1)?.p50);
      const best = least(theirs);
      return own && best && best / own.p50;
    }),
  );
  return least(ratios);
}

function least(values) {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}
