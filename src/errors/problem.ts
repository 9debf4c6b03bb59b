/**
 * Errors as RFC 9457 problems, the format of everything that no protocol prescribes otherwise.
 */

import { z } from 'zod';

import { errorKinds } from './codes.js';
import type { ErrorFormat } from './formats.js';

/** Names a type without promising a page about it, which RFC 9457 (section 3.1.1) allows. */
const TYPE_PREFIX = 'urn:chorus:problem:';

const schema = z.object({
  type: z.string().describe('One for each reason.'),
  title: z.string().describe('Says what the reason means.'),
  status: z.int(),
  detail: z.string().describe('What was wrong with this request, and what would be right.'),
  instance: z.string().describe('The request id, as a URN.'),
  reason: z.string().describe('A stable code, the label of the error metrics.'),
  retry_after_ms: z.int().optional().describe('When to try again, with a 503 or 429.'),
  errors: z
    .array(z.object({ pointer: z.string(), detail: z.string(), message: z.string() }))
    .optional()
    .describe('Each fault of the body, with a JSON pointer to it.'),
});

export const problem: ErrorFormat = {
  name: 'Problem',
  contentType: 'application/problem+json',
  schema,
  body(error, { requestId, status, retryAfterMs }): z.infer<typeof schema> {
    const { title } = errorKinds[error.code];
    return {
      type: TYPE_PREFIX + error.code,
      title,
      status,
      detail: error.publicDetail,
      instance: instanceOf(requestId),
      reason: error.code,
      ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }),
      // Twice the same sentence: `detail` is RFC 9457's word (appendix A), and Hugging Face's client for
      // Python shows nobody anything but a `message`.
      ...(error.faults && {
        errors: error.faults.map(({ pointer, detail }) => ({ pointer, detail, message: detail })),
      }),
    };
  },
};

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A request id as a URI: a UUID has a namespace of its own, a caller's own id gets ours. */
function instanceOf(requestId: string): string {
  return UUID.test(requestId) ? `urn:uuid:${requestId}` : `urn:chorus:request:${requestId}`;
}
