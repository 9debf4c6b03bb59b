// The highest rate that a service bears: rates rise until one is too much, and what lies between is halved.

/** How a rate grows from step to step, and how often the last gap is halved: the result is right to 6 %. */
const FACTOR = 1.25;
const HALVINGS = 2;
/** No service of this kind gets so far; without an end a fault of the measurement would rise for ever. */
const MOST_STEPS = 40;

/**
 * Gives `{best, first}`: the step of the highest rate that was borne, undefined where none was, and that of the lowest
 * rate above it that was not. A rate is too much where it is twice, for whatever else runs spoils a second now and then.
 *
 * @param measure called with a rate, gives a step `{rate, isBorne, …}`
 */
export async function ramp(measure, start) {
  const tried = async (rate) => {
    const step = await measure(rate);
    return step.isBorne ? step : measure(rate);
  };
  let best;
  let first = await tried(start);
  for (let steps = 1; first.isBorne && steps < MOST_STEPS; steps++) {
    best = first;
    first = await tried(Math.round(best.rate * FACTOR));
  }
  for (let halving = 0; halving < HALVINGS; halving++) {
    const step = await tried(Math.round(((best?.rate ?? 0) + first.rate) / 2));
    if (step.isBorne) best = step;
    else first = step;
  }
  return { best, first };
}
