/**
 * autotests/ against what they test: the chart's Service.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { parse } from 'yaml';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test("the autotest's chart asks the port of the service's chart, and its path", () => {
  const chart = parse(read('helm/values.yaml')) as { service: { port: number } };
  const autotests = parse(read('autotests/helm/values.yaml')) as { env: { api_host: string } };
  const written = [
    autotests.env.api_host,
    ...read('autotests/helm/values.yaml').matchAll(/env\.api_host=(\S+)/g),
  ].map((found) => new URL(typeof found === 'string' ? found : (found[1] ?? '')));
  assert.ok(written.length >= 2);
  for (const { hostname, port, pathname } of written) {
    assert.equal(hostname, 'chorus');
    assert.equal(Number(port || 80), chart.service.port);
    assert.equal(pathname, '/process');
  }
});
