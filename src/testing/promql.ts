/**
 * The queries of the dashboard and of the alert rules, and what each asks for.
 *
 * The grammar is Prometheus' own (its editor's parser), so a query that Prometheus would refuse is refused
 * here. Grafana's variables are filled in first: `$__rate_interval` is a duration, the others stand in
 * strings.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { parse as parseYaml } from 'yaml';

const FILES = new URL('../../helm/files/', import.meta.url);
export const DASHBOARD = fileURLToPath(new URL('chorus.json', FILES));
export const RULES = fileURLToPath(new URL('rules.yaml', FILES));

export interface Query {
  /** The panel, the variable or the rule. */
  readonly where: string;
  readonly expr: string;
}

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** What a query reads. */
export interface Reads {
  readonly selectors: readonly { readonly metric: string; readonly matchers: readonly Matcher[] }[];
  /** Labels in `by (…)`, `on (…)` and the like. */
  readonly grouping: readonly string[];
}

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: { readonly severity?: string };
}

export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  readonly targets?: readonly { readonly expr: string }[];
}

export interface Variable extends Query {
  /** Whose values it has. */
  readonly label: string;
  /** What stands for all of them, where that is not their list. */
  readonly allValue: string | undefined;
}

/** What stands for a variable of the dashboard. */
type Fill = (name: string) => string;

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { name: string; expr?: string }[] };
  readonly templating: {
    readonly list: readonly { name: string; definition?: string; allValue?: string }[];
  };
}

export function dashboardPanels(): readonly Panel[] {
  return dashboard().panels;
}

/** Of panels and annotations, with `values` for the variables; those that are not given are what `fill` says. */
export function dashboardQueries(
  values: Readonly<Record<string, string>> = {},
  fill: Fill = anything,
): Query[] {
  const { panels, annotations } = dashboard();
  return [
    ...panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ where: title, expr })),
    ),
    ...annotations.list.flatMap(({ name, expr }) =>
      expr === undefined ? [] : [{ where: name, expr }],
    ),
  ].map(({ where, expr }) => ({ where, expr: filledIn(expr, values, fill) }));
}

/** What fills the variables: `label_values(metric{…}, label)`, taken apart. */
export function dashboardVariables(): Variable[] {
  return dashboard().templating.list.flatMap(({ name, definition, allValue }) => {
    if (definition === undefined) return [];
    const found = /^label_values\((.+), (\w+)\)$/.exec(definition);
    if (found === null) throw new Error(`The variable ${name} is not label_values(…).`);
    const [, expr = '', label = ''] = found;
    return [{ where: `variable ${name}`, expr: filledIn(expr, {}, anything), label, allValue }];
  });
}

export function rules(): Rule[] {
  const { groups } = parseYaml(readFileSync(RULES, 'utf8')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap((group) => group.rules);
}

export function ruleQueries(): Query[] {
  return rules().map(({ alert, record, expr }) => ({ where: alert ?? record ?? '', expr }));
}

/** @throws {Error} where the query is not PromQL. */
export function readsOf({ where, expr }: Query): Reads {
  const text = (node: SyntaxNode) => expr.slice(node.from, node.to);
  const selectors: { metric: string; matchers: Matcher[] }[] = [];
  const grouping: string[] = [];
  parser.parse(expr).iterate({
    enter({ type, node }) {
      if (type.isError) throw new Error(`${where}: not PromQL at ${node.from}: ${expr}`);
      if (type.name === 'VectorSelector') {
        const metric = node.getChild('Identifier');
        const list = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
        selectors.push({
          metric: metric === null ? '' : text(metric),
          matchers: list.map((matcher) => matcherOf(matcher, text)),
        });
      }
      if (type.name === 'GroupingLabels') {
        grouping.push(...node.getChildren('LabelName').map(text));
      }
    },
  });
  return { selectors, grouping };
}

function matcherOf(node: SyntaxNode, text: (node: SyntaxNode) => string): Matcher {
  const part = (name: string) => {
    const child = node.getChild(name);
    if (child === null) throw new Error(`A matcher without ${name}: ${text(node)}`);
    return text(child);
  };
  return {
    label: part('LabelName'),
    operator: part('MatchOp'),
    value: JSON.parse(part('StringLiteral')) as string,
  };
}

function dashboard(): Dashboard {
  return JSON.parse(readFileSync(DASHBOARD, 'utf8')) as Dashboard;
}

function filledIn(expr: string, values: Readonly<Record<string, string>>, fill: Fill): string {
  return expr.replace(/\$(\w+)/g, (_, name: string) => {
    return values[name] ?? (name.startsWith('__') ? '5m' : fill(name));
  });
}

function anything(): string {
  return '.*';
}
