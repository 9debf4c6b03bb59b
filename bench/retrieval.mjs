// `make retrieval-bench`: question retrieval by all-MiniLM-L6-v2, beside sentence-transformers and FAISS behind FastAPI.
//
//   node bench/retrieval.mjs --encoder DIRECTORY [--data DIRECTORY] [--connections 1,10,64] [--rounds 2] [--duration 6s]
//     [--no-results]
//
// The encoder is a folder of sentence-transformers; the data are those of ../shared/data/qa. What is found is told first
// (the question of an answer, the passage of a question), and then how fast, in turns, with questions that come again after
// some thousands: Chorus keeps no answers here (`--cache-size 0`). Server and load generator share the cores.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { runForFigures } from './lib/k6.mjs';
import { writeResults } from './lib/markdown.mjs';
import { time, wholeNumbers } from './lib/options.mjs';
import { BENCH, ROOT } from './lib/paths.mjs';
import { peerEnvironment, PEER_VARIABLES, PEERS_FOLDER } from './lib/python.mjs';
import { cpuSeconds, memory, withStarted } from './lib/server.mjs';
import { median } from './lib/statistics.mjs';
import { report } from './retrieval/report.mjs';

const WORK = join(BENCH, '.work', 'retrieval');
const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
const MARKERS = [
  '<!-- retrieval:begin (written by bench/retrieval.mjs; do not edit) -->',
  '<!-- retrieval:end -->',
];
const TOP = 10;
/** Of the corpus: enough lines for inverted lists, and few enough for the peer to embed at every start. */
const LANGUAGES = ['en', 'de', 'es'];
const LANGUAGE_NAMES = new Intl.DisplayNames('en', { type: 'language' });
/** Questions that are asked one after the other, to see where the time goes. */
const ALONE = 300;
/** Of one request, where answers are compared. */
const TEXTS = 256;

const { values } = parseArgs({
  options: {
    encoder: { type: 'string' },
    data: { type: 'string', default: join(ROOT, '..', 'shared', 'data', 'qa') },
    connections: { type: 'string', default: '1,10,64' },
    rounds: { type: 'string', default: '2' },
    duration: { type: 'string', default: '6s' },
    precisions: { type: 'string', default: 'exact,int8' },
    'no-results': { type: 'boolean', default: false },
  },
});
if (values.encoder === undefined || !existsSync(join(values.encoder, 'modules.json')))
  throw new Error('--encoder must be a folder of sentence-transformers, with modules.json');
const connections = wholeNumbers('--connections', values.connections.split(','));
const [rounds] = wholeNumbers('--rounds', [values.rounds]);
const duration = time('--duration', values.duration);
const precisions = values.precisions.split(',');

rmSync(WORK, { recursive: true, force: true });
mkdirSync(WORK, { recursive: true });
const profile = join(WORK, 'retrieval.yaml');
writeFileSync(
  profile,
  `name: retrieval\nmodels:\n  - {name: encoder, path: ${JSON.stringify(values.encoder)}}\n` +
    'routes:\n  - {path: /process, contract: retrieve}\n',
);
const questions = read('xquad_questions').filter(({ lang }) => LANGUAGES.includes(lang));
const corpus = join(WORK, 'questions.jsonl');
writeLines(
  corpus,
  questions.map(({ id, lang, question }) => ({ id: `${lang}-${id}`, text: question.trim() })),
);
const queries = join(WORK, 'queries.jsonl');
writeLines(
  queries,
  questions
    .filter(({ lang }) => lang === 'en')
    .map(({ question }) => ({ text: `${question} Please?` })),
);

const targets = {
  ...Object.fromEntries(precisions.map((precision) => [`Chorus, ${precision}`, chorus(precision)])),
  'FastAPI + sentence-transformers + FAISS': peer(),
};
const quality = [];
const speed = [];
const parts = [];
for (const precision of precisions) await findAll(precision);
for (let round = 0; round < rounds; round++) {
  const order = Object.keys(targets);
  for (const target of round % 2 === 0 ? order : order.toReversed()) await measure(target);
}
conclude();

function chorus(precision) {
  const index = indexOf(corpus, precision);
  return serve(precision, index);
}

function serve(precision, index) {
  return ({ port, adminPort }) => ({
    file: process.execPath,
    args: [
      ...[MAIN, 'serve', profile, '--index-dir', index, '--precision', precision],
      ...['--port', String(port), '--admin-port', String(adminPort)],
      ...['--cache-size', '0', '--log-level', 'warn'],
    ],
    env: {},
    ready: `http://127.0.0.1:${adminPort}/readyz`,
  });
}

function peer() {
  const python = peerEnvironment(
    'fastapi-retrieval',
    join('fastapi-retrieval', 'requirements.txt'),
  );
  return ({ port }) => ({
    file: python,
    args: [
      ...[join(PEERS_FOLDER, 'fastapi-retrieval', 'server.py'), '--encoder', values.encoder],
      ...['--corpus', corpus, '--port', String(port)],
    ],
    env: PEER_VARIABLES,
    ready: `http://127.0.0.1:${port}/readyz`,
  });
}

