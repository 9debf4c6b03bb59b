// `make search`: how fast an index is searched, and whether it finds what is nearest, beside the libraries that people use.
//
//   node bench/search.mjs [--rows 100000,1000000] [--dimensions 384] [--queries 200] [--libraries chorus-hnsw,faiss-flat,faiss-ivf,usearch]
//     [--no-results]
//
// The same vectors and queries for all (search/libraries.py), one thread, one query at a time; ours before and after the
// others, and then several queries at once, as concurrent requests are searched. chorus-hnsw is ours with a graph, which every
// core makes. What a graph takes to build is part of it.

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
import { figure, mebibytes, NOTHING, titled, writeResults } from './lib/markdown.mjs';
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
/** Queries of one scan. */
const TOGETHER = [1, 2, 4, 8, 16, 32];

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
/** With nothing but our own beside ours, the figures of a graph, which do not replace those of all. */
const section = libraries.join() === OURS_WITH_GRAPH ? 'search-graph' : 'search';
const MARKERS = [
  `<!-- ${section}:begin (written by bench/search.mjs; do not edit) -->`,
  `<!-- ${section}:end -->`,
];
const python = environment('search', join(BENCH, 'search', 'requirements.txt'));

const searched = [];
const together = [];
for (const rows of wholeNumbers('--rows', values.rows.split(','))) await measureAll(rows);
conclude();

async function measureAll(rows) {
  const folder = join(WORK, String(rows));
  mkdirSync(folder, { recursive: true });
  execFileSync(python, [SCRIPT, 'make', folder, String(rows), String(dimensions)]);
  const first = await measureOurs(rows, folder);
  for (const library of libraries) {
    if (library === OURS_WITH_GRAPH) {
      tell(rows, 'Chorus, HNSW', await withGraph(rows, folder, first.alone));
      continue;
    }
    const line = execFileSync(python, [SCRIPT, 'measure', folder, library, String(count)], {
      encoding: 'utf8',
    });
    tell(rows, library, JSON.parse(line));
  }
  const again = await measureOurs(rows, folder);
  together.push(...again.together.map((each) => ({ rows, ...each })));
  tell(rows, 'Chorus, again', { ...again.alone, build: first.alone.build });
  rmSync(folder, { recursive: true });
}

async function measureOurs(rows, folder) {
  const { index, build, bytes } = await indexOf(rows, folder);
  const queries = vectorsIn(join(folder, 'queries.f32'));
  const figures = { ...(await measured(index, folder, queries)), build, bytes };
  if (!searched.some((row) => row.rows === rows)) tell(rows, 'Chorus', figures);
  const several = [];
  for (const size of TOGETHER) {
    const { p50 } = await timed(index, queries, size, Math.ceil(count / size));
    several.push({ size, p50, rate: (size / p50) * 1000 });
  }
  index.close();
  return { alone: figures, together: several };
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

/** One query at a time. */
async function measured(index, folder, queries) {
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8'));
  const alone = await timed(index, queries.slice(0, count), 1);
  const found = alone.found.map((hits) => hits.map(({ row }) => row));
  const share = (right) => found.reduce((sum, rows, at) => sum + right(rows, truth[at]), 0) / count;
  return {
    ...{ p50: alone.p50, p99: alone.p99 },
    recall1: share(([row], [nearest]) => (row === nearest ? 1 : 0)),
    recall10: share((rows, nearest) => rows.filter((row) => nearest.includes(row)).length / TOP),
  };
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

/** `queries`, so many at once, at most `most` times. */
async function timed(index, queries, size, most = Infinity) {
  const times = [];
  const found = [];
  await index.search(queries.slice(0, size), { top: TOP, conditions: [] });
  for (let at = 0; at + size <= queries.length && times.length < most; at += size) {
    const begun = performance.now();
    found.push(...(await index.search(queries.slice(at, at + size), { top: TOP, conditions: [] })));
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return { p50: at(0.5), p99: at(0.99), found };
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
  const { p50, p99, recall1, recall10, build } = figures;
  console.error(
    `${rows} rows, ${what}: p50 ${figure(p50)} ms, p99 ${figure(p99)} ms, recall ${recall1} and ${recall10}, built in ${figure(build)} s`,
  );
}

function conclude() {
  const head = ['Rows', 'Library', 'p50', 'p99', 'Recall@1', 'Recall@10', 'Build', 'Bytes'];
  const lines = searched.map(({ rows, what, p50, p99, recall1, recall10, build, bytes }) => [
    ...[
      rows,
      what,
      `${figure(p50)} ms`,
      `${figure(p99)} ms`,
      recall1.toFixed(3),
      recall10.toFixed(3),
    ],
    ...[
      `${figure(build)} s`,
      what === 'usearch' || what.startsWith('faiss')
        ? `${mebibytes(bytes)} anonymous`
        : `${mebibytes(bytes)} mapped`,
    ],
  ]);
  const sizes = ['Rows', ...TOGETHER.map((size) => `${size} at once`)];
  const rates = [...new Set(together.map(({ rows }) => rows))].map((rows) => [
    rows,
    ...TOGETHER.map((size) => {
      const cell = together.find((each) => each.rows === rows && each.size === size);
      return cell === undefined ? NOTHING : `${figure(cell.rate)} a second, ${figure(cell.p50)} ms`;
    }),
  ]);
  const command = `node bench/search.mjs ${process.argv.slice(2).join(' ')}`.trim();
  const text = [
    `Measured ${new Date().toISOString().slice(0, 10)}: \`${command}\``,
    '',
    ...describeMachine(),
    '',
    ...titled(`${dimensions} dimensions, the ten nearest, one query at a time`, head, lines),
    '',
    ...titled('Chorus, several queries in one scan', sizes, rates),
  ].join('\n');
  console.log(`\n${text}`);
  if (!values['no-results']) writeResults(join(BENCH, 'RESULTS.md'), text, MARKERS);
}
