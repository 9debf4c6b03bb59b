// What `POST /process` promises: five models in this order, each with a label of its own list and a
// score above 0 and at most 1.
//
// Plain JavaScript without imports, because both k6 scripts (which run in k6's own engine) and Node
// scripts read it. `checks` returns one function for each promise, named as k6 prints it.

// prettier-ignore
export const LANGUAGES = [
  'Arabic', 'Basque', 'Breton', 'Catalan', 'Chinese_China', 'Chinese_Hongkong', 'Chinese_Taiwan',
  'Chuvash', 'Czech', 'Dhivehi', 'Dutch', 'English', 'Esperanto', 'Estonian', 'French', 'Frisian',
  'Georgian', 'German', 'Greek', 'Hakha_Chin', 'Indonesian', 'Interlingua', 'Italian', 'Japanese',
  'Kabyle', 'Kinyarwanda', 'Kyrgyz', 'Latvian', 'Maltese', 'Mangolian', 'Persian', 'Polish',
  'Portuguese', 'Romanian', 'Romansh_Sursilvan', 'Russian', 'Sakha', 'Slovenian', 'Spanish',
  'Swedish', 'Tamil', 'Tatar', 'Turkish', 'Ukranian', 'Welsh',
];

/**
 * Labels by model, in the order of the answer's keys. The spellings are those of the checkpoints; the
 * challenge's own script writes Mongolian, which a profile that renames labels may give.
 */
export const LABELS = {
  cardiffnlp: ['NEGATIVE', 'NEUTRAL', 'POSITIVE'],
  ivanlau: [...LANGUAGES, 'Mongolian'],
  svalabs: ['HAM', 'SPAM'],
  EIStakovskii: ['LABEL_0', 'LABEL_1'],
  jy46604790: ['LABEL_0', 'LABEL_1'],
};

export const MODELS = Object.keys(LABELS);

/**
 * The checks of one answer, by name: the status, then a label and a score for each model, eleven for
 * the five. `answer` is the parsed body, or null where it is not JSON.
 */
export function checks(models = MODELS) {
  const named = {
    'status is 200, keys are the models in order': ({ status, answer }) =>
      status === 200 && answer !== null && Object.keys(answer).join() === models.join(),
  };
  for (const model of models) {
    named[`${model}: label is one of its labels`] = ({ answer }) =>
      LABELS[model].includes(answer?.[model]?.label);
    named[`${model}: score is above 0 and at most 1`] = ({ answer }) => {
      const score = answer?.[model]?.score;
      return typeof score === 'number' && score > 0 && score <= 1;
    };
  }
  return named;
}
