/**
 * A folder for one test.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Gone when the test has ended. */
export function folderFor(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-test-'));
  context.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
