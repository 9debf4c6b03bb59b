/**
 * What `/stats` answers, as a schema: what it says is documentation, and a test holds the answer to it.
 *
 * `chorus top` reads the answer by the same schema.
 */

import { z } from 'zod';

const count = z.int().min(0);
const amount = z.number().min(0);
/** Nothing is known of nothing: no mean of no requests. */
const known = amount.nullable();
const share = z.number().min(0).max(1).nullable();
const errors = z
  .record(z.string(), count)
  .describe('Requests that ended with an error, by its reason.');

const hitRate = z
  .object({
    requests: share.describe('Of the requests, those that were answered whole.'),
    memory: share.describe('Of the outputs that were looked for in the process.'),
    redis: share.describe('Of those that were then looked for in Redis.'),
  })
  .describe('Shares from 0 to 1; null where nothing was looked for.');

const modelWindow = z.object({
  texts: count.describe('Texts that it answered, those from a cache not among them.'),
  texts_per_second: amount,
  mean_batch: known.describe('Texts in a batch.'),
  mean_queue_wait_ms: known,
  busy: amount.describe('Lanes that ran it, on average.'),
});

const period = z.object({
  minutes: z.int().describe('The last so many minutes.'),
  seconds: amount.describe('How much of that there is; less soon after the start.'),
  requests: count,
  requests_per_second: amount,
  errors,
  mean_latency_ms: known.describe('From the header of a request to the last byte of its answer.'),
  max_latency_ms: known,
  cpu: z
    .object({ user: amount, system: amount })
    .describe('Cores that the process kept busy, on average.'),
  cache: hitRate.nullable().describe('null where there is no cache.'),
  models: z.record(z.string(), modelWindow),
});

export const statsSchema = z.object({
  version: z.string(),
  phase: z.enum(['starting', 'ready', 'draining']),
  uptime_seconds: amount,
  open_requests: count,
  requests: count.describe('Since the start, like all that is not below last.'),
  errors,
  cpu: z.object({ user_seconds: amount, system_seconds: amount }),
  memory: z.object({ rss_bytes: count, heap_used_bytes: count, external_bytes: count }),
  queue: z
    .object({ texts: count.describe('Accepted and not yet answered.'), capacity: count })
    .nullable()
    .describe('null while the models load.'),
  cache: z
    .object({ hit_rate: hitRate, entries: count, bytes: count, evictions: count })
    .nullable()
    .describe('null where there is no cache.'),
  model_memory: z
    .object({
      bytes: count.describe('Of the models that are loaded or being loaded.'),
      limit_bytes: count.nullable().describe('null where there is no limit.'),
    })
    .nullable()
    .describe('null while the first models load.'),
  models: z.record(
    z.string(),
    z.object({
      texts: count,
      failed: count,
      queued: count,
      loaded: z.boolean().describe('Whether it is in memory.'),
      loads: count.describe('How often it was loaded because it was asked for.'),
      evictions: count.describe('How often it had to go for another.'),
    }),
  ),
  last: z.array(period).describe('The last minute, five and fifteen.'),
});

export type Stats = z.infer<typeof statsSchema>;
export type Period = z.infer<typeof period>;
export type HitRate = z.infer<typeof hitRate>;
