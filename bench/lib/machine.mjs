// The machine and the versions that a figure belongs to.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';

import { k6Version } from './k6.mjs';
import { ROOT } from './paths.mjs';

/** Instruction sets that decide the speed of fp32, bf16 and int8. */
const FLAGS = [
  'avx2',
  'avx512f',
  'avx512_vnni',
  'avx_vnni',
  'avx512_bf16',
  'amx_tile',
  'amx_bf16',
  'amx_int8',
];

/** Lines of Markdown: hardware, then software. */
export function describeMachine() {
  const cpuInfo = readFileSync('/proc/cpuinfo', 'utf8');
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuInfo)?.[1].trim().split(' ') ?? []);
  const memory = Math.round(totalmem() / 2 ** 30);
  return [
    `${cpuModel()}, ${cpus().length} cores, ${memory} GiB`,
    `CPU flags: ${FLAGS.filter((flag) => flags.has(flag)).join(', ') || 'none of the wide ones'}`,
    `Linux ${kernel()}, Node ${process.version}, k6 ${k6Version()}, onnxruntime-node ${packageVersion('onnxruntime-node')}, Chorus ${commit()}`,
  ];
}

function cpuModel() {
  const lscpu = execFileSync('lscpu', { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
  const value = (name) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(lscpu)?.[1] ?? '?';
  return `${value('Model name')} (family ${value('CPU family')}, model ${value('Model')})`;
}

function kernel() {
  return readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
}

function packageVersion(name) {
  try {
    return JSON.parse(readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8'))
      .version;
  } catch {
    return 'absent';
  }
}

function commit() {
  const git = (...args) =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    return (
      git('rev-parse', '--short', 'HEAD').trim() +
      (git('status', '--porcelain').trim() ? ' with changes' : '')
    );
  } catch {
    return 'without a commit';
  }
}
