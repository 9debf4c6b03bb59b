// Posts BODY to URL and compares the label of every model with LABELS, or that of every text where the answer is
// one of texts (contracts predict, prediction and retrieve); exit code 1 where one differs. With no LABELS status 200 is enough.
// API_KEY: shown where it is given.
const { URL: url, BODY: body, LABELS, API_KEY: key } = process.env;

const response = await fetch(url, {
  method: 'POST',
  headers: { 'content-type': 'application/json', ...(key && { 'x-api-key': key }) },
  body,
  signal: AbortSignal.timeout(30_000),
});
const text = await response.text();
if (response.status !== 200) {
  console.error(`POST ${url}: ${response.status} ${text}`);
  process.exit(1);
}
console.log(`ok    POST ${url}: 200`);
const answer = JSON.parse(text);
const { text: texts, instances = texts } = JSON.parse(body);
/** What is said of each text, or undefined where the answer is one of models. */
const ofTexts =
  answer.predictions?.map(([best]) => best.label) ??
  answer.matches ??
  ('match' in answer ? [answer.match] : undefined) ??
  (Array.isArray(answer) ? answer.map(({ label }) => label) : undefined);
const labelOf = (name) => (ofTexts ? ofTexts[instances.indexOf(name)] : answer[name]?.label);
let wrong = 0;
for (const [name, label] of Object.entries(JSON.parse(LABELS))) {
  const got = labelOf(name);
  if (got !== label) wrong += 1;
  console.log(
    `${got === label ? 'ok   ' : 'WRONG'} ${name}: ${got}${got === label ? '' : `, not ${label}`}`,
  );
}
process.exitCode = wrong === 0 ? 0 : 1;
