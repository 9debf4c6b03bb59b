/**
 * A request as a line for a shell.
 */

export function curl(method: string, url: string, body?: string, headers: readonly string[] = []) {
  const all = ['accept: application/json', ...headers].map((header) => ` -H '${header}'`);
  const command = `curl -X ${method} ${url}${all.join('')}`;
  return body === undefined ? command : `${command} -d ${quoted(body)}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
