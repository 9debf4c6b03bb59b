/**
 * `chorus requests`: requests to a service that work as they are, for editors and shells.
 */

import { parseArgs } from 'node:util';

import { locateProfile } from '../profile/locate.js';
import { readProfile } from '../profile/read.js';
import { documentOf } from '../routes/own.js';
import { samplesOf, type Sample } from '../routes/samples.js';
import { exitCodes, StartError } from '../start-error.js';
import type { Command } from './command.js';
import { curl } from './curl.js';
import { parsed } from './parsed.js';
import { version } from './version.js';

const DEFAULT_URL = 'http://localhost:8080';

export const requests: Command = {
  name: 'requests',
  usage: '[profile]',
  summary: 'Print requests that work as they are, for editors and shells',
  help: () => `Usage: chorus requests [profile] [--as http|curl] [--url URL] [--key]

Prints a request for each operation of the profile (default: starter), with the example of its openapi.json.

  --as http   A .http file, as editors of JetBrains and REST Client of VS Code send it (default)
  --as curl   A line for a shell each
  --url URL   Where the service is found, its path prefix included (default: ${DEFAULT_URL})
  --key       The service asks for a key: a variable key in a .http file, $CHORUS_KEY in a shell

What imports OpenAPI, as Postman, Insomnia and Bruno do, takes GET /openapi.json itself.
`,
  run(args) {
    const { values, positionals } = parsed(() =>
      parseArgs({ args: [...args], allowPositionals: true, options }),
    );
    const [name = 'starter', ...others] = positionals;
    const format = Object.hasOwn(FORMATS, values.as) ? FORMATS[values.as] : undefined;
    if (others.length > 0) throw new StartError(['Give one profile.'], exitCodes.usage);
    if (format === undefined) {
      const known = Object.keys(FORMATS).join(' or ');
      throw new StartError([`--as must be ${known}, and it is ${values.as}.`], exitCodes.usage);
    }
    const profile = readProfile(locateProfile(name));
    const document = documentOf({ profile, pathPrefix: '', version, asksKeys: values.key });
    process.stdout.write(format(samplesOf(document), urlOf(values.url)));
    return Promise.resolve();
  },
};

const options = {
  as: { type: 'string', default: 'http' },
  url: { type: 'string', default: DEFAULT_URL },
  key: { type: 'boolean', default: false },
} as const;

/** `samples` of a service at `url`, as text. */
type Format = (samples: readonly Sample[], url: string) => string;

const FORMATS: Readonly<Record<string, Format>> = {
  http(samples, url) {
    const isLocked = samples.some(({ needsKey }) => needsKey);
    const variables = [`@url = ${url}`, ...(isLocked ? ['@key = YOUR-KEY'] : [])];
    return [`${variables.join('\n')}\n`, ...samples.map(httpRequest)].join('\n');
  },
  curl: (samples, url) => samples.map((sample) => `${curlOf(sample, url)}\n`).join(''),
};

/** As https://github.com/JetBrains/http-request-in-editor-spec has it. */
function httpRequest({ method, path, summary, body, needsKey }: Sample): string {
  const lines = [
    `### ${summary}`,
    `${method} {{url}}${path}`,
    ...(body === undefined ? [] : ['Content-Type: application/json']),
    ...(needsKey ? ['X-Api-Key: {{key}}'] : []),
    ...(body === undefined ? [] : ['', body]),
  ];
  return `${lines.join('\n')}\n`;
}

function curlOf({ method, path, body, needsKey }: Sample, url: string): string {
  return curl(method, url + path, body, needsKey ? [`x-api-key: '"$CHORUS_KEY"'`] : []);
}

/** Host and port, and a path without anything that a shell would read otherwise. */
const URL_WRITTEN = /^https?:\/\/[\w.:[\]-]+(?:\/[\w.~/-]*)?$/;

/** Without the slash at its end. */
function urlOf(written: string): string {
  if (!URL_WRITTEN.test(written) || !URL.canParse(written)) {
    const expected = `must be a URL such as ${DEFAULT_URL}`;
    throw new StartError([`--url ${expected}, and it is ${written}.`], exitCodes.usage);
  }
  return written.replace(/\/+$/, '');
}
