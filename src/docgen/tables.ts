/**
 * The documents' generated tables, each from what the code or the chart uses.
 */

import { envOf, flagOf, isOnlyInEnvironment, settingNames, settings } from '../config/settings.js';
import { errorKinds } from '../errors/codes.js';
import { MATRIX } from '../faults/matrix.js';
import { isExisting, isQuick, type Proof } from '../faults/row.js';
import { Metrics } from '../metrics/metrics.js';
import { chartValues } from './chart-values.js';

export function settingsTable(): string {
  const rows = settingNames.map((name) => {
    const { kind, default: fallback, help } = settings[name];
    return [
      isOnlyInEnvironment(name) ? '' : code(flagOf(name)),
      code(envOf(name)),
      fallback === '' ? '' : code(fallback),
      `${help}. Takes ${kind.expects}.`,
    ];
  });
  return table(['Flag', 'Variable', 'Default', 'Meaning'], rows);
}

export function errorsTable(): string {
  const rows = Object.entries(errorKinds)
    .sort(([, one], [, other]) => one.status - other.status)
    .map(([name, { status, title }]) => [String(status), code(name), title]);
  return table(['Status', 'Reason', 'Title'], rows);
}

/** The project's own metrics; prom-client's defaults for processes come and go with the platform. */
export function metricsTable(): string {
  const rows = new Metrics().registry
    .getMetricsAsArray()
    .map((metric) => metric as unknown as RegisteredMetric)
    .filter(({ name }) => /^(?:chorus|http)_/.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, labelNames, help }) => [code(name), labelNames.map(code).join(', '), help]);
  return table(['Metric', 'Labels', 'Meaning'], rows);
}

export function chartValuesTable(): string {
  const rows = chartValues().map(({ path, default: json, meaning }) => [
    code(path),
    ['""', 'null'].includes(json) ? '' : code(json),
    meaning,
  ]);
  return table(['Value', 'Default', 'Meaning'], rows);
}

export function faultsTable(): string {
  const rows = MATRIX.map(([group, { number, fault, expected, proofs, inapplicable }]) => [
    `${group}\u00a0${number}`,
    fault,
    inapplicable === undefined ? expected : `Not applicable: ${inapplicable}`,
    shownBy(proofs),
  ]);
  return table(['Row', 'Fault', 'What the service does', 'Shown by'], rows);
}

function shownBy(proofs: readonly Proof[]): string {
  const tests = proofs.filter(isExisting).length;
  const others = proofs.filter((proof) => !isExisting(proof));
  const words = [
    ...(tests > 0 ? [tests === 1 ? 'a test' : `${tests} tests`] : []),
    ...(others.some(isQuick) ? ['the real service'] : []),
    ...(others.some((proof) => !isQuick(proof)) ? ['the real service, by `make faults`'] : []),
  ];
  return words.join('; ');
}

/** What metrics of every type have, though prom-client's types do not say so. */
interface RegisteredMetric {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

function code(written: string): string {
  return `\`${written}\``;
}

/** A Markdown table as prettier would lay it out. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const escaped = [header, ...rows].map((row) => row.map((cell) => cell.replaceAll('*', '\\*')));
  const cells = escaped.map((row) =>
    row.map((cell) => (cell.startsWith('`') ? cell.replaceAll('\\*', '*') : cell)),
  );
  const widths = header.map((_, column) =>
    Math.max(3, ...cells.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = cells;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}
