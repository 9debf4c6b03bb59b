// The command line of `bench/classic.mjs`, checked and with its defaults.

import { parseArgs } from 'node:util';

import { time, wholeNumbers } from '../lib/options.mjs';
import { TARGETS } from './targets.mjs';

export const USAGE = `node bench/classic.mjs [options]

  --targets LIST       of ${Object.keys(TARGETS).join(', ')} (all)
  --connections LIST   closed loops of so many connections (1,8,64)
  --rounds N           how often everything is measured; figures are medians (2)
  --duration TIME      how long each closed loop sends, as k6 writes it (6s)
  --warmup TIME        the same before, thrown away; for several processes so many times (3s)
  --step TIME          how long each rate of an open loop is sent (4s)
  --limit MS           the p99 that a rate must not exceed (50)
  --replicas LIST      so many processes behind nginx, at the most connections (1,2,4)
  --starts N           how often each target is started for the time until it is ready (5)
  --texts N            the first so many texts alone; leaves bench/RESULTS.md as it is
  --no-results         print only; leave bench/RESULTS.md as it is

Everything measured is also in bench/.work/classic/run.json.
`;

export function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      targets: { type: 'string', default: Object.keys(TARGETS).join() },
      connections: { type: 'string', default: '1,8,64' },
      rounds: { type: 'string', default: '2' },
      duration: { type: 'string', default: '6s' },
      warmup: { type: 'string', default: '3s' },
      step: { type: 'string', default: '4s' },
      limit: { type: 'string', default: '50' },
      replicas: { type: 'string', default: '1,2,4' },
      starts: { type: 'string', default: '5' },
      texts: { type: 'string' },
      'no-results': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const many = (name) => wholeNumbers(`--${name}`, values[name].split(','));
  const one = (name) => wholeNumbers(`--${name}`, [values[name]])[0];
  return {
    help: values.help,
    targets: targets(values.targets),
    connections: many('connections'),
    rounds: one('rounds'),
    duration: time('--duration', values.duration),
    warmup: time('--warmup', values.warmup),
    step: time('--step', values.step),
    limit: one('limit'),
    replicas: many('replicas'),
    starts: one('starts'),
    texts: values.texts === undefined ? undefined : one('texts'),
    results: !values['no-results'] && values.texts === undefined,
  };
}

function targets(list) {
  const names = [...new Set(list.split(','))];
  const unknown = names.filter((name) => !Object.hasOwn(TARGETS, name));
  if (unknown.length > 0)
    throw new Error(
      `unknown target ${unknown.join(', ')}; known: ${Object.keys(TARGETS).join(', ')}`,
    );
  return names;
}
