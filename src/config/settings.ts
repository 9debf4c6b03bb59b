/**
 * The one table of settings.
 *
 * Read for parsing (`load.ts`), for `--help` and for `docs/settings.md`. A setting's flag and environment
 * variable follow from its key. Defaults are written as a user would write them and go through the same
 * schema; nothing further in fills in a default. Those of the engine reach the addon under their own names
 * and are taken by `chorus check` too, without being named again.
 */

import { logLevels } from '../log/logger.js';
import { inexactOn, precisions, processors, type Processor } from '../precisions.js';
import {
  addressRanges,
  duration,
  integer,
  keyPrefix,
  memory,
  modelMemory,
  oneOf,
  origins,
  otlpUrl,
  pathPrefix,
  port,
  redisUrl,
  secret,
  size,
  someTime,
  storeName,
  storeUrls,
  text,
  toggle,
  type Kind,
} from './kinds.js';

export interface Setting<T> {
  readonly kind: Kind<T>;
  readonly default: string;
  readonly help: string;
  /** Given in the environment alone: a list of processes shows flags to everybody. */
  readonly onlyInEnvironment?: true;
}

/** One that decides how models run, and goes to the engine. */
interface EngineSetting<T> extends Setting<T> {
  readonly forEngine: true;
}

const address = text('an address or a host name; * is every address, IPv6 and IPv4');

export const settings = {
  profile: setting(
    text('a name of a shipped profile or the path of a YAML file'),
    'starter',
    'What to serve',
  ),
  modelsDir: setting(
    text('a folder'),
    '',
    "Where the models' own folders are; empty: beside the profile, in the profile's name",
  ),
  indexDir: setting(
    text('a folder'),
    '',
    "Where the index is that routes look in, as chorus index makes it; empty: the profile's own",
  ),
  indexStore: setting(
    storeUrls,
    '',
    'Weaviate where the index is instead, that several machines share; each of its nodes that may be asked, or one address of all',
  ),
  indexStoreName: setting(storeName, 'Chorus', 'What the index is called there'),
  indexStoreKey: secretSetting('Key that the store asks for'),
  indexStoreKeyFile: setting(text('a file'), '', 'File of that key, instead'),
  indexStoreTimeout: setting(someTime, '1s', 'Longest wait for a node, then another is asked'),
  pull: setting(toggle, 'false', 'Download what is missing first, as chorus pull does'),
  port: setting(port, '8080', 'Port of the service'),
  // Not 0.0.0.0: `localhost` is ::1 first on many machines, and a cluster may have IPv6 only. Not ::
  // either, which fails where IPv6 is off. Node's own default takes what there is.
  host: setting(address, '*', 'Address of the service'),
  pathPrefix: setting(
    pathPrefix,
    '',
    'Where all paths of the service begin, as behind a proxy that takes nothing off',
  ),
  adminPort: setting(port, '9090', 'Port of metrics and probes'),
  adminHost: setting(address, '*', 'Address of metrics and probes'),
  apiKeysFile: setting(
    text('a file'),
    '',
    'File of the keys that clients must show, as chorus keys new makes them; empty: none are asked for',
  ),
  tlsCertFile: setting(
    text('a file'),
    '',
    'Certificate of the service in PEM, with those between it and the root behind it; empty: connections are not encrypted',
  ),
  tlsKeyFile: setting(text('a file'), '', "The certificate's private key in PEM"),
  tlsCaFile: setting(
    text('a file'),
    '',
    'Certificates in PEM, one of which must have signed that of each client; empty: clients need none',
  ),
  trustedProxies: setting(
    addressRanges,
    '',
    'Proxies that are believed in x-forwarded-for and x-forwarded-proto, and from whom alone x-request-id and traceparent are then taken over; empty: ids from everybody, the others from nobody',
  ),
  corsOrigins: setting(
    origins,
    '',
    'Origins whose pages may read answers in a browser; empty: none',
  ),
  device: engineSetting(
    oneOf(['auto', ...(Object.keys(processors) as Processor[])]),
    'auto',
    'Where models run; cuda fails where there is none, auto falls back to the CPU',
  ),
  deviceId: engineSetting(integer(0, 63), '0', 'Which GPU, as CUDA counts those that it may see'),
  precision: engineSetting(
    oneOf(precisions),
    'exact',
    `How linear layers compute; ${inexactOn('cpu').join(' and ')} (CPU) and ${inexactOn('cuda').join(' and ')} (GPU) are faster and close, chorus check says how close`,
  ),
  lanes: engineSetting(
    integer(0, 1024),
    '0',
    'Batches that run at once; 0: one per core that affinity and CPU quota have room for, or one per model on a GPU',
  ),
  maxBatchTokens: engineSetting(
    integer(0, 1_000_000),
    '0',
    'Tokens in a batch; 0: measured at start, or what fills a GPU',
  ),
  memoryLimit: setting(
    memory,
    '0',
    'Memory that the service may take; more is refused at start; 0: what its control group allows, or the machine has',
  ),
  queueCapacity: engineSetting(
    integer(1, 1_000_000),
    '16384',
    'Texts accepted and not yet answered, those that run included; more get 503',
  ),
  maxWait: setting(
    duration,
    '10s',
    'Longest expected wait that a request is let in with; more gets 503; 0s: what deadlines and clients allow',
  ),
  modelMemory: engineSetting(
    modelMemory,
    '0',
    'Memory for models; of those that a profile loads lazily the longest unused goes where it is up; 0: no limit',
  ),
  ortLibrary: engineSetting(
    text('a file'),
    '',
    'ONNX Runtime library to load; empty: the one in the package onnxruntime-node',
  ),
  cacheSize: setting(
    memory,
    '64MiB',
    'Memory for answers that are kept in the process; 0: none are',
  ),
  cacheRedisUrl: setting(
    redisUrl,
    '',
    'Redis for answers that several processes share; empty: none',
  ),
  cacheRedisPassword: secretSetting(
    "Redis's password; wins over that of the URL. Sentinels get it only if they ask for one",
  ),
  cacheRedisPasswordFile: setting(text('a file'), '', "File of Redis's password, instead"),
  cacheRedisPrefix: setting(keyPrefix, 'chorus', 'What keys in Redis begin with'),
  cacheRedisTimeout: setting(someTime, '20ms', 'Longest wait for Redis, then the models are asked'),
  cacheRedisRequired: setting(toggle, 'false', 'Do not start without Redis'),
  cacheTtl: setting(someTime, '1h', 'How long Redis keeps an answer, give or take a tenth'),
  cacheSecret: secretSetting(
    'Secret that keys and values in Redis are made with; without one, who has the models can look for a text and make up its answer',
  ),
  cacheSecretFile: setting(text('a file'), '', 'File of that secret, instead'),
  cacheBypass: setting(
    toggle,
    'false',
    'Let clients ask for fresh answers by Cache-Control: no-cache',
  ),
  maxBodySize: setting(size, '1MiB', 'Largest request body; larger ones get 413'),
  maxBodyMemory: setting(
    memory,
    '64MiB',
    'Memory for the bodies of all open requests; above it 503',
  ),
  answerTimeout: setting(
    duration,
    '30s',
    'Longest wait for the models, then 503; a request may state less by chorus-deadline; 0s: no limit',
  ),
  headersTimeout: setting(duration, '5s', "Longest time for a request's header to arrive"),
  requestTimeout: setting(duration, '15s', 'Longest time for a whole request to arrive'),
  writeTimeout: setting(
    duration,
    '30s',
    'How long a client may read nothing of an answer that waits for it; 0s: no limit',
  ),
  keepAliveTimeout: setting(
    duration,
    '75s',
    'How long an idle connection is kept; must exceed that of the load balancer',
  ),
  maxConnections: setting(
    integer(1, 1_000_000),
    '4096',
    'Open connections; for one more the one that is idle for longest is closed, or the new one',
  ),
  maxOpenRequests: setting(
    integer(1, 1_000_000),
    '4096',
    'Requests that wait for their answers, over all connections; more get 503',
  ),
  drainDelay: setting(
    duration,
    '0s',
    'How long a stopped service, no longer ready, still takes connections; part of --shutdown-timeout',
  ),
  reloadOther: setting(
    toggle,
    'false',
    'Let POST /reload of the admin port name another profile or precision; without, it reads the own again',
  ),
  shutdownTimeout: setting(duration, '30s', 'Longest time to answer what is open when stopped'),
  logLevel: setting(oneOf(logLevels), 'info', 'Least severe log lines to write'),
  otlpEndpoint: setting(
    otlpUrl,
    '',
    'OpenTelemetry collector that gets a trace of requests (/v1/traces); empty: that of OTEL_EXPORTER_OTLP_ENDPOINT, or none',
  ),
};