function indexOf(file, precision) {
  const index = file.replace('.jsonl', `-${precision}`);
  const begun = performance.now();
  const args = ['index', 'build', file, '--profile', profile, '--precision', precision];
  execFileSync(process.execPath, [MAIN, ...args, '--index-dir', index, '--publish'], {
    stdio: 'inherit',
  });
  console.error(`built in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  return index;
}

/** How often the right line is found, by questions whose line is known. */
async function findAll(precision) {
  const passages = read('xquad_passages').filter(({ lang }) => lang === 'en');
  for (const asked of LANGUAGES) {
    await find(precision, `XQuAD, 240 English passages, questions in ${LANGUAGE_NAMES.of(asked)}`, {
      lines: passages.map(({ id, text }) => ({ id, text })),
      asked: questions
        .filter(({ lang }) => lang === asked)
        // A passage has the same number in all languages.
        .map(({ question, passage_id: id }) => ({ text: question, right: id.replace(asked, 'en') })),
    });
  }
  const pairs = read('question_pairs_en_de').filter(
    ({ lang, similar }) => lang === 'en' && similar === 1,
  );
  const known = [...new Set(pairs.map(({ q1 }) => q1.trim()))];
  await find(precision, `COVID questions, ${known.length} of them`, {
    lines: known.map((text) => ({ id: text, text })),
    asked: pairs.map(({ q1, q2 }) => ({ text: q2, right: q1.trim() })),
  });
}

async function find(precision, what, { lines, asked }) {
  const file = join(WORK, `${what.replace(/\W+/g, '-')}.jsonl`);
  writeLines(file, lines);
  const command = serve(precision, indexOf(file, precision));
  await withStarted(
    command,
    1,
    () => join(WORK, 'quality.log'),
    async ([{ port }]) => {
      let first = 0;
      let reciprocal = 0;
      for (let begin = 0; begin < asked.length; begin += TEXTS) {
        const part = asked.slice(begin, begin + TEXTS);
        const response = await fetch(`http://127.0.0.1:${port}/process`, {
          method: 'POST',
          body: JSON.stringify({ instances: part.map(({ text }) => text), top_k: TOP, ids: true }),
        });
        if (response.status !== 200) throw new Error(await response.text());
        const { matches, match } = await response.json();
        for (const [at, found] of (matches ?? [match]).entries()) {
          const place = found.findIndex(({ id }) => id === part[at].right);
          if (place === 0) first += 1;
          if (place >= 0) reciprocal += 1 / (place + 1);
        }
      }
      quality.push({
        precision,
        what,
        accuracy: first / asked.length,
        mrr: reciprocal / asked.length,
      });
      console.error(quality.at(-1));
    },
  );
}

async function measure(target) {
  await withStarted(
    targets[target],
    1,
    () => join(WORK, 'server.log'),
    async ([server]) => {
      const load = async (count, seconds) => {
        const before = cpuSeconds(server);
        const figures = await runForFigures(
          join(BENCH, 'retrieval', 'load.js'),
          {
            TARGET: `http://127.0.0.1:${server.port}/process`,
            TEXTS: queries,
            VUS: String(count),
            DURATION: seconds,
          },
          WORK,
        );
        const { requestsPerSecond: rps, latencyMs, failed, seconds: taken, answers } = figures;
        const cpu = cpuSeconds(server) - before;
        return {
          rps,
          p50: latencyMs.med,
          p99: latencyMs['p(99)'],
          failed,
          cores: cpu / taken,
          cpuMs: (cpu / answers) * 1000,
        };
      };
      await load(10, '3s');
      const budget = await partsOf(server.port);
      if (budget !== undefined) parts.push({ target, ...budget });
      for (const count of connections) {
        speed.push({ target, count, ...(await load(count, duration)), rss: memory(server).now });
        console.error(speed.at(-1));
      }
    },
  );
}

/** Medians of where the time of a question goes that is asked alone; nothing of a service that does not say. */
async function partsOf(port) {
  const asked = readFileSync(queries, 'utf8').split('\n').filter(Boolean).slice(0, ALONE);
  const seen = new Map();
  for (const line of asked) {
    const begun = performance.now();
    const { text } = JSON.parse(line);
    const response = await fetch(`http://127.0.0.1:${port}/process`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances: [text] }),
    });
    await response.text();
    const client = performance.now() - begun;
    const header = response.headers.get('server-timing');
    if (header === null) return undefined;
    const told = header.matchAll(/(\w+);dur=([\d.]+)/g);
    for (const [, part, ms] of [...told, ['', 'client', client]]) {
      if (!seen.has(part)) seen.set(part, []);
      seen.get(part).push(Number(ms));
    }
  }
  return Object.fromEntries([...seen].map(([part, all]) => [part, median(all)]));
}

function read(name) {
  const file = join(values.data, `${name}.jsonl`);
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

function writeLines(file, rows) {
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

function conclude() {
  const text = report({
    quality,
    speed,
    parts,
    targets: Object.keys(targets),
    connections,
    rows: questions.length,
  });
  console.log(`\n${text}`);
  if (!values['no-results']) writeResults(join(BENCH, 'RESULTS.md'), text, MARKERS);
  if (speed.some(({ failed }) => failed > 0)) process.exitCode = 1;
}
