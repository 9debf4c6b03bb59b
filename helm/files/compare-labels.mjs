// Posts BODY to URL and compares the label of every model with LABELS; exit code 1 where one differs.
const { URL: url, BODY: body, LABELS } = process.env;

const response = await fetch(url, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body,
  signal: AbortSignal.timeout(30_000),
});
const text = await response.text();
if (response.status !== 200) {
  console.error(`POST ${url}: ${response.status} ${text}`);
  process.exit(1);
}
const answer = JSON.parse(text);
let wrong = 0;
for (const [model, label] of Object.entries(JSON.parse(LABELS))) {
  const got = answer[model]?.label;
  if (got !== label) wrong += 1;
  console.log(
    `${got === label ? 'ok   ' : 'WRONG'} ${model}: ${got}${got === label ? '' : `, not ${label}`}`,
  );
}
process.exitCode = wrong === 0 ? 0 : 1;
