/**
 * `/stats` as lines for a terminal of 80 columns.
 */

import type { Period, Stats } from '../stats/schema.js';

const WIDTH = 80;
/** Errors that are named; more are a number. */
const ERRORS_SHOWN = 3;
const NAME_WIDTH = 24;

export function frameOf(stats: Stats, url: string): string {
  const [minute] = stats.last;
  return [
    ...headOf(stats, url),
    '',
    ...table(
      ['', 'req/s', 'requests', 'errors', 'mean ms', 'max ms', 'cpu', 'cached'],
      stats.last.map((period) => [`last ${period.minutes} min`, ...figuresOf(period)]),
    ),
    ...errorsOf(stats),
    '',
    ...table(
      ['model, last minute', 'texts/s', 'texts', 'batch', 'queue ms', 'busy', 'waiting'],
      Object.entries(stats.models).map(([name, { queued }]) => {
        const model = minute?.models[name];
        return [
          cut(name, NAME_WIDTH),
          rate(model?.texts_per_second ?? 0),
          String(model?.texts ?? 0),
          decimal(model?.mean_batch),
          decimal(model?.mean_queue_wait_ms),
          percent(model?.busy),
          String(queued),
        ];
      }),
    ),
  ]
    .map((line) => `${cut(line.trimEnd(), WIDTH)}\n`)
    .join('');
}

function headOf(stats: Stats, url: string): string[] {
  const { version, phase, uptime_seconds, open_requests, cpu, memory, queue, cache } = stats;
  const lines = [
    `chorus ${version}: ${phase}, up ${span(uptime_seconds)}   ${url}`,
    `open requests ${open_requests}` +
      (queue ? `   texts in work ${queue.texts} of ${queue.capacity}` : ''),
    `cpu ${span(cpu.user_seconds)} user, ${span(cpu.system_seconds)} system   ` +
      `memory ${bytes(memory.rss_bytes)}, heap ${bytes(memory.heap_used_bytes)}`,
  ];
  if (cache) {
    const { memory, redis, requests } = cache.hit_rate;
    lines.push(
      `cache: ${percent(requests)} of requests, memory ${percent(memory)}, redis ${percent(redis)}; ` +
        `${cache.entries} texts, ${bytes(cache.bytes)}`,
    );
  }
  return [...lines, ...modelsOf(stats)];
}

/** Where not all models are in memory: how much is, and which are not. */
function modelsOf({ models, model_memory }: Stats): string[] {
  const away = Object.entries(models).flatMap(([name, { loaded }]) => (loaded ? [] : name));
  if (away.length === 0 || model_memory === null) return [];
  const { bytes: taken, limit_bytes } = model_memory;
  const limit = limit_bytes === null ? '' : ` of ${bytes(limit_bytes)}`;
  return [`models: ${bytes(taken)}${limit}; not loaded: ${away.join(', ')}`];
}

function figuresOf(period: Period): string[] {
  const { requests, requests_per_second, errors, mean_latency_ms, max_latency_ms, cpu } = period;
  return [
    rate(requests_per_second),
    String(requests),
    String(sum(Object.values(errors))),
    decimal(mean_latency_ms),
    decimal(max_latency_ms),
    percent(cpu.user + cpu.system),
    percent(period.cache?.requests),
  ];
}

/** Those of the last fifteen minutes, the most frequent first. */
function errorsOf({ last }: Stats): string[] {
  const errors = Object.entries(last.at(-1)?.errors ?? {}).sort(([, a], [, b]) => b - a);
  if (errors.length === 0) return [];
  const shown = errors.slice(0, ERRORS_SHOWN).map(([code, count]) => `${code} ${count}`);
  const others = errors.length - shown.length;
  return ['', `errors: ${shown.join(', ')}${others > 0 ? `, and ${others} others` : ''}`];
}

/** The first column to the left, numbers to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  '),
  );
}

function rate(perSecond: number): string {
  return perSecond.toFixed(perSecond < 100 ? 1 : 0);
}

function decimal(value: number | null | undefined): string {
  return value === null || value === undefined ? '-' : value.toFixed(value < 1000 ? 1 : 0);
}

function percent(part: number | null | undefined): string {
  return part === null || part === undefined ? '-' : `${(100 * part).toFixed(0)}%`;
}

function bytes(count: number): string {
  const mib = count / 1024 ** 2;
  return mib < 1024 ? `${mib.toFixed(0)} MiB` : `${(mib / 1024).toFixed(1)} GiB`;
}

function span(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)}d ${hours % 24}h`;
  if (hours > 0) return `${hours}h ${minutes % 60}m`;
  return minutes > 0 ? `${minutes}m ${Math.floor(seconds % 60)}s` : `${seconds.toFixed(1)}s`;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
