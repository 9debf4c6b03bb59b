/**
 * What a command serves or checks: a profile whose every fault has been looked for.
 */

import { flagOf, type Settings } from '../config/settings.js';
import { locateProfile } from '../profile/locate.js';
import { readProfile } from '../profile/read.js';
import type { Profile } from '../profile/schema.js';
import { endpointsOf, type Endpoint } from '../routes/endpoints.js';
import { exitCodes, StartError } from '../start-error.js';

export interface Served {
  readonly profile: Profile;
  readonly endpoints: readonly Endpoint[];
}

/** @throws {StartError} when there is no such profile, it is faulty, or takes what can never be answered. */
export function servedBy(settings: Settings): Served {
  const { profile: name, modelsDir, pathPrefix, queueCapacity } = settings;
  const profile = readProfile(locateProfile(name), modelsDir === '' ? undefined : modelsDir);
  const endpoints = endpointsOf(profile, pathPrefix);
  const faults = endpoints
    .filter(({ operation: { maxTexts = 0 } }) => maxTexts > queueCapacity)
    .map(({ path, operation: { maxTexts } }) => {
      const capacity = `${flagOf('queueCapacity')} lets ${queueCapacity} wait`;
      return `${path} takes ${maxTexts} texts in one request, and ${capacity}; one of them must change.`;
    });
  if (faults.length > 0) throw new StartError(faults, exitCodes.usage);
  return { profile, endpoints };
}
