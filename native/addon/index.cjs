/**
 * Loads the engine that was built for this machine: the file beside this one that `napi build --platform` names
 * after it.
 *
 * Written by hand: what napi generates tries thirty files and as many packages, for twenty platforms. These are
 * the platforms whose dependencies are checked (native/deny.toml); index.test.mjs compares the two lists.
 */

'use strict';

/** Per Node's platform and architecture, what napi calls it. */
const TARGETS = {
  'darwin-arm64': 'darwin-arm64',
  'linux-arm64': 'linux-arm64-gnu',
  'linux-x64': 'linux-x64-gnu',
};

const machine = `${process.platform}-${process.arch}`;
const target = TARGETS[machine];
if (target === undefined) throw unsupported(machine);

try {
  module.exports = require(`./index.${target}.node`);
} catch (error) {
  // The linker's own words would be about libraries of glibc that are missing.
  throw error.code === 'ERR_DLOPEN_FAILED' && isMusl()
    ? unsupported(`${machine} with musl`)
    : error;
}

function unsupported(found) {
  return new Error(
    `there is no engine for ${found}, only for ${Object.values(TARGETS).join(', ')}.`,
  );
}

function isMusl() {
  if (process.platform !== 'linux') return false;
  // Or the report looks up the names of every peer.
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime === undefined;
}
