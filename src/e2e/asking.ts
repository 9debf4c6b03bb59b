/**
 * Clients of a service with an index that changes under them.
 */

import type { RunningChorus } from './running-chorus.js';

/** Asks all the time, until it is told to stop; gives how many answers there were and what went wrong. */
export function asking({ post }: RunningChorus, texts: readonly string[]) {
  const faults: string[] = [];
  const generations = new Set<string>();
  let answers = 0;
  let isOver = false;
  const client = async () => {
    while (!isOver) {
      const response = await post(JSON.stringify({ instances: texts })).catch(String);
      if (typeof response === 'string' || response.status !== 200) {
        faults.push(typeof response === 'string' ? response : await response.text());
        continue;
      }
      const { matches } = (await response.json()) as { matches: string[] };
      const generation = response.headers.get('chorus-generation') ?? '';
      generations.add(generation);
      answers += 1;
      // All of one answer is of the generation that the header names.
      const isWhole = matches.every(
        (match) => match.startsWith('calm ') === (generation === 'second'),
      );
      if (!isWhole) faults.push(`${generation} has answered ${matches.join(' and ')}`);
    }
  };
  const clients = Array.from({ length: 4 }, client);
  return {
    faults,
    generations,
    get answers() {
      return answers;
    },
    async stop() {
      isOver = true;
      await Promise.all(clients);
    },
  };
}
