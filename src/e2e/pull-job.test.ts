/**
 * What the chart's Job does, container after container: two releases that share a claim, of which pods only read.
 */

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { runChartScript } from '../testing/chart-script.js';
import { runChorus } from '../testing/chorus-process.js';
import { hubWorld } from './hub-world.js';
import { startChorus } from './running-chorus.js';

test('a Job pulls for each of two releases that share a claim, and pods of both serve from it', async (context) => {
  const { hub, folder, profile } = await hubWorld(context);
  const claim = join(folder, 'models');
  mkdirSync(claim);

  /** Where pods of `release` look for their profile, once its Job has ended. */
  const pulled = async (release: string, route: string) => {
    const given = join(folder, `${release}.yaml`);
    writeFileSync(given, readFileSync(profile, 'utf8').replace('/process', route));
    const work = join(folder, `${release}-work`, 'profile.yaml');
    const published = join(claim, `${release}-01234567`, 'profile.yaml');
    const steps = [
      runChartScript.bind(undefined, 'copy-profile.mjs', {
        GIVEN: given,
        SERVED: work,
        PUBLISHED: published,
      }),
      async () => {
        const { code, stderr } = await runChorus(['pull', work], {
          HF_HOME: claim,
          HF_ENDPOINT: hub.endpoint,
        });
        return { code, output: stderr };
      },
      runChartScript.bind(undefined, 'copy-profile.mjs', { GIVEN: work, SERVED: published }),
    ];
    for (const step of steps) {
      assert.ok(!readdirSync(claim).includes(`${release}-01234567`), 'before all is whole');
      const { code, output } = await step();
      assert.equal(code, 0, output);
    }
    const waited = await runChartScript('wait-for-profile.mjs', {
      PROFILE: published,
      TIMEOUT_SECONDS: '0',
    });
    assert.equal(waited.code, 0, waited.output);
    return published;
  };

  const fetched = () =>
    hub.requests.filter(({ subject }) => subject.endsWith('/pytorch_model.bin'));
  const project = await pulled('project', '/project');
  const once = fetched().length;
  assert.ok(once > 0);
  const lab = await pulled('lab', '/lab');
  assert.equal(fetched().length, once, 'what is there already is fetched again');

  for (const [file, path] of [
    [project, '/project'],
    [lab, '/lab'],
  ] as const) {
    const chorus = await startChorus([], { HF_HOME: claim }, { profile: file, path });
    assert.equal((await chorus.post('"A text"')).status, 200);
    chorus.process.signal('SIGTERM');
    assert.equal((await chorus.process.finished()).code, 0);
  }
});
