// Texts that nobody sent before.

const WORDS = 'the a of and to in it was that for on with as his they at be this from have or by one had not but what all were when we there can an your which their said if do will each about how up out them then she many some so these would other into has more her two like him see time could no make than first been its who now people my made over did down only way find use may water long little very after words called just where most know'.split(' ');

/** As many words as one of the two numbers, or any between. */
export function randomWords([least, most]) {
  const count = least + Math.floor(Math.random() * (most - least + 1));
  return Array.from({ length: count }, () => WORDS[Math.floor(Math.random() * WORDS.length)]).join(' ');
}
