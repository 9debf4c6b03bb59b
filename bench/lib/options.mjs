// The command line of `bench/run.mjs`, checked and with its defaults.

import { parseArgs } from 'node:util';

import { GROUPS, TARGETS } from './targets.mjs';
import { TEXT_SETS } from './texts.mjs';

export const USAGE = `node bench/run.mjs [options]

  --targets LIST       what bench/README.md lists; peers stands for every peer, all for every peer and
                       Chorus in every precision (starter)
  --texts LIST         of ${TEXT_SETS.join(', ')}; short@10 measures a set at 10 connections
                       only (bench_mix,k6_payloads; shipped without ../shared/data)
  --connections LIST   closed loops of so many connections (1,10,64)
  --rounds N           how often everything is measured; figures are medians (3)
  --duration TIME      how long each measurement sends, as k6 writes it (20s)
  --warmup TIME        the same before each set of texts, at 10 connections, thrown away (3s)
  --chart FILE         also draw the rates of Chorus and its peers, as SVG
  --resume             go on with the last run of the same options, which was cut
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
      chart: { type: 'string' },
      resume: { type: 'boolean', default: false },
      'no-results': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const connections = wholeNumbers('--connections', values.connections.split(','));
  return {
    help: values.help,
    resume: values.resume,
    /** What a resumed run must have in common. */
    key: ['targets', 'texts', 'connections', 'rounds', 'duration', 'warmup']
      .map((name) => `--${name} ${values[name]}`)
      .join(' '),
    targets: targets(values.targets),
    texts: values.texts.split(',').map((value) => textSet(value, connections)),
    rounds: wholeNumbers('--rounds', [values.rounds])[0],
    duration: time('--duration', values.duration),
    warmup: time('--warmup', values.warmup),
    chart: values.chart,
    results: !values['no-results'],
  };
}

function targets(list) {
  const names = list.split(',').flatMap((name) => GROUPS[name] ?? [name]);
  const unknown = names.filter((name) => !Object.hasOwn(TARGETS, name));
  if (unknown.length > 0)
    throw new Error(
      `unknown target ${unknown.join(', ')}; known: ${[...Object.keys(GROUPS), ...Object.keys(TARGETS)].join(', ')}`,
    );
  return [...new Set(names)];
}

/** `{name, connections}` of `name` or `name@10`. */
function textSet(value, connections) {
  const [name, own] = value.split('@');
  if (!TEXT_SETS.includes(name))
    throw new Error(`unknown set of texts ${name}; known: ${TEXT_SETS.join(', ')}`);
  return { name, connections: own === undefined ? connections : wholeNumbers('--texts', [own]) };
}

export function wholeNumbers(option, values) {
  return values.map((value) => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < 1)
      throw new Error(`${option} wants whole numbers from 1, not ${value}`);
    return number;
  });
}

export function time(option, value) {
  if (!/^(\d+(\.\d+)?(ms|s|m))+$/.test(value))
    throw new Error(`${option} wants a time such as 20s, not ${value}`);
  return value;
}

const UNITS = { ms: 0.001, s: 1, m: 60 };

/** The seconds of what `time` lets through. */
export function secondsOf(written) {
  const parts = [...written.matchAll(/([\d.]+)(ms|s|m)/g)];
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit], 0);
}
