/** Named steps, each with its time; the first that fails ends the run. */

let failed = false;

export async function step(name, work) {
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`.padStart(8);
  try {
    const note = await work();
    console.log(`ok   ${seconds()}  ${name}${typeof note === 'string' ? `: ${note}` : ''}`);
  } catch (error) {
    if (!failed) console.log(`FAIL ${seconds()}  ${name}\n${error.message}`);
    failed = true;
    throw error;
  }
}

/** Resolves with why `work` failed; throws when it did not. */
export async function refused(work, pattern) {
  let message;
  try {
    await work();
  } catch (error) {
    message = error.message;
  }
  if (message === undefined) throw new Error('was accepted, and should have been refused');
  if (!pattern.test(message)) throw new Error(`was refused, but not for ${pattern}:\n${message}`);
}

export function demand(condition, message) {
  if (!condition) throw new Error(message);
}
