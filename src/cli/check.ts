/**
 * `chorus check`: loads a profile, tests it, and says what each model is and does.
 */

import { parseArgs } from 'node:util';

import { driftOf, allOutputs, type Drift } from '../check/drift.js';
import { selfTest } from '../check/self-test.js';
import { tokensPerSecond } from '../check/speed.js';
import { readTexts, SELF_TEST_TEXTS } from '../check/texts.js';
import { loadSettings } from '../config/load.js';
import { settings as settingsTable, type Settings } from '../config/settings.js';
import type { ModelInfo } from '../engine/engine.js';
import { loadNativeEngine } from '../engine/native-engine.js';
import type { Profile } from '../profile/schema.js';
import { exitCodes, StartError } from '../start-error.js';
import type { Command } from './command.js';
import { engineConfig, profileOf } from './engine-config.js';
import { onlyProfile, parsed } from './parsed.js';
import { textTable } from './table.js';

export const check: Command = {
  name: 'check',
  usage: '<profile>',
  summary: 'Load a profile, test it and measure its models',
  help: () => `Usage: chorus check <profile> [options]

Exit code 0 when every model loads and answers as it should, 1 otherwise.

  --against PRECISION  Compare with the models in this precision: ${precisions}
  --texts FILE         Texts to measure and compare with, one per line, or JSONL with "text"
  --json               Print one JSON object
  --models-dir FOLDER  Where the models' own folders are
Also --device, --device-id, --lanes, --max-batch-tokens, --ort-library and --precision, as for chorus serve.
`,
  run,
};

const precisions = settingsTable.precision.kind.expects;

/** Options of `serve` that decide how models run. */
const PASSED_ON = [
  'device',
  'device-id',
  'lanes',
  'max-batch-tokens',
  'models-dir',
  'ort-library',
  'precision',
] as const;

interface ModelReport extends ModelInfo {
  readonly tokensPerSecond: number;
  readonly drift?: Drift;
}

interface Report {
  readonly profile: string;
  readonly models: readonly ModelReport[];
  readonly faults: readonly string[];
}

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parsed(() =>
    parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...passedOn,
        against: { type: 'string' },
        texts: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    }),
  );
  const flags = PASSED_ON.flatMap((flag) => {
    const value = values[flag];
    return value === undefined ? [] : [`--${flag}=${value}`];
  });
  const { settings } = loadSettings([onlyProfile(positionals), ...flags], process.env);
  const against =
    values.against === undefined
      ? undefined
      : loadSettings([`--precision=${values.against}`], {}).settings.precision;
  const texts = values.texts === undefined ? SELF_TEST_TEXTS : readTexts(values.texts);
  const report = await checkProfile(settings, texts, against);
  process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : tableOf(report));
  if (report.faults.length > 0) throw new StartError(report.faults, exitCodes.failed);
}

const passedOn = Object.fromEntries(
  PASSED_ON.map((flag) => [flag, { type: 'string' as const }]),
) as Record<(typeof PASSED_ON)[number], { type: 'string' }>;

async function checkProfile(
  settings: Settings,
  texts: readonly string[],
  against: Settings['precision'] | undefined,
): Promise<Report> {
  const profile = profileOf(settings);
  const engine = await loadNativeEngine(engineConfig(settings, profile));
  const { models } = engine;
  const faults = await selfTest(engine, SELF_TEST_TEXTS, profile.golden);
  const speeds = await tokensPerSecond(
    engine,
    texts.filter((text) => text.trim() !== ''),
  );
  const outputs = against === undefined ? undefined : await allOutputs(engine, texts);
  await engine.close();
  // One after the other: two precisions of a large profile need not fit into memory together.
  let reference: typeof outputs;
  if (against !== undefined) {
    const other = await loadNativeEngine(
      engineConfig({ ...settings, precision: against }, profile),
    );
    reference = await allOutputs(other, texts);
    await other.close();
  }
  const reports = models.map((model, position) => ({
    ...model,
    tokensPerSecond: Math.round(speeds.get(model.name) ?? 0),
    ...(outputs && reference ? { drift: driftOf(outputs, reference, position) } : {}),
  }));
  faults.push(...unfit(reports, leastAgreement(profile, settings.precision, against)));
  return { profile: profile.name, models: reports, faults };
}

/** What the profile asks of the labels where one of the two precisions is not exact. */
function leastAgreement(
  { precisions }: Profile,
  ...compared: readonly (Settings['precision'] | undefined)[]
): number {
  const limits = compared.map((precision) =>
    precision === undefined || precision === 'exact' ? 0 : (precisions[precision] ?? 1),
  );
  return Math.max(...limits);
}

function unfit(models: readonly ModelReport[], least: number): string[] {
  return models.flatMap(({ name, drift }) =>
    drift === undefined || drift.agreement >= least
      ? []
      : [
          `${name}: ${percent(drift.agreement)} of the labels agree, the profile wants ${percent(least)}`,
        ],
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function tableOf({ models, faults }: Report): string {
  const compared = models.some(({ drift }) => drift !== undefined);
  const head = ['model', 'architecture', 'parameters', 'precision', 'max tokens', 'tokens/s'];
  const rows = models.map((model) => [
    model.name,
    model.architecture,
    `${(model.parameters / 1e6).toFixed(1)} M`,
    model.precision,
    String(model.maxTokens),
    String(model.tokensPerSecond),
    ...driftCells(model.drift),
    labelsCell(model.labels),
  ]);
  const drift = compared ? ['same label', 'drift p99', 'drift max'] : [];
  const verdict = faults.length === 0 ? 'Self-test passed.\n' : '';
  return `${textTable([...head, ...drift, 'labels'], rows)}${verdict}`;
}

function driftCells(drift: Drift | undefined): string[] {
  if (drift === undefined) return [];
  const { agreement, p99, largest } = drift;
  return [percent(agreement), p99.toExponential(1), largest.toExponential(1)];
}

/** Labels as far as a line has room. */
function labelsCell(labels: readonly string[]): string {
  const SHOWN = 3;
  const more = labels.length > SHOWN ? `, … (${labels.length})` : '';
  return labels.slice(0, SHOWN).join(', ') + more;
}
