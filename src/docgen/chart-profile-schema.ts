/**
 * `helm/files/profile-schema.json`: what the service takes as a profile, for the chart, which refuses another one before there
 * is a pod.
 */

import { format } from 'prettier';
import { z } from 'zod';

import { profileSchema } from '../profile/schema.js';
import { ownPaths } from '../routes/endpoints.js';
import { contracts } from '../routes/index.js';

export function chartProfileSchema(): Promise<string> {
  const known = {
    profile: schemaOf(profileSchema),
    /** Of each contract, what a route says beside what all say. */
    options: Object.fromEntries(
      Object.entries(contracts).map(([name, { options }]) => [name, schemaOf(options)]),
    ),
    ownPaths: Object.values(ownPaths),
  };
  return format(JSON.stringify(known), { parser: 'json', printWidth: 100 });
}

function schemaOf(schema: z.ZodType): object {
  const made = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
  delete made.$schema;
  return made;
}
