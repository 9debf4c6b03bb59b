// `make retrieval-storm ARGS=store`: the same with the index in three nodes of Weaviate, which die and come back, too.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { WeaviateCluster } from '../../dist/testing/weaviate-cluster.js';
import { BENCH } from '../lib/paths.mjs';
import { CORPUS, PAUSE_MS, Storm } from './storms.mjs';

const WORK = join(BENCH, '.work', 'retrieval-store-storm');
const INDEX = join(WORK, 'index');
const MARKERS = [
  '<!-- store-storm:begin (written by bench/retrieval/store-storm.mjs; do not edit) -->',
  '<!-- store-storm:end -->',
];

rmSync(WORK, { recursive: true, force: true });
mkdirSync(WORK, { recursive: true });
const cluster = await WeaviateCluster.start();
try {
  await inStore(new Storm(WORK, ['--index-store', cluster.urls]));
} finally {
  await cluster.stop();
}

async function inStore(storm) {
  const here = { more: ['--index-dir', INDEX] };
  const both = { more: [...storm.where, ...here.more] };
  const published = async (generation) => {
    storm.index(['publish', generation], both);
    await storm.served(generation);
  };
  writeFileSync(join(WORK, 'other.jsonl'), '{"text":"another corpus"}\n');
  storm.index(['build', join(WORK, 'other.jsonl'), '--generation', 'other'], here);
  for (const generation of ['starter', 'second', 'third']) {
    storm.index(['build', CORPUS, '--generation', generation], here);
  }
  storm.index(['publish', 'starter'], both);

  const figures = await storm.run(150, async () => {
    await storm.happens('publish another generation', () => published('other'));
    await storm.happens('roll back', async () => {
      storm.index(['rollback']);
      await storm.served('starter');
    });
    await storm.happens('publish the same corpus, built anew', () => published('second'));
    const [, one, other] = cluster.nodes;
    await storm.happens('kill -9 of a node of the store', async () => {
      await one.kill();
      await sleep(2 * PAUSE_MS);
    });
    await storm.happens('publish while a node is gone', () => {
      const { status, stderr } = storm.index(['publish', 'third'], { ...both, mayFail: true });
      if (status === 0) throw new Error('it was published without a node');
      return `refused (exit code ${status}): ${stderr.trim().replace(/.*: http/, 'http').replaceAll(/:\d+/g, '')}`;
    });
    await storm.happens('roll back while a node is gone', async () => {
      storm.index(['rollback']);
      await storm.served('starter');
    });
    await storm.happens('that node comes back', async () => {
      one.start();
      await cluster.ready();
    });
    await storm.happens('another node stands still, and goes on', async () => {
      other.signal('SIGSTOP');
      await sleep(2 * PAUSE_MS);
      other.signal('SIGCONT');
      await cluster.ready();
    });
    await storm.happens('publish again', () => published('third'));
    await storm.happens('kill -9 of a replica, which comes back', () => storm.killAndStartReplica(0));
    await storm.happens('ten restarts of the gateway (HAProxy reads its configuration anew)', () => storm.reloadGateway());
    await storm.happens('what is old is removed', () => {
      storm.index(['gc', '--keep', '1']);
    });
  });
  storm.conclude(figures, {
    script: 'store-storm.mjs',
    markers: MARKERS,
    of: 'three nodes of Weaviate, two replicas behind HAProxy',
  });
}
