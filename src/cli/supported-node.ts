/**
 * Which versions of Node.js Chorus runs on: those whose HTTP parser has no known request smuggling.
 *
 * Before 20.19.2 Node 20 ended a header block at CR LF CR (CVE-2025-23167), where proxies see one request. Of 22 and 24
 * the security releases of the same day are asked for; 21 and 23 are no longer mended. That fields from the 1001st
 * on are cut off (CVE-2026-58044; mended in 22.23.2, 24.18.1 and not in 20) is for `server/public-server` to rule out.
 * package.json says the same to npm.
 */

import { StartError } from '../start-error.js';

/** The least version of each line of releases; newer lines are all taken. */
const LEAST: readonly (readonly [major: number, minor: number, patch: number])[] = [
  [20, 19, 2],
  [22, 15, 1],
  [24, 0, 2],
];

const NEWEST = LEAST.at(-1)?.[0] ?? 0;

export function isSupportedNode(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part));
  if (major > NEWEST) return true;
  const least = LEAST.find(([line]) => line === major);
  if (least === undefined) return false;
  return minor > least[1] || (minor === least[1] && patch >= least[2]);
}

/** @throws {StartError} for a version that is not supported, with those that are. */
export function requireSupportedNode(version: string): void {
  if (isSupportedNode(version)) return;
  const fine = LEAST.map((least) => least.join('.')).join(', ');
  throw new StartError([
    `Node.js ${version} is not supported: its HTTP parser is known to let requests be smuggled, or gets no security ` +
      `fixes. Take one of ${fine} or a newer one of their lines, or any after ${NEWEST}.`,
  ]);
}
