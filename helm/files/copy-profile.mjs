// Copies the profile GIVEN (a shipped name or a path) and its lock, if there is one, to SERVED.
import { copyFileSync, existsSync } from 'node:fs';

const { GIVEN, SERVED } = process.env;
const source = GIVEN.includes('/') ? GIVEN : `/app/models/${GIVEN}.yaml`;
const lockOf = (profile) => profile.replace(/\.ya?ml$/, '.lock.json');

copyFileSync(source, SERVED);
if (existsSync(lockOf(source))) copyFileSync(lockOf(source), lockOf(SERVED));
console.log(`${source} copied to ${SERVED}`);
