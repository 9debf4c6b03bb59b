// Copies the profile GIVEN (a shipped name or a path) and its lock to SERVED, the profile last: who finds it finds all.
// Where it has no lock, that of an earlier pull which lies beside PUBLISHED is taken. Others may copy the same at the same time.
import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';

const { GIVEN, SERVED, PUBLISHED = SERVED } = process.env;
const source = /[/\\]|\.ya?ml$/.test(GIVEN) ? GIVEN : `/app/models/${GIVEN}.yaml`;
const lockOf = (profile) => profile.replace(/\.ya?ml$/, '.lock.json');

/** A reader never sees half of it. */
function copy(from, to) {
  const whole = `${to}.${randomUUID()}`;
  copyFileSync(from, whole);
  renameSync(whole, to);
}

mkdirSync(dirname(SERVED), { recursive: true });
const lock = [source, PUBLISHED].map(lockOf).find((file) => existsSync(file));
if (lock !== undefined && lock !== lockOf(SERVED)) copy(lock, lockOf(SERVED));
copy(source, SERVED);
console.log(`${source} copied to ${SERVED}`);
