// What `POST /predict` promises: {"text": [...]} in, and for every text all labels with their scores, best first.
//
// Plain JavaScript without imports, because both k6 scripts (which run in k6's own engine) and Node scripts
// read it.

/** How far the scores of a text may be from 1 in sum: they are fp32 numbers, written out. */
const SUM_TOLERANCE = 1e-4;

/** What the header x-cache says of an answer; `none` where there is no such header. */
export const CACHE_STATES = ['hit', 'partial', 'coalesced', 'miss', 'none'];

/** The service's answers to `texts`, from a reply `{status, body}`; `predictions` is empty where it has none. */
export function readReply({ status, body }, texts) {
  let answer = null;
  try {
    answer = JSON.parse(body);
  } catch {
    // Left null: every check of the answer fails.
  }
  const predictions = Array.isArray(answer?.predictions) ? answer.predictions : [];
  return { status, texts, predictions };
}

/** The checks of one answer, by name, of what `readReply` gives. */
export const PREDICT_CHECKS = {
  'predict: status is 200': ({ status }) => status === 200,
  'predict: as many predictions as texts': ({ predictions, texts }) =>
    predictions.length === texts.length,
  'predict: keys are label and score': every((scored) =>
    scored.every((one) => Object.keys(one ?? {}).join() === 'label,score'),
  ),
  'predict: best first': every((scored) =>
    scored.every(({ score }, index) => index === 0 || scored[index - 1].score >= score),
  ),
  'predict: scores sum to 1': every(
    (scored) => Math.abs(scored.reduce((sum, { score }) => sum + score, 0) - 1) <= SUM_TOLERANCE,
  ),
};

/** Holds where `isRight` does for the list of every text; a list of no labels is wrong. */
function every(isRight) {
  return ({ predictions }) =>
    predictions.length > 0 &&
    predictions.every(
      (scored) =>
        Array.isArray(scored) && scored.length > 0 && !scored.includes(null) && isRight(scored),
    );
}

/** One of `CACHE_STATES`; `header` is what the answer says, as any case. */
export function cacheState(header) {
  const state = String(header ?? 'none').toLowerCase();
  return CACHE_STATES.includes(state) ? state : 'none';
}
