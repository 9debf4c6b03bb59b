/** What a profile's route has that says nothing but its path and contract. */
export const usualRoute = {
  priority: 'interactive',
  overloadStatus: 503,
  keys: 'any',
  options: {},
} as const;
