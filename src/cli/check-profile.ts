/**
 * What `chorus check` does: describes the models of a profile, loads them, asks them.
 *
 * Whatever goes wrong on the way is a finding.
 */

import { driftOf } from '../check/drift.js';
import { attempt, type Findings } from '../check/findings.js';
import { outputs, type Outputs } from '../check/outputs.js';
import { unfit, unserved, type ModelReport, type Report } from '../check/report.js';
import { selfTest } from '../check/self-test.js';
import { tokensPerSecond } from '../check/speed.js';
import { SELF_TEST_TEXTS } from '../check/texts.js';
import type { Settings } from '../config/settings.js';
import type { Engine } from '../engine/engine.js';
import type { EngineConfig } from '../engine/native-models.js';
import type { Precision } from '../precisions.js';
import type { Profile } from '../profile/schema.js';
import { computedBy, describeAll, type Described } from './described.js';
import { memoryLine, memoryOf, requireMemory } from './memory.js';
import { engineConfig, loadEngine } from './profile-engine.js';
import { indexMemoryIn } from './served-index.js';
import { servedBy } from './served.js';

/**
 * Checks the profile of `settings`, its speed on `texts`, and how far its answers to them are from those in the
 * precision `against`.
 *
 * @throws {StartError} when what is asked for is wrong, or a model is not here.
 */
export async function checkProfile(
  settings: Settings,
  texts: readonly string[],
  against: Precision | undefined,
): Promise<Report> {
  const served = servedBy(settings);
  const { profile } = served;
  const config = engineConfig(settings, profile);
  const other = against && engineConfig({ ...settings, precision: against }, profile);
  const described = await describeAll(config, profile);
  const findings = { faults: [...described.faults], notes: unserved(profile) };
  if (findings.faults.length === 0) {
    await attempt(findings, '', async () => {
      const memory = await memoryOf(settings, config, {
        index: await indexMemoryIn(settings, served),
      });
      findings.notes.push(memoryLine(memory));
      await requireMemory(memory, settings, profile);
    });
  }
  const check = { config, other, profile, texts, findings };
  const models = findings.faults.length > 0 ? [] : await measured(check);
  return { profile: profile.name, folders: foldersOf(config, described), models, ...findings };
}

interface Check {
  readonly config: EngineConfig;
  /** The same models in another precision, where they are compared. */
  readonly other: EngineConfig | undefined;
  readonly profile: Profile;
  readonly texts: readonly string[];
  readonly findings: Findings;
}

async function measured({
  config,
  other,
  profile,
  texts,
  findings,
}: Check): Promise<ModelReport[]> {
  const answers = (engine: Engine) => attempt(findings, 'texts', () => outputs(engine, texts));
  let ours: Outputs | undefined;
  let theirs: Outputs | undefined;
  const models = await withEngine(config, async (engine) => {
    const { models } = engine;
    const { golden } = profile;
    await selfTest(engine, { models, texts: SELF_TEST_TEXTS, golden }, findings);
    const written = texts.filter((text) => text.trim() !== '');
    const speeds = await attempt(findings, 'speed', () => tokensPerSecond(engine, written));
    if (other !== undefined) ours = await answers(engine);
    return engine.models.map((model) => ({
      ...model,
      tokensPerSecond: Math.round(speeds?.get(model.name) ?? 0),
    }));
  });
  // One after the other: two precisions of a large profile need not fit into memory together.
  if (other !== undefined && ours !== undefined) {
    theirs = await withEngine(other, answers);
  }
  if (models === undefined) return [];
  if (other === undefined || ours === undefined || theirs === undefined) return models;
  const [one, another] = [ours, theirs];
  const compared = models.map((model, position) => ({
    ...model,
    drift: driftOf(one, another, position),
  }));
  const precisions = [config.precision, other.precision];
  findings.faults.push(...unfit(compared, profile.precisions, precisions));
  return compared;

  async function withEngine<T>(of: EngineConfig, work: (engine: Engine) => Promise<T>) {
    const engine = await attempt(findings, '', () => loadEngine(of, profile));
    if (engine === undefined) return undefined;
    const done = await work(engine);
    await engine.close();
    return done;
  }
}

function foldersOf({ models }: EngineConfig, described: Described): Report['folders'] {
  return models.flatMap((model) => {
    const description = described.models.get(model.name);
    if (description === undefined) return [];
    const { architecture, settings } = description;
    return { name: model.name, architecture, computedBy: computedBy(description, model), settings };
  });
}
