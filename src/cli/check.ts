/**
 * `chorus check`: loads a profile, tests it, and says what each model is and does.
 */

import { parseArgs } from 'node:util';

import { LEAST_COSINE } from '../check/drift.js';
import { readTexts, SELF_TEST_TEXTS } from '../check/texts.js';
import { loadSettings } from '../config/load.js';
import { engineSettingNames, settings as table } from '../config/settings.js';
import { exitCodes, StartError } from '../start-error.js';
import { checkProfile } from './check-profile.js';
import { checkTable } from './check-table.js';
import type { Command } from './command.js';
import { onlyProfile, parsed, PassedOn } from './parsed.js';

/** What `serve` takes too: everything that decides how models run. */
const passedOn = new PassedOn(['modelsDir', 'memoryLimit', ...engineSettingNames]);

export const check: Command = {
  name: 'check',
  usage: '<profile>',
  summary: 'Load a profile, test it and measure its models',
  help: () => `Usage: chorus check <profile> [options]

Exit code 0 when every model loads and answers as it should, 1 otherwise. What a model's folder says of its
tokenizer is listed with what became of it: applied, or changing no token; anything else is refused.

  --against PRECISION  Compare with the models in this precision: ${table.precision.kind.expects};
                       vectors of encoders agree from a cosine of ${LEAST_COSINE} on
  --texts FILE         Texts to measure and compare with, one per line, or JSONL with "text"
  --json               Print one JSON object, with every setting of every tokenizer

As for chorus serve: ${passedOn.toString()}.
`,
  run,
};

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parsed(() =>
    parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...passedOn.options,
        against: { type: 'string' },
        texts: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    }),
  );
  const given = [onlyProfile(positionals), ...passedOn.given(values)];
  const { settings } = loadSettings(given, process.env);
  const against =
    values.against === undefined
      ? undefined
      : loadSettings([`--precision=${values.against}`], {}).settings.precision;
  const texts = values.texts === undefined ? SELF_TEST_TEXTS : readTexts(values.texts);
  const report = await checkProfile(settings, texts, against);
  process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : checkTable(report));
  if (report.faults.length > 0) throw new StartError(report.faults, exitCodes.failed);
}
