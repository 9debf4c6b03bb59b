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
 * Labels by model, in the order of the answer's keys, as the challenge's own script has them: one language is spelled
 * otherwise than in the checkpoint, and profiles rename it.
 */
export const LABELS = {
  cardiffnlp: ['NEGATIVE', 'NEUTRAL', 'POSITIVE'],
  ivanlau: LANGUAGES.map((language) => (language === 'Mangolian' ? 'Mongolian' : language)),
  svalabs: ['HAM', 'SPAM'],
  EIStakovskii: ['LABEL_0', 'LABEL_1'],
  jy46604790: ['LABEL_0', 'LABEL_1'],
};

export const MODELS = Object.keys(LABELS);

/** The same where labels may be spelled as in the checkpoint: peers rename nothing. */
export const CHECKPOINT_LABELS = { ...LABELS, ivanlau: [...LABELS.ivanlau, 'Mangolian'] };

/**
 * The checks of one answer, by name: those of the challenge's script under its names, which its dashboards have, and that the
 * keys come in order. `answer` is the parsed body, or null where it is not JSON.
 */
export function checks(models = MODELS, labels = LABELS) {
  const named = {
    'is status 200': ({ status }) => status === 200,
    'keys are the models in order': ({ answer }) =>
      answer !== null && Object.keys(answer).join() === models.join(),
  };
  for (const model of models) {
    const number = MODELS.indexOf(model) + 1;
    named[`model ${number} label valid`] = ({ answer }) =>
      labels[model].includes(answer?.[model]?.label);
    named[`model ${number} score valid`] = ({ answer }) => {
      const score = answer?.[model]?.score;
      return typeof score === 'number' && score > 0 && score <= 1;
    };
  }
  return named;
}
