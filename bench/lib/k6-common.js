// What the k6 scripts share: the texts, the request, thresholds and the end of a run. Runs inside k6 only.

import { SharedArray } from 'k6/data';

/** The texts of a JSONL file, strings or objects with `text`; held once for all virtual users. */
export function loadTexts(path) {
  return loadRows(path, (row) => (typeof row === 'string' ? row : row.text));
}

/** What `from` makes of each row of a JSONL file; held once for all virtual users. */
export function loadRows(path, from = (row) => row) {
  if (!path) throw new Error('TEXTS names a JSONL file of texts');
  return new SharedArray('texts', () =>
    open(path)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => from(JSON.parse(line))),
  );
}

/** Posts one text as the challenge does; gives the status and the parsed body, null if it is not JSON. */
export function send(
  http,
  text,
  target = __ENV.TARGET ?? 'http://127.0.0.1:8080/process',
  timeout = '120s',
) {
  const response = http.post(target, JSON.stringify(text), {
    headers: { 'content-type': 'application/json' },
    timeout,
  });
  let answer = null;
  try {
    // Not response.json(): it goes through a Go map and loses the order of the keys.
    answer = JSON.parse(response.body);
  } catch {
    // Left null: every check of the answer fails.
  }
  return { status: response.status, answer };
}

/**
 * `thresholds` of every scenario on its own. k6 keeps a figure for each scenario only where one asks for it;
 * `>=0` always holds.
 */
export function perScenario(scenarios, thresholds) {
  const of = (name) =>
    Object.entries(thresholds).map(([metric, wanted]) => [`${metric}{scenario:${name}}`, wanted]);
  return Object.fromEntries(Object.keys(scenarios).flatMap(of));
}

/** What handleSummary returns: the figures on stdout, and in the file SUMMARY where that is set. */
export function summarize(figures) {
  const json = `${JSON.stringify(figures, null, 2)}\n`;
  return __ENV.SUMMARY ? { [__ENV.SUMMARY]: json } : { stdout: json };
}
