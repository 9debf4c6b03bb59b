/**
 * Sends the requests of a `.http` file, as an editor does.
 */

export interface Sent {
  /** Such as `POST http://127.0.0.1:8080/process`. */
  readonly request: string;
  readonly status: number;
}

/** Sends each request of `file`, whose variables are those at its beginning and `variables`. */
export async function sendAll(
  file: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<readonly Sent[]> {
  const [head = '', ...requests] = file.split(/^###.*\n/m);
  const stated = [...head.matchAll(/^@(\w+) = (.*)$/gm)].map(([, name = '', value = '']) => {
    return [name, value] as const;
  });
  const known: Readonly<Record<string, string>> = { ...Object.fromEntries(stated), ...variables };
  return Promise.all(
    requests.map((request) =>
      send(
        request.replace(/\{\{(\w+)\}\}/g, (_, name: string) => known[name] ?? assertKnown(name)),
      ),
    ),
  );
}

function assertKnown(name: string): never {
  throw new Error(`The file has no variable ${name}.`);
}

/** A line with method and URL, headers, and behind an empty line the body. */
async function send(written: string): Promise<Sent> {
  const [head = '', body] = written.trimEnd().split(/\n\n(.*)/s);
  const [request = '', ...lines] = head.split('\n');
  const [method = '', url = ''] = request.split(' ');
  const headers = lines.map((line) => line.split(/: (.*)/, 2) as [string, string]);
  const init = { method, headers, ...(body !== undefined && { body }) };
  const { status } = await fetch(url, init);
  return { request, status };
}