export type SettingName = keyof typeof settings;

/** The values, parsed. Durations are milliseconds, sizes bytes. */
export type Settings = {
  readonly [Name in SettingName]: (typeof settings)[Name] extends Setting<infer T> ? T : never;
};

/** Secrets that may be given in a file instead. */
export const secretNames = ['cacheRedisPassword', 'cacheSecret', 'indexStoreKey'] as const;

export type SecretName = (typeof secretNames)[number];

export const settingNames = Object.keys(settings) as SettingName[];

/** Those that have a flag. */
export const flagNames = settingNames.filter((name) => !isOnlyInEnvironment(name));

export function isOnlyInEnvironment(name: SettingName): boolean {
  return (settings[name] as Setting<unknown>).onlyInEnvironment === true;
}

type EngineSettingName = {
  [Name in SettingName]: (typeof settings)[Name] extends EngineSetting<unknown> ? Name : never;
}[SettingName];

export type EngineSettings = Pick<Settings, EngineSettingName>;

export const engineSettingNames = settingNames.filter(
  (name): name is EngineSettingName => 'forEngine' in settings[name],
);

/** Those of `all` that go to the engine. */
export function engineSettingsOf(all: Settings): EngineSettings {
  const entries = engineSettingNames.map((name) => [name, all[name]]);
  return Object.fromEntries(entries) as EngineSettings;
}

/** `maxBodySize` → `--max-body-size`. */
export function flagOf(name: string): string {
  return `--${words(name).join('-')}`;
}

/** `maxBodySize` → `CHORUS_MAX_BODY_SIZE`. */
export function envOf(name: string): string {
  return ['chorus', ...words(name)].join('_').toUpperCase();
}

function words(name: string): string[] {
  return name.replace(/[A-Z]/g, ' $&').toLowerCase().split(' ');
}

function setting<T>(kind: Kind<T>, defaultText: string, help: string): Setting<T> {
  return { kind, default: defaultText, help };
}

function secretSetting(help: string): Setting<string> {
  return { ...setting(secret('a secret'), '', help), onlyInEnvironment: true };
}

function engineSetting<T>(kind: Kind<T>, defaultText: string, help: string): EngineSetting<T> {
  return { ...setting(kind, defaultText, help), forEngine: true };
}
