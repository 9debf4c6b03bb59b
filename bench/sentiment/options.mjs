// The command line of `bench/sentiment.mjs`, checked and with its defaults.

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { time, wholeNumbers } from '../lib/options.mjs';
import { DEFAULT_TARGETS, PROFILE, TARGETS } from './targets.mjs';

export const USAGE = `node bench/sentiment.mjs [compare] [options]     measure the targets in turns
node bench/sentiment.mjs replicas [options]      two replicas behind a balancer, one Redis
node bench/sentiment.mjs soak [options]          autotests/sentiment/load.js against one target, its memory over time

  --targets LIST       of ${Object.keys(TARGETS).join(', ')}
                       (compare: ${DEFAULT_TARGETS.join(',')}; the others take one: exact-redis)
  --rates LIST         how often requests send texts that were sent before (0.95,0.5,0; soak: 0.95)
  --rounds N           how often everything is measured; figures are medians (3)
  --duration TIME      how long each measurement sends, as k6 writes it (20s)
  --warmup TIME        the same before each rate, thrown away (3s)
  --connections N      closed loops (10)
  --route PATH         of predictions, below /project (/predict)
  --profile FILE       what Chorus serves (models/sentiment.yaml)
  --workers N          processes of the peer (1)
  --tiny               a model of next to no work; leaves bench/RESULTS.md as it is
  --mode NAME          soak: what is no hit is shuffled or new (shuffled)
  --scale N            soak: length of the stages; 1 is ten minutes (1)
  --resume             compare: go on with the last run of the same options, which was cut
  --no-results         print only; leave bench/RESULTS.md as it is

Everything measured is also in bench/.work/sentiment/<name>.json.
`;

const COMMANDS = ['compare', 'replicas', 'soak'];

export function parseOptions(argv) {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      targets: { type: 'string' },
      rates: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      duration: { type: 'string', default: '20s' },
      warmup: { type: 'string', default: '3s' },
      connections: { type: 'string', default: '10' },
      route: { type: 'string', default: '/predict' },
      profile: { type: 'string', default: PROFILE },
      workers: { type: 'string', default: '1' },
      tiny: { type: 'boolean', default: false },
      mode: { type: 'string', default: 'shuffled' },
      scale: { type: 'string', default: '1' },
      resume: { type: 'boolean', default: false },
      'no-results': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [command = 'compare'] = positionals;
  if (positionals.length > 1 || !COMMANDS.includes(command))
    throw new Error(`one of ${COMMANDS.join(', ')}, not ${positionals.join(' ')}`);
  const one = (name) => wholeNumbers(`--${name}`, [values[name]])[0];
  const alone = command === 'compare' ? DEFAULT_TARGETS.join() : 'exact-redis';
  const { route, tiny, mode, scale, help, resume } = values;
  return {
    ...{ command, route, tiny, mode, scale, help, resume },
    /** What a resumed run must have in common. */
    key: [
      ...['targets', 'rates', 'rounds', 'duration', 'warmup', 'connections'],
      ...['route', 'profile', 'workers', 'tiny'],
    ]
      .map((name) => `--${name} ${values[name]}`)
      .join(' '),
    targets: targets(values.targets ?? alone, command),
    rates: rates(values.rates ?? (command === 'soak' ? '0.95' : '0.95,0.5,0')),
    rounds: one('rounds'),
    duration: time('--duration', values.duration),
    warmup: time('--warmup', values.warmup),
    connections: one('connections'),
    profile: resolve(values.profile),
    workers: one('workers'),
    results: !values['no-results'] && !tiny,
  };
}

function targets(list, command) {
  const names = [...new Set(list.split(','))];
  const unknown = names.filter((name) => !Object.hasOwn(TARGETS, name));
  if (unknown.length > 0)
    throw new Error(
      `unknown target ${unknown.join(', ')}; known: ${Object.keys(TARGETS).join(', ')}`,
    );
  if (command !== 'compare' && names.length !== 1)
    throw new Error(`${command} takes one target, not ${names.join(', ')}`);
  return names;
}

function rates(list) {
  return list.split(',').map((value) => {
    const rate = Number(value);
    if (value === '' || !(rate >= 0 && rate <= 1))
      throw new Error(`--rates wants numbers from 0 to 1, not ${value}`);
    return rate;
  });
}
