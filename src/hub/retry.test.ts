import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HubError, PassingError } from './hub-error.js';
import { Retries, retry, type RetryPolicy } from './retry.js';

const quick: RetryPolicy = { attempts: 4, firstMs: 0, longestMs: 0 };
const never = new AbortController().signal;

/** An attempt that throws `errors` one after the other and then gives how often it was asked. */
function failing(...errors: readonly unknown[]): () => Promise<number> {
  let asked = 0;
  return () => {
    const error = errors[asked];
    asked += 1;
    // As `fetch` does: whatever comes is thrown on.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    return error === undefined ? Promise.resolve(asked) : Promise.reject(error);
  };
}

function passing(): PassingError {
  return new PassingError('busy');
}

test('what passes is tried again', async () => {
  assert.equal(await retry('a file', failing(passing(), passing()), quick, never), 3);
});

test('as many failures in a row as the policy has attempts are the end', async () => {
  const attempt = failing(...Array.from({ length: 4 }, passing));
  await assert.rejects(retry('a file', attempt, quick, never), /^PassingError: busy$/);
});

test('what does not pass is thrown at once', async () => {
  const attempt = failing(new HubError('gone'), passing());
  await assert.rejects(retry('a file', attempt, quick, never), /^HubError: gone$/);
  assert.equal(await attempt().catch(() => 'asked once'), 'asked once');
});

test('progress forgives the failures before it', async () => {
  const retries = new Retries('a file', quick, never);
  for (let round = 0; round < 3; round += 1) {
    for (let failure = 0; failure < 3; failure += 1) await retries.failed(passing());
    retries.progressed();
  }
  for (let failure = 0; failure < 3; failure += 1) await retries.failed(passing());
  await assert.rejects(retries.failed(passing()));
});

test('a lost connection passes, a redirect to nowhere does not, and both name what was wanted', async () => {
  const lost = () => new TypeError('fetch failed', { cause: new Error('read ECONNRESET') });
  assert.equal(await retry('a file', failing(lost()), quick, never), 2);
  await assert.rejects(
    retry('a file', failing(lost(), lost(), lost(), lost()), quick, never),
    /^PassingError: a file: the connection to the hub failed \(read ECONNRESET\)$/,
  );
  const loop = new TypeError('fetch failed', { cause: new Error('redirect count exceeded') });
  await assert.rejects(
    retry('a file', failing(loop), quick, never),
    /^HubError: a file: the hub redirects where nothing can be fetched \(redirect count exceeded\)\.$/,
  );
});

test('a hub that asks for an hour is waited for as long as the policy allows', async () => {
  const attempt = failing(new PassingError('busy', 3_600_000));
  assert.equal(await retry('a file', attempt, { ...quick, longestMs: 1 }, never), 2);
});

test('a wait ends with its signal, and a signal that has ended allows none', async () => {
  const patient: RetryPolicy = { attempts: 4, firstMs: 60_000, longestMs: 60_000 };
  const stop = new AbortController();
  const waiting = retry('a file', failing(passing()), patient, stop.signal);
  stop.abort(new Error('stopped'));
  await assert.rejects(waiting);
  await assert.rejects(retry('a file', failing(passing()), patient, stop.signal), /stopped/);
});
