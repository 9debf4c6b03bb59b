// `make search`: how fast an index is searched, and whether it finds what is nearest, beside the libraries that people use.
//
//   node bench/search.mjs [--rows 100000,1000000] [--dimensions 384] [--queries 200] [--libraries chorus-hnsw,faiss-flat,faiss-ivf,usearch]
//     [--no-results]
//
// The same vectors and queries for all (search/libraries.py), one thread, one query at a time, then ten and 64 at once: of
// ours as many callers, each of which asks again when it is answered, of a library as many queries in one call. Ours is
// measured before and after the others. chorus-hnsw is ours with a graph, which every core makes. What a graph takes to
// build is part of it.

import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { describeMachine } from './lib/machine.mjs';
import { figure, mebibytes, titled, writeResults } from './lib/markdown.mjs';
import { wholeNumbers } from './lib/options.mjs';
import { BENCH, ROOT } from './lib/paths.mjs';
import { environment } from './lib/python.mjs';

const { GRAPH_FILE, VECTOR_FILES, VectorWriter, Vectors, ROW_FILES, writeGraph } = await import(
  join(ROOT, 'dist', 'engine', 'native-index.js')
);

const WORK = join(BENCH, '.work', 'search');
const SCRIPT = join(BENCH, 'search', 'libraries.py');
const TOP = 10;
const APPENDED = 1000;
/** Of `--libraries`, the index of ours that has a graph. */
const OURS_WITH_GRAPH = 'chorus-hnsw';
/** Queries at once. */
const TOGETHER = [1, 10, 64];

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000,1000000' },
    dimensions: { type: 'string', default: '384' },
    queries: { type: 'string', default: '200' },
    libraries: { type: 'string', default: `${OURS_WITH_GRAPH},faiss-flat,faiss-ivf,usearch` },
    'no-results': { type: 'boolean', default: false },
  },
});
const [dimensions] = wholeNumbers('--dimensions', [values.dimensions]);
const [count] = wholeNumbers('--queries', [values.queries]);
const libraries = values.libraries.split(',').filter((name) => name !== '');
const MARKERS = [
  '<!-- search:begin (written by bench/search.mjs; do not edit) -->',
  '<!-- search:end -->',
];
const python = environment('search', join(BENCH, 'search', 'requirements.txt'));

const searched = [];
for (const rows of wholeNumbers('--rows', values.rows.split(','))) await measureAll(rows);
conclude();

async function measureAll(rows) {
  const folder = join(WORK, String(rows));
  mkdirSync(folder, { recursive: true });
  execFileSync(python, [SCRIPT, 'make', folder, String(rows), String(dimensions)]);
  const first = await measureOurs(rows, folder);
  tell(rows, 'Chorus', first);
  for (const library of libraries) {
    if (library === OURS_WITH_GRAPH) {
      tell(rows, 'Chorus, HNSW', await withGraph(rows, folder, first));
      continue;
    }
    const args = [SCRIPT, 'measure', folder, library, String(count), TOGETHER.join()];
    tell(rows, library, JSON.parse(execFileSync(python, args, { encoding: 'utf8' })));
  }
  tell(rows, 'Chorus, again', { ...(await measureOurs(rows, folder)), build: first.build });
  rmSync(folder, { recursive: true });
}

async function measureOurs(rows, folder) {
  const { index, build, bytes } = await indexOf(rows, folder);
  const queries = vectorsIn(join(folder, 'queries.f32'));
  const figures = { ...(await measured(index, folder, queries)), build, bytes };
  index.close();
  return figures;
}

/** The same index with a graph, by what it is without one; all that is mapped counts. */
async function withGraph(rows, folder, { build, bytes }) {
  const own = join(folder, 'index');
  const begun = performance.now();
  await writeGraph({ folder: own, dimensions, rows, threads: 0, onAdded: () => undefined });
  const seconds = build + (performance.now() - begun) / 1000;
  const index = await open(own, rows, true);
  const figures = await measured(index, folder, vectorsIn(join(folder, 'queries.f32')));
  index.close();
  return { ...figures, build: seconds, bytes: bytes + statSync(join(own, GRAPH_FILE)).size };
}

