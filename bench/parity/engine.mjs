// Answers texts with the built addon, no HTTP in between: the served side of the comparison.
//
//   node bench/parity/engine.mjs <profile.yaml> <texts.jsonl> <out.jsonl> [--together N] [--seed S]
//
// Writes a line for each text, in the order of the file: {"text", "truncatedBy", "outputs": {model:
// {"scores": {label: score}} or {"vector": […]}}}. Alone, one text is asked at a time. With --together
// the texts come shuffled, in requests of one to four, N requests at once: batches then differ.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { parse } from 'yaml';

import { loadSettings } from '../../dist/config/load.js';
import { engineSettingsOf } from '../../dist/config/settings.js';
import { loadNativeEngine } from '../../dist/engine/native-engine.js';
import { locateOrtLibrary } from '../../dist/engine/ort-library.js';

/** Given, so that batches of many texts are tried on any machine. */
const BATCH_TOKENS = 256;
const LARGEST_REQUEST = 4;

async function main() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { together: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } },
  });
  const [profilePath, textsPath, outPath] = positionals;
  const profile = parse(readFileSync(profilePath, 'utf8'));
  const models = profile.models.map((model) => ({
    ...model,
    path: resolve(dirname(profilePath), model.path),
  }));
  const texts = readLines(textsPath).map((row) => (typeof row === 'string' ? row : row.text));
  const engine = await load(models);
  const together = Number(values.together);
  const requests =
    together > 1 ? shuffledRequests(texts, Number(values.seed)) : texts.map((_, index) => [index]);
  const answers = await answerAll(engine, requests, texts, models, together);
  await engine.close();
  writeFileSync(outPath, answers.map((answer) => `${JSON.stringify(answer)}\n`).join(''));
}

/** With the settings of `chorus serve` in the environment, on a CPU unless that says otherwise. */
function load(models) {
  const flags = [`--max-batch-tokens=${BATCH_TOKENS}`, '--queue-capacity=4096'];
  const environment = { CHORUS_DEVICE: 'cpu', ...process.env };
  const settings = engineSettingsOf(loadSettings(flags, environment).settings);
  return loadNativeEngine({
    models: models.map(({ name, path, pooling = '' }) => ({
      name,
      path,
      weightsPath: path,
      locked: [],
      maxTokens: 0,
      format: 'auto',
      graph: '',
      pooling,
      labelNames: [],
      load: 'eager',
    })),
    ...settings,
    maxWait: 0,
    ortLibrary: locateOrtLibrary(settings.ortLibrary),
  });
}

/** Keeps `together` requests under way until every text is answered. */
async function answerAll(engine, requests, texts, models, together) {
  const answers = new Array(texts.length);
  let next = 0;
  const worker = async () => {
    while (next < requests.length) {
      const indexes = requests[next++];
      const names = models.map(({ name }) => name);
      const request = {
        texts: indexes.map((index) => ({ text: texts[index], models: names })),
        deadlineMs: 0,
        priority: 'batch',
      };
      const answer = await engine.infer(request).answer;
      answer.texts.forEach((text, place) => {
        answers[indexes[place]] = named(texts[indexes[place]], text, models);
      });
    }
  };
  await Promise.all(Array.from({ length: together }, worker));
  return answers;
}

function named(text, { outputs, truncatedBy }, models) {
  const output = (value) =>
    value.type === 'embedding'
      ? { vector: [...value.vector] }
      : { scores: Object.fromEntries(value.labels.map((label, at) => [label, value.scores[at]])) };
  return {
    text,
    truncatedBy,
    outputs: Object.fromEntries(outputs.map((value, index) => [models[index].name, output(value)])),
  };
}

/** The indexes of all texts, shuffled, in groups of one to LARGEST_REQUEST. */
function shuffledRequests(texts, seed) {
  let state = seed | 1;
  const random = (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  const indexes = texts.map((_, index) => index);
  for (let last = indexes.length - 1; last > 0; last--) {
    const other = random(last + 1);
    [indexes[last], indexes[other]] = [indexes[other], indexes[last]];
  }
  const requests = [];
  while (indexes.length > 0) requests.push(indexes.splice(0, 1 + random(LARGEST_REQUEST)));
  return requests;
}

function readLines(path) {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
