// Do the services give the same labels? Asked once of each for every text; what they agree on is then sent as the load,
// with the label that must come.

import { ROUTE } from './targets.mjs';

const AT_ONCE = 16;

/** The label of each text, by the server on `port`; throws where one is not answered. */
export async function labelsOf({ port }, texts) {
  const url = `http://127.0.0.1:${port}${ROUTE}`;
  const labels = new Array(texts.length);
  let next = 0;
  const worker = async () => {
    while (next < texts.length) {
      const index = next++;
      labels[index] = await ask(url, texts[index]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return labels;
}

async function ask(url, text) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text }),
  });
  if (!response.ok) throw new Error(`status ${response.status} instead of an answer`);
  const { label } = await response.json();
  return label;
}

/** `{rows, wrong}`: the texts whose label is the same in all lists, with it, and the number of the others. */
export function agreed(texts, lists) {
  const [first, ...others] = lists;
  const rows = texts
    .map((text, index) => ({ text, label: first[index], index }))
    .filter(({ label, index }) => others.every((labels) => labels[index] === label))
    .map(({ text, label }) => ({ text, label }));
  return { rows, wrong: texts.length - rows.length };
}
