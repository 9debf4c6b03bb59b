/**
 * OpenTelemetry's own collector on a free port of loopback, for tests, and the spans that it took.
 */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { freePort } from './free-port.js';
import { until } from './until.js';

const FINDER = fileURLToPath(new URL('../../bench/tools/otelcol.sh', import.meta.url));

export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  /** 1: internal, 2: server. */
  readonly kind: number;
  readonly traceState: string;
  /** 2: an error. */
  readonly status: number;
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly end: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** The attributes of who sent it. */
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface Collector {
  readonly url: string;
  /** All that it took, as it wrote it down. */
  readonly written: () => string;
  /** Resolves with the spans of a trace once the request's is there. */
  readonly trace: (traceId: string) => Promise<readonly CollectedSpan[]>;
  readonly spans: () => readonly CollectedSpan[];
}

/** A collector that takes spans, and is ended with the test. */
export async function startCollector(context: TestContext): Promise<Collector> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'chorus-otelcol-'));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, JSON.stringify(configuration(port)));
  const child = spawn(execFileSync(FINDER, { encoding: 'utf8' }).trim(), [`--config=${file}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  context.after(async () => {
    if (child.exitCode === null) {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
    rmSync(folder, { recursive: true });
  });
  const lines: string[] = [];
  const said: string[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  createInterface(child.stderr).on('line', (line) => said.push(line));
  await until(() => {
    if (child.exitCode !== null) throw new Error(`the collector ended:\n${said.join('\n')}`);
    return said.some((line) => line.includes('Everything is ready'));
  }, 'the collector is ready');
  const spans = () => lines.flatMap(spansOf);
  return {
    url: `http://127.0.0.1:${port}`,
    written: () => lines.join('\n'),
    spans,
    trace: (traceId) =>
      until(() => {
        const found = spans().filter((span) => span.traceId === traceId);
        return found.some(({ kind }) => kind === 2) && found;
      }, `spans of ${traceId}`),
  };
}

function configuration(port: number) {
  return {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { lines: {} },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { traces: { receivers: ['otlp'], exporters: ['lines'] } },
    },
  };
}

/** OTLP's JSON, as far as it is looked at: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. */
interface Written {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly WrittenSpan[] }[];
  }[];
}

interface WrittenSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly traceState?: string;
  readonly status?: { readonly code?: number };
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly Attribute[];
}

interface Value {
  readonly stringValue?: string;
  readonly intValue?: string;
  readonly arrayValue?: { readonly values: readonly Value[] };
}

interface Attribute {
  readonly key: string;
  readonly value: Value;
}

function spansOf(line: string): CollectedSpan[] {
  const { resourceSpans } = JSON.parse(line) as Written;
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ parentSpanId = '', traceState = '', status, attributes = [], ...span }) => ({
        ...span,
        parentSpanId,
        traceState,
        status: status?.code ?? 0,
        start: Number(span.startTimeUnixNano) / 1e6,
        end: Number(span.endTimeUnixNano) / 1e6,
        attributes: record(attributes),
        resource: record(resource.attributes),
      })),
    ),
  );
}

function record(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]));
}

function plain({ stringValue, intValue, arrayValue }: Value): unknown {
  return stringValue ?? (intValue === undefined ? arrayValue?.values.map(plain) : Number(intValue));
}
