// The service on this machine and on an emulated one: whether they answer alike.
//
//   node scripts/arm-answers.mjs EMULATOR NODE
//
// NODE is a Node.js for the emulated machine. Each serves the starter models in every precision that both have and is asked
// the same texts. Labels must be equal. Scores need not be to the bit: sums are made in another order, of vectors of
// another length; `exact` stays within what single precision gives after twelve layers at most, int8 within a step of its
// quantization.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** The largest difference of a score, by precision. */
const TOLERANCE = { exact: 1e-5, int8: 2e-2 };

const TEXTS = [
  'This is how true happiness looks like 👍😜',
  'a',
  'Win free crypto now, click the link in my bio!',
  'Guten Tag, schöne Grüße aus München.',
  'Això és una prova que conté paraules en català.',
  'You are an idiot and everybody knows it. '.repeat(12),
  'breaking news '.repeat(300),
];

const [emulator, emulatedNode] = process.argv.slice(2);

for (const [precision, tolerance] of Object.entries(TOLERANCE)) {
  const here = await answers([process.execPath], precision);
  const there = await answers([emulator, emulatedNode], precision);
  assert.equal(here.machine, process.arch);
  assert.equal(there.machine, 'arm64');
  const differences = TEXTS.flatMap((_, text) => compared(here.replies[text], there.replies[text]));
  const largest = Math.max(...differences);
  assert.ok(
    largest <= tolerance,
    `${precision}: scores differ by ${largest}, more than ${tolerance}`,
  );
  console.log(
    `${precision}: ${differences.length} scores of ${TEXTS.length} texts, ${largest.toExponential(1)} apart at most`,
  );
}

/** Differences of scores; labels must be the same. */
function compared(here, there) {
  assert.deepEqual(Object.keys(there), Object.keys(here));
  return Object.entries(here).map(([model, { label, score }]) => {
    assert.equal(there[model].label, label, model);
    return Math.abs(score - there[model].score);
  });
}

/** What a service that `command` runs answers to each text, and which machine it runs on. */
async function answers(command, precision) {
  const [file, ...node] = command;
  const machine = await output(file, [...node, '-p', 'process.arch']);
  const args = ['serve', 'starter', '--host', '127.0.0.1', '--admin-host', '127.0.0.1'];
  const ports = ['--port', '0', '--admin-port', '0', '--lanes', '2'];
  // An emulated machine answers late, and is in no hurry.
  const patience = ['--answer-timeout', '0s', '--max-wait', '0s', '--request-timeout', '5m'];
  const child = spawn(
    file,
    [...node, MAIN, ...args, ...ports, ...patience, '--precision', precision],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const exit = once(child, 'exit');
  try {
    const { port } = await Promise.race([ready(child), exit.then(failed)]);
    const replies = [];
    for (const text of TEXTS) replies.push(await answer(port, text));
    return { machine, replies };
  } finally {
    child.kill('SIGKILL');
    await exit;
  }
}

async function ready(child) {
  for await (const line of createInterface({ input: child.stdout })) {
    const entry = JSON.parse(line);
    if (entry.msg === 'ready') return entry;
  }
  return failed();
}

function failed() {
  throw new Error('the service ended before it was ready');
}

async function answer(port, text) {
  const response = await fetch(`http://127.0.0.1:${port}/process`, {
    method: 'POST',
    body: JSON.stringify(text),
  });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body;
}

async function output(file, args) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  return text.trim();
}
