/**
 * What came back on a connection, answer by answer, each held to what every answer must be.
 */

import assert from 'node:assert/strict';

/** Part of every text that rows send; no error and no line of the log may have it. */
export const CANARY = 'canary-2718281828';

export interface Answer {
  readonly status: number;
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The answers in `bytes`, in their order; interim ones (1xx) are left out. */
export function answersIn(bytes: Buffer): readonly Answer[] {
  const answers: Answer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n');
    assert.notEqual(end, -1, `no answer: ${rest.toString('latin1').slice(0, 200)}`);
    const [start = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const match = /^HTTP\/1\.1 (\d{3}) /.exec(start);
    assert.ok(match, `no status line: ${start}`);
    const headers = Object.fromEntries(lines.map((line) => fieldOf(line)));
    const length = Number(headers['content-length'] ?? 0);
    const body = rest.subarray(end + 4, end + 4 + length);
    assert.equal(body.length, length, 'the answer is whole');
    rest = rest.subarray(end + 4 + length);
    const status = Number(match[1]);
    if (status >= 200) answers.push(sound({ status, headers, body: body.toString() }));
  }
  return answers;
}

export async function answerOf(response: Response): Promise<Answer> {
  const headers = Object.fromEntries(response.headers);
  return sound({ status: response.status, headers, body: await response.text() });
}

function fieldOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

/** Fails unless an error is a problem of RFC 9457 that has its status and nothing of the request's text. */
function sound(answer: Answer): Answer {
  const { status, headers, body } = answer;
  if (status < 400) return answer;
  assert.equal(headers['content-type'], 'application/problem+json', body);
  const problem = JSON.parse(body) as Record<string, unknown>;
  assert.equal(problem.status, status, body);
  for (const member of ['type', 'title', 'detail', 'instance', 'reason'] as const) {
    assert.equal(typeof problem[member], 'string', `${member} in ${body}`);
  }
  assert.ok(!body.includes(CANARY), 'an error repeats text of its request');
  if (status === 503) assert.match(headers['retry-after'] ?? '', /^\d+$/);
  return answer;
}
