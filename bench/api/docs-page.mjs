// `make docs-page`: opens the page at `/docs` in a real Chromium, and tries every request that it shows.
//
//   node bench/api/docs-page.mjs [--screenshots FOLDER]        (needs it built: make build)
//
// Each profile is served as it is, one also encrypted, below a prefix and for those who have a key. The page must show
// each operation and get its example answered, without a single violation of its content security policy, an error in
// its scripts, or a request to anybody else.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { chromium } from 'playwright-core';

import { Authority } from '../../dist/testing/certificates.js';
import { toolPath } from '../lib/tools.mjs';
import { EVERY_CONTRACT, guarded, PROFILES, scratchFolder, withService } from './service.mjs';

const { values: options } = parseArgs({ options: { screenshots: { type: 'string' } } });

/** What a page may take to show something, in milliseconds. */
const PATIENCE_MS = 20_000;
const VIEWPORT = { width: 1280, height: 1600 };

const executablePath = toolPath('debian.sh', 'chromium-headless-shell');
// Containers have no user namespaces to make its sandbox of; it opens nothing but our own page.
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  for (const profile of [...PROFILES, EVERY_CONTRACT]) {
    await withService(profile, [], (host) => tryPage(`http://${host}/docs`));
  }
  const { key, flags } = guarded();
  await withService(EVERY_CONTRACT, [...flags, ...encrypted()], (host) =>
    tryPage(`https://${host}/project/docs`, key),
  );
} finally {
  await browser.close();
}

function encrypted() {
  const { cert, key } = new Authority(scratchFolder()).pair('docs-page');
  return ['--tls-cert-file', cert, '--tls-key-file', key];
}

/** `key`: where the page must ask for one. */
async function tryPage(url, key) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: VIEWPORT });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const seen = await watch(page);
  await page.goto(url);
  if (key !== undefined) await unlock(page, key);
  const operations = page.locator('.opblock');
  await operations.first().waitFor();
  const document = await documentOf(context, url, key);
  const paths = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const shown = [];
  for (const operation of await operations.all()) shown.push(await tryOperation(operation));
  assert.deepEqual(shown.sort(), paths.sort());
  if (options.screenshots !== undefined) {
    const name = `${document.info.title} ${key === undefined ? '' : 'guarded'}`;
    const file = `${name.toLowerCase().match(/[\w-]+/g).join('-')}.png`;
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.screenshot({ path: join(options.screenshots, file) });
  }
  const { origin } = new URL(url);
  assert.deepEqual(
    seen.requests.filter((request) => new URL(request).origin !== origin),
    [],
    'requests to others',
  );
  assert.deepEqual(seen.violations, [], 'violations of the policy');
  // Chromium tells of the answers without a key and with a wrong one, which were meant.
  const meant = key === undefined ? 0 : 2;
  assert.equal(seen.errors.length, meant, seen.errors.join('\n'));
  await context.close();
  console.log(`${url}: ${shown.length} operations shown, tried and answered; nothing else asked for`);
}

/** Notes what a page asks for, what it was not allowed, and what went wrong in it. */
async function watch(page) {
  const seen = { requests: [], violations: [], errors: [] };
  await page.exposeFunction('noteViolation', (what) => seen.violations.push(what));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (violation) => {
      window.noteViolation(`${violation.violatedDirective}: ${violation.blockedURI}`);
    });
  });
  page.on('request', (request) => {
    // What is in the style sheet itself is no request to anybody.
    if (!request.url().startsWith('data:')) seen.requests.push(request.url());
  });
  page.on('pageerror', (error) => seen.errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') seen.errors.push(message.text());
  });
  return seen;
}

/** Shows a key that nobody has, then `key`. */
async function unlock(page, key) {
  for (const shown of [`${key}x`, key]) {
    await page.locator('#key input').fill(shown);
    await page.locator('#key button').click();
    if (shown !== key) await page.getByRole('alert').filter({ hasText: 'not known' }).waitFor();
  }
  await page.locator('#key').waitFor({ state: 'hidden' });
}

async function documentOf({ request }, url, key) {
  const headers = key === undefined ? {} : { 'x-api-key': key };
  const response = await request.get(new URL('openapi.json', url).href, { headers });
  assert.equal(response.status(), 200);
  return response.json();
}

/** Sends the example that an operation shows, which must be answered; gives its method and path. */
async function tryOperation(operation) {
  await operation.locator('.opblock-summary-control').click();
  await operation.locator('button.execute').click();
  const status = operation.locator('.live-responses-table tbody .response-col_status');
  await status.waitFor();
  const method = await operation.locator('.opblock-summary-method').innerText();
  const path = await operation.locator('.opblock-summary-path').getAttribute('data-path');
  assert.equal((await status.innerText()).trim(), '200', `${method} ${path}`);
  // What is shown is the answer itself, JSON.
  JSON.parse(await operation.locator('.live-responses-table .highlight-code pre').first().innerText());
  return `${method} ${path}`;
}
