// What each text is answered by everything that a service serves in a run: an answer under load that is none of those is
// wrong, and so is one from a mix of two of them.

/**
 * Asks each text, one at a time, while each of `turns` is served, functions that have the service serve something; gives
 * `{request, right}` of each text, its bytes and the set of right bodies. Throws where a text is refused.
 */
export async function withKnownAnswers(connections, texts, turns) {
  const known = texts.map((text) => ({
    request: connections.requestOf(JSON.stringify(text)),
    right: new Set(),
  }));
  for (const serve of turns) {
    await serve();
    for (const { request, right } of known) {
      const { status, body } = await connections.send(request);
      if (status !== 200) throw new Error(`a text was answered ${status}: ${body}`);
      right.add(body);
    }
  }
  return known;
}