/** One query at a time, then several. */
async function measured(index, folder, queries) {
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8'));
  const { times, found } = await asked(index, queries, { callers: 1 });
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(count - 1, Math.floor(count * share))];
  const share = (right) => found.reduce((sum, rows, at) => sum + right(rows, truth[at]), 0) / count;
  const rates = [];
  for (const callers of TOGETHER) rates.push((await asked(index, queries, { callers })).rate);
  return {
    ...{ p50: at(0.5), p99: at(0.99), rates },
    recall1: share(([row], [nearest]) => (row === nearest ? 1 : 0)),
    recall10: share((rows, nearest) => rows.filter((row) => nearest.includes(row)).length / TOP),
  };
}

/** The first queries, by so many callers: the milliseconds and the rows of each query, and queries a second. */
async function asked(index, queries, { callers }) {
  const search = (query) => index.search([query], { top: TOP, conditions: [] });
  await search(queries.at(-1));
  const times = [];
  const found = [];
  let next = 0;
  const caller = async () => {
    while (next < count) {
      const at = next++;
      const begun = performance.now();
      const [hits] = await search(queries[at]);
      times[at] = performance.now() - begun;
      found[at] = hits.map(({ row }) => row);
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  return { times, found, rate: (count / (performance.now() - begun)) * 1000 };
}

/** An index of the vectors in `folder`, whose lines are empty objects. */
async function indexOf(rows, folder) {
  const own = join(folder, 'index');
  mkdirSync(own, { recursive: true });
  const begun = performance.now();
  const writer = new VectorWriter(own, dimensions);
  const file = openSync(join(folder, 'vectors.f32'), 'r');
  for (let row = writer.rows; row < rows; row += APPENDED) {
    const values = new Float32Array(Math.min(APPENDED, rows - row) * dimensions);
    readSync(file, new Uint8Array(values.buffer), 0, values.byteLength, row * dimensions * 4);
    writer.append(split(values));
  }
  const error = await writer.finish();
  const build = (performance.now() - begun) / 1000;
  writeFileSync(join(own, ROW_FILES.entries), '{}\n'.repeat(rows));
  const offsets = BigUint64Array.from({ length: rows + 1 }, (_, at) => BigInt(3 * at));
  writeFileSync(join(own, ROW_FILES.offsets), new Uint8Array(offsets.buffer));
  writeFileSync(join(own, ROW_FILES.fields), '');
  writeFileSync(join(own, 'error.json'), JSON.stringify(error));
  const index = await open(own, rows, false);
  const bytes = VECTOR_FILES.reduce((sum, name) => sum + statSync(join(own, name)).size, 0);
  return { index, build, bytes };
}

function open(folder, rows, graph) {
  const error = JSON.parse(readFileSync(join(folder, 'error.json'), 'utf8'));
  return Vectors.open(folder, { dimensions, rows, fields: 0, error, graph, files: [] });
}

function vectorsIn(file) {
  const bytes = readFileSync(file);
  return split(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4));
}

function split(values) {
  return Array.from({ length: values.length / dimensions }, (_, at) =>
    values.subarray(at * dimensions, (at + 1) * dimensions),
  );
}

function tell(rows, what, figures) {
  searched.push({ rows, what, ...figures });
  const { p50, p99, recall1, recall10, rates, build } = figures;
  console.error(
    `${rows} rows, ${what}: p50 ${figure(p50)} ms, p99 ${figure(p99)} ms, recall ${recall1} and ${recall10}, ${rates.map(figure).join(', ')} a second, built in ${figure(build)} s`,
  );
}

function conclude() {
  const head = [
    ...['Rows', 'Library', 'p50', 'p99', 'Recall@1', 'Recall@10'],
    ...TOGETHER.map((size) => `Queries a second, ${size} at once`),
    ...['Build', 'Bytes'],
  ];
  const lines = searched.map(({ rows, what, p50, p99, recall1, recall10, rates, build, bytes }) => [
    ...[rows, what, `${figure(p50)} ms`, `${figure(p99)} ms`],
    ...[recall1.toFixed(3), recall10.toFixed(3)],
    ...rates.map(figure),
    `${figure(build)} s`,
    `${mebibytes(bytes)} ${what.startsWith('Chorus') ? 'mapped' : 'anonymous'}`,
  ]);
  const command = `node bench/search.mjs ${process.argv.slice(2).join(' ')}`.trim();
  const text = [
    `Measured ${new Date().toISOString().slice(0, 10)}: \`${command}\``,
    '',
    ...describeMachine(),
    '',
    ...titled(`${dimensions} dimensions, the ten nearest`, head, lines),
  ].join('\n');
  console.log(`\n${text}`);
  if (!values['no-results']) writeResults(join(BENCH, 'RESULTS.md'), text, MARKERS);
}
