// Ends with exit code 0 once the file PROFILE is there, 1 after TIMEOUT_SECONDS.
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { PROFILE, TIMEOUT_SECONDS } = process.env;
const deadline = Date.now() + TIMEOUT_SECONDS * 1000;

while (!existsSync(PROFILE)) {
  if (Date.now() >= deadline) {
    console.error(
      `${PROFILE} is not there after ${TIMEOUT_SECONDS} s: look at the Job that pulls.`,
    );
    process.exit(1);
  }
  await sleep(1000);
}
console.log(`${PROFILE} is there, and its models are pulled`);
