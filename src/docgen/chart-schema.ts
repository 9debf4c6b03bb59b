/**
 * What `helm/values.schema.json` takes from the service: its settings, but for what the chart decides, and the buckets
 * that can be a latency objective.
 */

import { format } from 'prettier';

import { settingNames, settings, type SettingName } from '../config/settings.js';
import { DURATION_BUCKETS } from '../metrics/http-metrics.js';

/** What the pod must agree with, or a Secret holds, or stands beside it in values of its own. */
const DECIDED_BY_THE_CHART: readonly SettingName[] = [
  'adminHost',
  'adminPort',
  'apiKeysFile',
  'cacheBypass',
  'cacheRedisPassword',
  'cacheRedisPasswordFile',
  'cacheRedisPrefix',
  'cacheRedisRequired',
  'cacheRedisTimeout',
  'cacheRedisUrl',
  'cacheSecret',
  'cacheSecretFile',
  'cacheSize',
  'cacheTtl',
  'host',
  'indexDir',
  'indexStore',
  'indexStoreKey',
  'indexStoreKeyFile',
  'indexStoreName',
  'indexStoreTimeout',
  'modelsDir',
  'ortLibrary',
  'port',
  'profile',
  'pull',
  'shutdownTimeout',
  'tlsCaFile',
  'tlsCertFile',
  'tlsKeyFile',
];

interface ValuesSchema {
  readonly properties: {
    readonly settings: { properties: object };
    readonly prometheusRule: {
      readonly properties: { readonly latencySeconds: { enum: unknown } };
    };
  };
}

/** `text` of the schema with the settings and the buckets as they are. */
export function chartSchema(text: string): Promise<string> {
  const schema = JSON.parse(text) as ValuesSchema;
  schema.properties.prometheusRule.properties.latencySeconds.enum = [
    ...DURATION_BUCKETS,
    // As helm --set gives a number that is not whole.
    ...DURATION_BUCKETS.map(String),
  ];
  schema.properties.settings.properties = Object.fromEntries(
    settingNames
      .filter((name) => !DECIDED_BY_THE_CHART.includes(name))
      .map((name) => [name, settings[name].kind.json]),
  );
  return format(JSON.stringify(schema, null, 2), { parser: 'json', printWidth: 100 });
}
