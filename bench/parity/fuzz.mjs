// The second half of `make parity`: random folders, with the settings of the hub's in every combination.
//
//   node bench/parity/run.mjs --fuzz 1000 --seed 7     this half alone, with another number and seed
//
// Makes the folders (folders.py), asks transformers 4.57 and 5 (fuzz.py) and the engine (the runtime's
// example `answers`), and judges (lib/verdict.mjs). Fails where an answer is neither equal nor refused;
// lists what is refused, by reason. The folders stay in bench/.work/fuzz.

import { spawn } from 'node:child_process';
import {
  createReadStream,
  createWriteStream,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { environment } from '../lib/python.mjs';
import { BENCH, ROOT } from '../lib/paths.mjs';
import { judge } from '../lib/verdict.mjs';

const HERE = join(BENCH, 'parity');
const WORK = join(BENCH, '.work', 'fuzz');
const FOLDERS = join(WORK, 'folders');
/** So many differences are shown in full. */
const SHOWN = 20;
const EXAMPLE = [
  '--release',
  '--locked',
  '--quiet',
  '-p',
  'chorus-runtime',
  '--example',
  'answers',
];

/** Returns whether nothing differs. */
export async function fuzz({ count, seed }) {
  console.log(`${count} random folders, seed ${seed}`);
  const script = [join(HERE, 'folders.py'), FOLDERS, '--count', String(count), '--seed', seed];
  return report(await gather(WORK, (python) => run(python, script)), seed);
}

/**
 * What both versions of transformers and the engine answer for the folders that `make` leaves in `work`/folders.
 * `made` is called before the engine is, which stores pickled weights a second time.
 */
export async function gather(work, make, made = () => {}) {
  mkdirSync(work, { recursive: true });
  const file = (name) => join(work, name);
  const folders = file('folders');
  const python = environment('parity', join(HERE, 'requirements.txt'));
  const python4 = environment('parity4', join(HERE, 'requirements4.txt'), 'parity');
  await make(python);
  const manifest = readLines(join(folders, 'manifest.jsonl'));
  await Promise.all([
    run(python, [join(HERE, 'fuzz.py'), folders, file('five.jsonl'), file('texts.json')]),
    run(python4, [join(HERE, 'fuzz.py'), folders, file('four.jsonl')]),
  ]);
  const texts = JSON.parse(readFileSync(file('texts.json'), 'utf8'));
  made();
  const requests = manifest.map(({ folder, graph, pooling }) => {
    const name = isUsual(graph) ? '' : graph;
    return JSON.stringify({ folder: join(folders, folder), graph: name, pooling, texts });
  });
  writeFileSync(file('requests.jsonl'), requests.map((line) => `${line}\n`).join(''));
  const cargo = ['run', '--manifest-path', join(ROOT, 'native', 'Cargo.toml'), ...EXAMPLE];
  await run('cargo', cargo, file('requests.jsonl'), file('own.jsonl'));
  const [own, four, five] = ['own', 'four', 'five'].map((name) => readLines(file(`${name}.jsonl`)));
  if (own.length !== manifest.length) throw new Error(`the engine answered ${own.length} folders`);
  const verdicts = manifest.map((entry, index) => {
    const answers = { own: own[index], four: four[index], five: five[index] };
    return { ...entry, ...answers, ...judge({ ...answers, tolerance: entry.tolerance }) };
  });
  return { texts, verdicts };
}

/** Every graph of these folders is the only one: a profile need not name it. */
export function isUsual(graph) {
  return graph !== 'onnx/model_fp16.onnx';
}

function report({ texts, verdicts }, seed) {
  const of = (kind, test = () => true) =>
    verdicts.filter((verdict) => verdict.kind === kind && test(verdict));
  const equal = of('equal', ({ served }) => served === '4.57');
  const line = (name, list) => console.log(`  ${String(list.length).padStart(5)}  ${name}`);
  line('answered as by transformers 4.57', equal);
  line(
    '  of these not as by 5',
    equal.filter(({ alsoFive }) => !alsoFive),
  );
  line(
    'answered as by 5, where 4.57 fails',
    of('equal', ({ served }) => served === '5'),
  );
  line(
    'refused, as by both',
    of('refused', ({ served }) => served === null),
  );
  line(
    'refused, where only 5 answers',
    of('refused', ({ served }) => served === '5'),
  );
  line(
    'refused, where 4.57 answers:',
    of('refused', ({ served }) => served === '4.57'),
  );
  reasons(of('refused', ({ served }) => served === '4.57'));
  const refusedTexts = verdicts.flatMap(({ folder, refusedTexts = [] }) =>
    refusedTexts.map((text) => ({ folder, ...text })),
  );
  for (const answers of ['4.57', '5']) {
    const texts = refusedTexts.filter(({ version }) => version === answers);
    const others = answers === '5' ? 'only 5' : answers;
    line(`single texts refused, where ${others} answers:`, texts);
    reasons(texts);
  }
  const different = of('different');
  line('DIFFERENT', different);
  for (const { folder, differences } of different.slice(0, SHOWN)) {
    const [{ text, own, expected, version }] = differences;
    console.log(`\n${join(FOLDERS, folder)}: ${differences.length} texts; the first is ${text},`);
    console.log(`  ${JSON.stringify(texts[text]).slice(0, 100)}`);
    console.log(`  Chorus: ${JSON.stringify(own).slice(0, 200)}`);
    console.log(`  transformers ${version ?? ''}: ${JSON.stringify(expected).slice(0, 200)}`);
  }
  const passed = different.length === 0;
  console.log(
    passed ? `no difference, seed ${seed}` : `FAILED: ${different.length} folders, seed ${seed}`,
  );
  return passed;
}

/** How often each reason was given, and a folder for it. */
function reasons(list) {
  const groups = new Map();
  for (const entry of list) groups.set(entry.reason, [...(groups.get(entry.reason) ?? []), entry]);
  const sorted = [...groups].toSorted(([, a], [, b]) => b.length - a.length);
  for (const [reason, folders] of sorted) {
    console.log(`         ${String(folders.length).padStart(5)}  ${reason} (${folders[0].folder})`);
  }
}

/** Runs a step; rejects where it fails. */
export async function run(file, args, from, to) {
  const env = {
    ...process.env,
    HF_HUB_DISABLE_PROGRESS_BARS: '1',
    HF_HUB_OFFLINE: '1',
    TOKENIZERS_PARALLELISM: 'false',
    TRANSFORMERS_VERBOSITY: 'error',
  };
  const stdio = [from ? 'pipe' : 'ignore', to ? 'pipe' : 'inherit', 'inherit'];
  const child = spawn(file, args, { env, stdio });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) =>
      status === 0
        ? resolve()
        : reject(new Error(`${file} ${args.join(' ')} ended with ${status}`)),
    );
  });
  await Promise.all([
    ended,
    from && pipeline(createReadStream(from), child.stdin),
    to && pipeline(child.stdout, createWriteStream(to)),
  ]);
}

function readLines(path) {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}
