/**
 * What a command serves or checks: a profile whose every fault has been looked for.
 */

import type { Settings } from '../config/settings.js';
import { locateProfile } from '../profile/locate.js';
import { readProfile } from '../profile/read.js';
import type { Profile } from '../profile/schema.js';
import { endpointsOf, type Endpoint } from '../routes/endpoints.js';

export interface Served {
  readonly profile: Profile;
  readonly endpoints: readonly Endpoint[];
}

/** @throws {StartError} when there is no such profile, or it is faulty. */
export function servedBy({ profile: name, modelsDir, pathPrefix }: Settings): Served {
  const profile = readProfile(locateProfile(name), modelsDir === '' ? undefined : modelsDir);
  return { profile, endpoints: endpointsOf(profile, pathPrefix) };
}
