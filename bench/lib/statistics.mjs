// Many samples to one cell: a target, a set of texts and a number of connections.

/** Cells in the order of the targets, the sets and the connections that were asked for. */
export function medians(samples, targets, sets) {
  const cells = [];
  for (const { name, connections } of sets)
    for (const target of targets)
      for (const count of connections) {
        const group = samples.filter(
          (sample) =>
            sample.target === target && sample.texts === name && sample.connections === count,
        );
        if (group.length > 0) cells.push(cell(group));
      }
  return cells;
}

/** Of these the cell has the median, where the samples have them. */
const MIDDLES = [
  ...['rps', 'p50', 'p95', 'p99', 'p9999', 'hitRate', 'gflops', 'u', 'meanLength'],
  ...['cores', 'perCore'],
];

function cell(group) {
  const all = (key) => group.map((sample) => sample[key]).filter((value) => value !== undefined);
  const middle = (key) => (all(key).length > 0 ? median(all(key)) : undefined);
  const [{ target, texts, connections }] = group;
  const rates = all('rps');
  return {
    ...{ target, texts, connections },
    ...Object.fromEntries(MIDDLES.map((key) => [key, middle(key)])),
    spread: [Math.min(...rates), Math.max(...rates)],
    answers: sum(all('answers')),
    failed: sum(all('failed')),
    peak: Math.max(...all('peak')),
  };
}

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The cell of a place, or undefined where it was not measured. */
export function find(cells, target, texts, connections) {
  return cells.find(
    (cell) => cell.target === target && cell.texts === texts && cell.connections === connections,
  );
}

/** The least of `numbers` that a share of them does not exceed, or undefined where there are none. */
export function percentile(numbers, share) {
  return numbers.toSorted((a, b) => a - b)[Math.ceil(numbers.length * share) - 1];
}

/** How much y grows with x, of points `[x, y]`, by least squares. */
export function slope(points) {
  const mean = (index) => sum(points.map((point) => point[index])) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const covariance = sum(points.map(([x, y]) => (x - meanX) * (y - meanY)));
  return covariance / sum(points.map(([x]) => (x - meanX) ** 2));
}
