/**
 * The commands that the documents tell a reader to type, and who types them before the reader does.
 *
 * What runs on this machine alone is run as it is written, by `e2e/documented-commands.test.ts`. What does not is listed
 * with what runs it instead, or why nothing does. A command that is neither is a failed test: `commands.test.ts`.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Every document of the repository, by its path. */
export const DOCUMENTS = [
  ...markdownIn('.', false),
  ...['autotests', 'bench', 'deploy', 'docs', 'helm', 'models', 'native/fixtures', 'tools'].flatMap(
    (folder) => markdownIn(folder, true),
  ),
];

function markdownIn(folder: string, recursive: boolean): readonly string[] {
  return readdirSync(join(root, folder), { recursive, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
    .map((name) => join(folder, name))
    .sort();
}

export interface Documented {
  readonly file: string;
  /** One command, without its comment; lines that go on are joined. */
  readonly command: string;
  /** What stands behind `#`; empty where nothing does. */
  readonly comment: string;
}

/** Every command of the `sh` blocks of a document. */
export function commandsOf(file: string): readonly Documented[] {
  const blocks = readFileSync(join(root, file), 'utf8').matchAll(/^( *)```sh\n([^]*?)\n\1```$/gm);
  return [...blocks].flatMap(([, , block = '']) =>
    block
      .replaceAll(/\\\n\s*/g, '')
      .split('\n')
      .flatMap((line) => {
        const [, text = '', comment = ''] = /^\s*(.*?)(?:\s+#\s(.*))?$/.exec(line) ?? [];
        return text
          .split(' && ')
          .filter((command) => command !== '' && !command.startsWith('#'))
          .map((command) => ({ file, command: command.replaceAll(/ +/g, ' ').trim(), comment }));
      }),
  );
}

export interface Run {
  /** What must be served meanwhile, by `chorus` with these arguments; nothing where no service is asked. */
  readonly serve?: readonly string[];
  readonly command: string;
  /** What it prints, in part. */
  readonly prints: RegExp;
}

/** Run as they are written, but for the port and placeholders in capitals. */
export const RUN: readonly Run[] = [
  {
    serve: ['starter'],
    command: `curl -X POST http://localhost:8080/process -H 'accept: application/json' -d '"This is how true happiness looks like 👍😜"'`,
    prints: /"cardiffnlp":\{"score":0\.967.*"EIStakovskii":\{.*"LABEL_0"/,
  },
  { serve: ['starter'], command: 'curl http://localhost:9090/stats', prints: /"requests"/ },
  {
    serve: ['starter'],
    command: 'chorus top --once --url http://10.0.0.7:9090',
    prints: /requests/i,
  },
  {
    serve: ['sentiment-starter'],
    command: `curl -X POST http://localhost:8080/predict -d '{"text":["I love you.","I hate you."]}'`,
    prints: /^\{"predictions":\[\[\{"label":"POSITIVE","score":0\.975/,
  },
  {
    serve: ['classic'],
    command: `curl -X POST http://localhost:8080/prediction -d '{"text":"The goalie made a late save"}'`,
    prints: /^\{"label":"hockey"\}$/,
  },
  {
    serve: ['retrieval-starter'],
    command: `curl -X POST http://localhost:8080/process -d '{"instances":["I forgot my password"]}'`,
    prints: /^\{"match":"How do I reset my password\?"\}$/,
  },
  { command: 'chorus models', prints: /^starter +cardiffnlp/m },
  { command: 'chorus requests starter > starter.http', prints: /^$/ },
  { command: 'chorus requests starter --as curl', prints: /^curl .*\/process/m },
  {
    command: 'chorus index build corpus.jsonl --index-dir INDEX --generation 2026-11-26 --publish',
    prints: /2026-11-26/,
  },
  { command: 'chorus keys new web --file keys', prints: /\S{20}/ },
  {
    serve: ['starter', '--api-keys-file', 'keys'],
    command: `curl http://localhost:8080/process -H 'x-api-key: KEY' -d '"A fine day"'`,
    prints: /"cardiffnlp"/,
  },
];

export interface NotRun {
  readonly command: RegExp;
  /** What runs the same, or why nothing does. A path is one of this repository. */
  readonly why: string;
}

const SERVED = 'started so by src/e2e/documented-commands.test.ts';
const ON_A_HUB = 'no hub here has these models: src/e2e/hub.test.ts does it with its own';
const IMAGES = 'needs docker or podman: deploy/images/try.mjs builds and runs images';
const CLUSTER = 'needs a cluster: deploy/cluster/on-fake-nodes.mjs has one';
const TWO_SERVICES = 'needs a cluster: deploy/cluster/two-services-on-fake-nodes.mjs has one';

export const NOT_RUN: readonly NotRun[] = [
  {
    command: /^chorus serve (?:starter|sentiment-starter|classic|retrieval-starter)$/,
    why: SERVED,
  },
  { command: /^chorus serve --api-keys-file keys$/, why: SERVED },
  { command: /^chorus (?:pull|check|serve) challenge$/, why: ON_A_HUB },
  { command: /^cp models\/challenge\.yaml volume\/$/, why: ON_A_HUB },
  { command: /^HF_HOME=\S+ chorus pull /, why: ON_A_HUB },
  {
    command: /^chorus serve many\.yaml /,
    why: 'a profile of the reader: src/e2e/lazy-models.test.ts has one',
  },
  {
    command: /^chorus serve --otlp-endpoint /,
    why: 'needs a collector: src/e2e/tracing.test.ts has one',
  },
  {
    command: /^chorus serve --tls-cert-file /,
    why: 'needs a certificate: src/e2e/security.test.ts has one',
  },
  { command: /^chorus top$/, why: 'does not end; with --once it is run' },
  {
    command:
      /^chorus index build .* --profile retrieval |^chorus index publish |^chorus serve retrieval --index-dir /,
    why: 'its encoder is on a hub: src/e2e/retrieval.test.ts does it with the starter',
  },
  {
    command: /^STORE=|^chorus serve retrieval --index-store /,
    why: 'needs nodes of Weaviate: src/e2e/retrieval-store.test.ts has three',
  },
  { command: /^make start$/, why: 'does not end; .ci/run builds, src/e2e/starter.test.ts serves' },
  { command: /^make faults\b/, why: 'minutes: .github/workflows/weekly.yml' },
  {
    command: /^make train ARGS=/,
    why: 'installs scikit-learn: make train-test in .github/workflows/weekly.yml',
  },
  {
    command: /^make example-request PROFILE=classic$/,
    why: 'its script is scripts/example-request.sh, its requests are those of src/cli/requests.test.ts',
  },
  {
    command: /^(?:sudo )?make cluster\b/,
    why: '.github/workflows/cluster.yml; a real node needs root, runc and an image',
  },
  {
    command: /^deploy\/examples\/challenge\/solution\.sh /,
    why: 'into a temporary folder: src/e2e/challenge-example.test.ts',
  },
  { command: /^docker (?:build|run|push|save) /, why: IMAGES },
  {
    command: /^SOURCE_DATE_EPOCH=\S.* docker buildx build /,
    why: 'needs buildx: .github/workflows/weekly.yml builds twice',
  },
  {
    command: /^docker compose .*retrieval-store|^helm install weaviate /,
    why: 'needs images of Weaviate: src/e2e/retrieval-store.test.ts has three nodes of it',
  },
  { command: /^helm (?:install|upgrade|test) /, why: CLUSTER },
  { command: /^kubectl scale /, why: CLUSTER },
  { command: /^kubectl (?:apply|create secret|exec) /, why: TWO_SERVICES },
  {
    command: /^cd deploy\/examples\/two-services\/kustomize|^kustomize edit set /,
    why: 'changes the checkout: deploy/chart.sh does it to a copy',
  },
  { command: /^curl .*http:\/\/texts\.example\//, why: TWO_SERVICES },
  {
    command: /^curl .*http:\/\/HOST:8080\//,
    why: 'another machine; the same is run with localhost',
  },
  {
    command: /^k6 run /,
    why: 'minutes, and needs k6: make bench, which bench/run.mjs is, sends the same',
  },
];
