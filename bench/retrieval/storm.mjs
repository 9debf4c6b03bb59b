// `make retrieval-storm`: what becomes of requests while an index changes, is damaged, and replicas die.
//
// Two replicas of retrieval-starter share a folder. k6 asks all the time, ten at once; every answer must be a line of the
// corpus. Meanwhile, one after the other, things are done that operators do and that happen to them. Nothing of it may cost
// a request.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { BENCH } from '../lib/paths.mjs';
import { CORPUS, MAIN, MODELS, Storm } from './storms.mjs';

const WORK = join(BENCH, '.work', 'retrieval-storm');
const INDEX = join(WORK, 'index');
const MARKERS = [
  '<!-- storm:begin (written by bench/retrieval/storm.mjs; do not edit) -->',
  '<!-- storm:end -->',
];

rmSync(WORK, { recursive: true, force: true });
mkdirSync(WORK, { recursive: true });
const storm = new Storm(WORK, ['--index-dir', INDEX]);

cpSync(join(MODELS, 'index'), INDEX, { recursive: true });
writeFileSync(join(WORK, 'other.jsonl'), '{"text":"another corpus"}\n');
storm.index(['build', join(WORK, 'other.jsonl'), '--generation', 'other']);
storm.index(['build', CORPUS, '--generation', 'second']);
storm.index(['build', CORPUS, '--generation', 'graph', '--hnsw']);

const figures = await storm.run(100, async () => {
  await storm.happens('publish another generation', () => published('other'));
  await storm.happens('roll back', async () => {
    storm.index(['rollback']);
    await storm.served('starter');
  });
  await storm.happens('publish the same corpus, built anew', () => published('second'));
  await storm.happens('publish it with a graph', () => published('graph'));
  await storm.happens('publish a generation with a flipped bit', () => {
    damagedCopy();
    const { status, stderr } = storm.index(['publish', 'damaged'], { mayFail: true });
    return `refused (exit code ${status}): ${stderr.split('/').at(-1).trim().slice(0, 60)}…`;
  });
  await storm.happens('a generation damaged after it was published', async () => {
    const pointer = JSON.parse(readFileSync(join(INDEX, 'current'), 'utf8'));
    const manifest = readFileSync(join(INDEX, 'generations', 'damaged', 'manifest.json'));
    const sha256 = createHash('sha256').update(manifest).digest('hex');
    const { previous, ...now } = pointer;
    writeFileSync(
      join(INDEX, 'current'),
      JSON.stringify({ generation: 'damaged', manifest: sha256, previous: [now, ...previous] }),
    );
    await storm.shown('chorus_index_behind 1');
    storm.index(['rollback']);
    await storm.shown('chorus_index_behind 0');
    return 'refused by both; the one before goes on';
  });
  await storm.happens('kill -9 of a replica, which comes back', () => storm.killAndStartReplica(0));
  await storm.happens('kill -9 of a build, which then goes on', async () => {
    const args = [MAIN, 'index', 'build', CORPUS, '--generation', 'killed', '--index-dir', INDEX];
    const killed = spawnSync(process.execPath, args, { timeout: 600, killSignal: 'SIGKILL' });
    storm.index(['build', CORPUS, '--generation', 'killed']);
    await published('killed');
    return `killed by ${killed.signal}; the same command ended, and its generation is served`;
  });
  await storm.happens('the disk is full while a generation is built', () =>
    onFullDisk(200, ['build', CORPUS, '--generation', 'full']),
  );
  await storm.happens('the disk is full while one is published', () =>
    onFullDisk(0, ['publish', 'second']),
  );
  await storm.happens('ten restarts of the gateway (HAProxy reads its configuration anew)', () => storm.reloadGateway());
  await storm.happens('what is old is removed while it is served from', () => {
    storm.index(['gc', '--keep', '0']);
  });
});
storm.conclude(figures, {
  script: 'storm.mjs',
  markers: MARKERS,
  of: 'two replicas behind HAProxy',
});

async function published(generation) {
  storm.index(['publish', generation]);
  await storm.served(generation);
}

/** Runs `chorus index` where a file may have so many blocks of 512 bytes: more is refused as on a full disk. */
function onFullDisk(blocks, args) {
  const command = [process.execPath, MAIN, 'index', ...args, '--index-dir', INDEX];
  const limited = ['-c', `ulimit -f ${blocks} && exec "$@"`, 'sh', ...command];
  const { status, stderr } = spawnSync('sh', limited, { encoding: 'utf8' });
  if (status !== 1 || !/file too large/i.test(stderr)) throw new Error(`no full disk: ${stderr}`);
  return `exit code ${status}; what is served goes on`;
}

function damagedCopy() {
  storm.index(['build', CORPUS, '--generation', 'damaged']);
  const file = join(INDEX, 'generations', 'damaged', 'vectors.i8');
  const bytes = readFileSync(file);
  bytes[5000] ^= 8;
  rmSync(file);
  writeFileSync(file, bytes);
}
