// What the variables of load.js mean.

const MODES = ['shuffled', 'new'];

/** The address with its prefix, without a slash at the end. */
export function baseUrl({ api_host, NAMESPACE, DOMAIN, PREFIX }) {
  const named = NAMESPACE && `https://${NAMESPACE}.${DOMAIN || 'mids255.com'}`;
  const host = api_host || named || 'http://127.0.0.1:8080';
  return [host, path('PREFIX', PREFIX || '/project')]
    .map((part) => part.replace(/\/+$/, ''))
    .join('');
}

function path(name, value) {
  if (!value.startsWith('/')) throw new Error(`${name} begins with a slash, unlike ${value}`);
  return value;
}

/** `{route, cacheRate, mode, scale}`; throws an error where one of them makes no sense. */
export function load({ ROUTE, CACHE_RATE, MODE, SCALE }) {
  const mode = MODE || 'shuffled';
  if (!MODES.includes(mode)) throw new Error(`MODE is one of ${MODES.join(', ')}, not ${mode}`);
  const cacheRate = Number(CACHE_RATE || 0.95);
  if (!(cacheRate >= 0 && cacheRate <= 1))
    throw new Error(`CACHE_RATE is a number from 0 to 1, not ${CACHE_RATE}`);
  const scale = Number(SCALE || 1);
  if (!(scale > 0)) throw new Error(`SCALE is a number above 0, not ${SCALE}`);
  return { route: path('ROUTE', ROUTE || '/predict'), cacheRate, mode, scale };
}

const USERS = 10;

/** Up to ten users, ten users, down again: ten minutes. */
export function stages(scale) {
  return [
    [USERS, 30],
    [USERS, 540],
    [0, 30],
  ].map(([target, seconds]) => ({ target, duration: `${Math.round(seconds * 1000 * scale)}ms` }));
}
