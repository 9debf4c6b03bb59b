// U: what part of the machine a figure uses. The useful work of a text is what 12 full encoder layers
// need for its real tokens, attention included, in every model of the answer: padding adds nothing to it
// and a cheaper way to the same answer takes nothing off. Embeddings and heads are left out.

import { execFileSync } from 'node:child_process';

import { ROOT } from './paths.mjs';

const LAYERS = 12;
const WIDTH = 768;
const FEED_FORWARD = 3072;
/** A multiply and an add are two: query, key, value and output, and both feed-forward layers. */
const LINEAR_FLOPS_PER_TOKEN = LAYERS * 2 * (4 * WIDTH * WIDTH + 2 * WIDTH * FEED_FORWARD);
/** Scores of every pair of tokens, and the sums that they weigh. */
const ATTENTION_FLOPS_PER_PAIR = LAYERS * 4 * WIDTH;

/** For the report: 169.9 MFLOP × tokens + 36,864 FLOP × tokens². */
export const FORMULA = `${(LINEAR_FLOPS_PER_TOKEN / 1e6).toFixed(1)} MFLOP × L + ${ATTENTION_FLOPS_PER_PAIR} FLOP × L² for L tokens of one model`;

/** Useful GFLOP of one text in one base-size model. */
export function usefulGflop(tokens) {
  return (LINEAR_FLOPS_PER_TOKEN * tokens + ATTENTION_FLOPS_PER_PAIR * tokens * tokens) / 1e9;
}

/** GFLOP/s of all cores by precision, measured now; null where the CPU lacks the instructions. */
export function measurePeaks() {
  const manifest = ['--manifest-path', 'native/Cargo.toml'];
  const example = ['-p', 'chorus-kernels', '--example', 'limits', ...manifest];
  const output = execFileSync(
    'cargo',
    ['run', '--release', '--locked', '--quiet', ...example, '--', '--peaks'],
    { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const { f32_gflops, bf16_gflops, q8_gops } = JSON.parse(output).all_cores;
  return { fp32: f32_gflops, bf16: bf16_gflops, int8: q8_gops };
}
