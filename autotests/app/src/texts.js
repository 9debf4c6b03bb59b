// Texts like those of the challenge's generator, without an extension of k6: two sentences or none, emoji, an
// address, control characters, a coin address, a phrase; and one in two hundred is empty.

const WORDS =
  'artisan banjo beard bicycle brunch butcher cardigan chambray cold-pressed craft denim distillery ennui farm flannel forage gentrify keytar kinfolk lomo loko marfa messenger mustache narwhal occupy organic photo pickled polaroid pour-over quinoa raw retro selvage slow-carb stumptown synth tattooed tofu trust vegan vinyl waistcoat whatever yuccie'.split(
    ' ',
  );
const VERBS =
  'back bypass calculate compress connect generate hack index navigate parse quantify'.split(' ');
const THINGS =
  'alarm array bandwidth bus card circuit driver feed firewall matrix microchip port'.split(' ');
const KINDS =
  'auxiliary back-end bluetooth digital haptic mobile multi-byte optical primary virtual'.split(
    ' ',
  );
const EMOJI = ['😄', '🤛', '🏤', '👍', '😜', '🇧🇱', '🎉', '🐳', '☕', '🧵', '🇨🇨', '🚲'];
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** One text, about 280 bytes; `random` gives numbers as Math.random does. */
export function randomText(random = Math.random) {
  if (random() < 0.005) return '';
  const upTo = (limit) => Math.floor(random() * limit);
  const one = (list) => list[upTo(list.length)];
  const times = (count, make) => Array.from({ length: count }, make);
  const sentence = () => (random() < 0.5 ? '' : `${times(10, () => one(WORDS)).join(' ')}.`);
  const address = `https://www.${one(WORDS)}${one(THINGS)}.org/${one(KINDS)}/${one(VERBS)}`;
  const noise = times(5 + upTo(16), () => String.fromCharCode(upTo(128))).join('');
  const coin = times(26 + upTo(9), () => BASE58[upTo(BASE58.length)]).join('');
  const phrase = `We need to ${one(VERBS)} the ${one(KINDS)} ${one(THINGS)}, then ${one(VERBS)} the ${one(KINDS)} ${one(THINGS)} through its ${one(THINGS)}!`;
  return `${sentence()}${one(EMOJI)}${address}${sentence()}. ${noise} 3${coin}${one(EMOJI)} ${phrase}`;
}
