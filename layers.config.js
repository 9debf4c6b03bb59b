/**
 * Which folders of src/ may import which: `npm run layers`, part of `make lint`.
 *
 * Cargo sees to it in Rust. Read a row as "may import"; everything may import the files of src/ itself, tests may
 * import what they test with. A new arrow is a decision: add it here, or turn it round.
 */

const MAY_IMPORT = {
  errors: [],
  files: [],
  keys: [],
  log: [],
  profile: ['keys'],
  config: ['log'],
  engine: ['errors'],
  cache: ['engine', 'errors'],
  memory: ['engine'],
  retrieval: ['engine', 'files'],
  routes: ['engine', 'errors', 'profile', 'retrieval'],
  http: ['engine', 'errors', 'keys', 'log', 'retrieval', 'routes'],
  metrics: ['engine', 'errors', 'http', 'retrieval'],
  stats: ['engine', 'errors', 'http'],
  tracing: ['http', 'log'],
  server: [
    ...['config', 'engine', 'errors', 'http', 'keys', 'log', 'metrics', 'profile', 'routes'],
    ...['retrieval', 'stats'],
  ],
  hub: ['files', 'profile'],
  // What a request ends with is a finding, and which it is decides whether it is a fault.
  check: ['engine', 'errors', 'profile'],
  cli: [
    ...['cache', 'check', 'config', 'engine', 'http', 'hub', 'keys', 'log', 'memory', 'profile'],
    ...['retrieval', 'routes', 'server', 'stats', 'tracing'],
  ],
  docgen: ['cli', 'config', 'errors', 'faults', 'metrics', 'profile', 'routes'],
  testing: [
    ...[
      'cache',
      'config',
      'engine',
      'errors',
      'http',
      'hub',
      'log',
      'profile',
      'retrieval',
      'routes',
      'server',
      'tracing',
    ],
  ],
  e2e: ['testing'],
  faults: ['testing'],
};

const TEST = '\\.test\\.ts$';

const layers = Object.entries(MAY_IMPORT).map(([layer, others]) => ({
  name: `${layer}/ may import ${others.join(', ') || 'no other folder'}`,
  severity: 'error',
  from: { path: `^src/${layer}/`, pathNot: TEST },
  to: { path: '^src/[^/]+/', pathNot: `^src/(?:${[layer, ...others].join('|')})/` },
}));

export default {
  forbidden: [
    ...layers,
    {
      name: 'every folder has a row in layers.config.js',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/(?:${Object.keys(MAY_IMPORT).join('|')})/` },
      to: {},
    },
    {
      name: 'no circles',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'the files of src/ itself import nothing',
      severity: 'error',
      from: { path: '^src/[^/]+\\.ts$' },
      to: {},
    },
    {
      name: 'only the files native-*.ts know that the engine is an addon',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: '^src/engine/native-(?:engine|index|models)(?:\\.test)?\\.ts$',
      },
      to: { path: '^src/engine/addon\\.ts$' },
    },
    {
      name: 'only http/ knows Koa',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/http/' },
      to: { path: '^node_modules/(?:@types/)?@?koa' },
    },
    {
      name: 'only tracing/ knows OpenTelemetry',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/tracing/' },
      to: { path: '^node_modules/@opentelemetry' },
    },
    {
      name: 'OpenTelemetry is loaded where spans are wanted, never with the service',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/tracing/|${TEST}` },
      to: { path: '^src/tracing/(?!destination)', dynamic: false },
    },
    {
      name: 'what speaks to Redis is loaded where there is one, never with the service',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: `^src/cache/redis-(?!url)|^src/testing/|${TEST}`,
      },
      to: {
        path: '^src/cache/redis-(?!url)',
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    // Types make layers as values do.
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^native/' },
  },
};
