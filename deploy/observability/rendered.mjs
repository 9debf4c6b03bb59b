// Reads manifests of one release on standard input, and says what is wrong with the alerts in them: a query that is not
// PromQL, or that is about other releases, too.
//
//   helm template RELEASE helm --namespace NAMESPACE … | node deploy/observability/rendered.mjs NAMESPACE NAME
//
// NAME is that of its deployment. Needs the built service.

import { text } from 'node:stream/consumers';

import { parseAllDocuments } from 'yaml';

import { readsOf } from '../../dist/testing/promql.js';

const [namespace, name] = process.argv.slice(2);
const manifests = parseAllDocuments(await text(process.stdin)).map((document) => document.toJS());
const rules = manifests
  .filter((manifest) => manifest?.kind === 'PrometheusRule')
  .flatMap(({ spec }) => spec.groups)
  .flatMap((group) => group.rules);
if (rules.length === 0) throw new Error('There is no PrometheusRule.');

/** What the service or the cluster tells is narrowed by the name of the job, the deployment, the autoscaler or the pod. */
const isNarrow = ({ matchers }) =>
  matchers.some(
    ({ label, operator, value }) => `${label}${operator}${value}` === `namespace=${namespace}`,
  ) && matchers.some(({ label, value }) => label !== 'namespace' && value.includes(name));

for (const { alert, record, expr } of rules) {
  const where = alert ?? record;
  const wide = readsOf({ where, expr }).selectors.filter((selector) => !isNarrow(selector));
  if (wide.length > 0) throw new Error(`${where}: ${wide[0].metric} of any release: ${expr}`);
}
console.log(`${rules.length} rules`);
