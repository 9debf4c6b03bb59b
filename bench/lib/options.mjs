// The command line of `bench/run.mjs`, checked and with its defaults.

import { parseArgs } from 'node:util';

import { TARGETS } from './targets.mjs';

export const USAGE = `node bench/run.mjs [options]

  --targets LIST       of ${Object.keys(TARGETS).join(', ')} (starter)
  --texts LIST         of bench_mix, k6_payloads, shipped (bench_mix,k6_payloads; shipped without ../shared/data)
  --connections LIST   closed loops of so many connections (1,10,64)
  --rounds N           how often everything is measured; figures are medians (3)
  --duration TIME      how long each measurement sends, as k6 writes it (20s)
  --warmup TIME        the same before each measurement, thrown away (3s)
  --no-results         print only; leave bench/RESULTS.md as it is
`;

export function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      targets: { type: 'string', default: 'starter' },
      texts: { type: 'string', default: 'bench_mix,k6_payloads' },
      connections: { type: 'string', default: '1,10,64' },
      rounds: { type: 'string', default: '3' },
      duration: { type: 'string', default: '20s' },
      warmup: { type: 'string', default: '3s' },
      'no-results': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const targets = values.targets.split(',');
  const unknown = targets.filter((name) => !Object.hasOwn(TARGETS, name));
  if (unknown.length > 0)
    throw new Error(
      `unknown target ${unknown.join(', ')}; known: ${Object.keys(TARGETS).join(', ')}`,
    );
  return {
    help: values.help,
    targets,
    texts: values.texts.split(','),
    connections: values.connections.split(',').map((value) => positive('--connections', value)),
    rounds: positive('--rounds', values.rounds),
    duration: time('--duration', values.duration),
    warmup: time('--warmup', values.warmup),
    results: !values['no-results'],
  };
}

function positive(option, value) {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`${option} wants whole numbers from 1, not ${value}`);
  return number;
}

function time(option, value) {
  if (!/^(\d+(\.\d+)?(ms|s|m))+$/.test(value))
    throw new Error(`${option} wants a time such as 20s, not ${value}`);
  return value;
}
