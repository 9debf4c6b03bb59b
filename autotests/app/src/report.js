// What a run found, as Markdown: a line for each stage, each check and each threshold that was missed. The parts
// that any report has are shared with ../../sentiment.

import { stageSeconds } from '../../../bench/lib/challenge-stages.js';

/** The statistics of a duration that are reported. */
export const LATENCIES = ['min', 'avg', 'med', 'max', 'p(90)', 'p(95)', 'p(99)', 'p(99.99)'];
/** The closed loop has no rate to keep up with: what it did not send is no loss. */
export const CLOSED_LOOP = 'stress_speed_test';

/** `data` is what k6 hands to handleSummary. */
export function markdownReport(data, { target, scale, scenarios }) {
  return [
    `# Autotest of ${target}`,
    `${verdict(data, scale)} ${neverSent(data, scenarios)}`,
    table(
      ['stage', 'requests', 'per second', 'dropped', ...LATENCIES.map((name) => `${name}, ms`)],
      Object.entries(scenarios).map(([stage, scenario]) => stageRow(data, stage, scenario)),
    ),
    checkTable(data),
    '',
  ].join('\n\n');
}

/** What handleSummary returns: the report on stdout, and with all figures in the folder REPORT where that is set. */
export function outputs(report, data) {
  const files = __ENV.REPORT
    ? {
        [`${__ENV.REPORT}/report.md`]: report,
        [`${__ENV.REPORT}/summary.json`]: JSON.stringify(data, null, 2),
      }
    : {};
  return { stdout: report, ...files };
}

/** Whether the load was sent at all: a service that is too slow for it answers what little comes. */
function neverSent({ metrics }, scenarios) {
  const counts = Object.keys(scenarios)
    .filter((stage) => stage !== CLOSED_LOOP)
    .map((stage) => metrics[`dropped_iterations{scenario:${stage}}`]?.values.count ?? 0);
  const count = counts.reduce((sum, each) => sum + each, 0);
  return count === 0 ? 'Every request was sent.' : `${count} requests were never sent.`;
}

/** Which thresholds were missed, and how long the run was. */
export function verdict(data, scale) {
  const missed = missedThresholds(data);
  const found = missed.length === 0 ? 'Every threshold was met.' : `Missed: ${missed.join(', ')}.`;
  const length = scale === 1 ? 'full length' : `${scale} of the length: a smoke run, not a result`;
  const seconds = (data.state.testRunDurationMs / 1000).toFixed(0);
  return `${found} ${seconds} s, ${length}.`;
}

export function checkTable({ root_group: root }) {
  return table(
    ['check', 'passed', 'failed'],
    root.checks.map(({ name, passes, fails }) => [name, passes, fails]),
  );
}

function stageRow({ metrics }, stage, scenario) {
  const values = (metric) => metrics[`${metric}{scenario:${stage}}`]?.values;
  const latency = values('http_req_duration');
  const dropped = stage === CLOSED_LOOP ? '' : (values('dropped_iterations')?.count ?? 0);
  const requests = values('http_reqs')?.count ?? 0;
  return [
    stage,
    requests,
    // k6's own rate is over the whole run.
    (requests / stageSeconds(scenario)).toFixed(1),
    dropped,
    ...LATENCIES.map((name) => (latency?.[name] ?? 0).toFixed(1)),
  ];
}

function missedThresholds({ metrics }) {
  return Object.entries(metrics).flatMap(([metric, { thresholds = {} }]) =>
    Object.entries(thresholds)
      .filter(([, { ok }]) => !ok)
      .map(([threshold]) => `\`${metric} ${threshold}\``),
  );
}

export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
