/**
 * The page at `/docs`, which shows `openapi.json` and tries its requests: the files of `docs-page/`, and those that
 * they need of Swagger UI.
 *
 * They are the same for every service and say nothing of one. Whatever is not listed here is not served.
 */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { ownPaths } from './endpoints.js';

/** A file that is answered as it is. */
export interface ServedFile {
  /** From the root. */
  readonly path: string;
  /** Sent with it, the content type among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Read when it is first asked for, then kept. */
  readonly content: () => Promise<FileContent>;
}

export interface FileContent {
  readonly bytes: Buffer;
  /** As HTTP has it, in quotes; another for other bytes. */
  readonly etag: string;
}

/**
 * What the page may do: load what is served here, ask the service it came from, and nothing else.
 *
 * Swagger UI's style sheet has its icons as `data:` URLs.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const TYPES = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  png: 'image/png',
};

const own = (name: string) => fileURLToPath(new URL(`../../docs-page/${name}`, import.meta.url));
const library = (name: string) => createRequire(import.meta.url).resolve(`swagger-ui-dist/${name}`);

/** Below `/docs/`: what is served under which name, and which file that is. */
const ASSETS = {
  'favicon-32x32.png': library,
  'page.css': own,
  'page.js': own,
  'swagger-ui-bundle.js': library,
  'swagger-ui.css': library,
};

export function docsPage(pathPrefix: string): readonly ServedFile[] {
  const page = pathPrefix + ownPaths.docs;
  return [
    served(page, 'html', () => own('index.html'), {
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
    }),
    ...Object.entries(ASSETS).map(([name, locate]) => {
      const type = name.slice(name.lastIndexOf('.') + 1) as keyof typeof TYPES;
      return served(`${page}/${name}`, type, () => locate(name));
    }),
  ];
}

function served(
  path: string,
  type: keyof typeof TYPES,
  locate: () => string,
  headers: Readonly<Record<string, string>> = {},
): ServedFile {
  let known: FileContent | undefined;
  return {
    path,
    headers: {
      'content-type': TYPES[type],
      'x-content-type-options': 'nosniff',
      // Names stay the same from version to version; what has not changed is not sent again.
      'cache-control': 'no-cache',
      ...headers,
    },
    content: async () => (known ??= contentOf(await readFile(locate()))),
  };
}

function contentOf(bytes: Buffer): FileContent {
  const digest = createHash('sha256').update(bytes).digest('base64url');
  return { bytes, etag: `"${digest}"` };
}
