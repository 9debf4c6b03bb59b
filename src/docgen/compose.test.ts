/**
 * compose.yaml against what it repeats of the chart and of the Dockerfile.
 */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { parse } from 'yaml';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Service {
  readonly image: string;
  readonly profiles?: readonly string[];
  readonly build?: {
    readonly args: Readonly<Record<string, string>>;
    readonly secrets: readonly string[];
  };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly mem_limit?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
}

const { services, secrets } = parse(read('compose.yaml')) as {
  services: Readonly<Record<'chorus' | 'grafana' | 'prometheus' | 'redis', Service>>;
  secrets: Readonly<Record<string, { readonly environment: string }>>;
};

interface Values {
  readonly cache: {
    readonly redis: { readonly image: { readonly repository: string; readonly tag: string } };
  };
}

test("compose's Redis is the chart's, and comes with a profile of its own", () => {
  const { image } = (parse(read('helm/values.yaml')) as Values).cache.redis;
  assert.equal(services.redis.image, `\${REDIS_IMAGE:-${image.repository}:${image.tag}}`);
  assert.deepEqual(services.redis.profiles, ['cache']);
});

test("compose's Redis evicts what was not asked for, below what its container may use", () => {
  const command = services.redis.command ?? [];
  const valueOf = (flag: string) => command[command.indexOf(flag) + 1];
  assert.equal(valueOf('--maxmemory-policy'), 'allkeys-lru');
  assert.equal(valueOf('--maxmemory'), '192mb');
  assert.deepEqual([valueOf('--save'), valueOf('--appendonly')], ['', 'no']);
});

test('compose builds an image for PROFILE and starts it, whichever image is there', () => {
  const written = '${PROFILE:-starter}';
  assert.equal(services.chorus.build?.args.PROFILE, written);
  assert.equal(services.chorus.environment?.CHORUS_PROFILE, written);
});

test("the service is told of compose's Redis where that is on, and of another where one is named", () => {
  assert.equal(
    services.chorus.environment?.CHORUS_CACHE_REDIS_URL,
    '${CHORUS_CACHE_REDIS_URL-${COMPOSE_PROFILES:+redis://redis:6379}}',
  );
});

test("both have a health check, the service's that of its image", () => {
  const [, ofImage] = /^HEALTHCHECK .* CMD (\[.*\])$/m.exec(read('Dockerfile-cpu')) ?? [];
  const [kind, ...command] = services.chorus.healthcheck?.test ?? [];
  assert.equal(kind, 'CMD');
  assert.deepEqual(command, JSON.parse(ofImage ?? '[]'));
  assert.deepEqual(services.redis.healthcheck?.test, ['CMD', 'redis-cli', '-e', 'ping']);
});

test('compose builds from another hub, with its token, as the Dockerfile takes them', () => {
  const dockerfile = read('Dockerfile-cpu');
  for (const [name, value] of Object.entries(services.chorus.build?.args ?? {})) {
    const [, written] = new RegExp(`^ARG ${name}=(.*)$`, 'm').exec(dockerfile) ?? [];
    assert.equal(value, `\${${name}:-${String(written)}}`);
  }
  assert.deepEqual(services.chorus.build?.secrets, ['hf_token']);
  assert.match(dockerfile, /--mount=type=secret,id=hf_token/);
  // A file outside the project is refused to a build by compose 2.40, and so was /dev/null.
  assert.deepEqual(secrets.hf_token, { environment: 'HF_TOKEN' });
});

test('nothing of compose takes memory without an end, and each says whether it works', () => {
  for (const [name, { mem_limit: limit, healthcheck }] of Object.entries(services)) {
    assert.match(limit ?? '', /^(?:\d+[mg]|\$\{MEMORY_LIMIT:-3g\})$/, name);
    assert.ok(healthcheck !== undefined, name);
  }
});

test('Dependabot sees every compose file', () => {
  const examples = new URL('../../deploy/examples/', import.meta.url);
  const composed = readdirSync(examples)
    .filter((name) => existsSync(new URL(`${name}/compose.yaml`, examples)))
    .map((name) => `/deploy/examples/${name}`);
  assert.ok(composed.length > 0);
  const { updates } = parse(read('.github/dependabot.yml')) as {
    updates: readonly { 'package-ecosystem': string; directories?: readonly string[] }[];
  };
  const seen = updates.find((update) => update['package-ecosystem'] === 'docker-compose');
  assert.deepEqual(seen?.directories, ['/', ...composed]);
});

test('the example of a store has the version of Weaviate that tests run, whose nodes lose no vectors', () => {
  const module = read('bench/tools/weaviate/go.mod');
  const [, version] = /github\.com\/weaviate\/weaviate v([\d.]+)/.exec(module) ?? assert.fail();
  const example = 'deploy/examples/retrieval-store';
  const composed = parse(read(`${example}/compose.yaml`), { merge: true }) as {
    services: Readonly<Record<string, Service>>;
  };
  const nodes = Object.entries(composed.services).filter(([name]) => name.startsWith('weaviate'));
  assert.equal(nodes.length, 3);
  for (const [name, { image, environment }] of nodes) {
    assert.ok(image.endsWith(`/weaviate:${version}}`), image);
    assert.equal(environment?.ASYNC_INDEXING, 'true');
    assert.equal(environment.CLUSTER_HOSTNAME, name);
  }
  const values = parse(read(`${example}/weaviate.yaml`)) as {
    image: { tag: string };
    replicas: number;
    env: { ASYNC_INDEXING: string; RAFT_BOOTSTRAP_EXPECT: number };
  };
  assert.equal(values.image.tag, version);
  assert.equal(values.env.ASYNC_INDEXING, 'true');
  assert.equal(values.env.RAFT_BOOTSTRAP_EXPECT, values.replicas);
});
