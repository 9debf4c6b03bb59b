/**
 * The page at `/docs`: shows `openapi.json`, which lies beside it, and lets its requests be tried.
 *
 * A browser shows no key when it opens a page. So this page is open and says nothing of the service; what it shows may
 * ask for a key, which is then asked for here, kept by this page alone, and sent with the requests that are tried.
 */

const form = document.querySelector('#key');
const problem = document.querySelector('#problem');

/** Fetches the document, with `key` where there is one, and shows it, or what it needs. */
async function show(key) {
  const response = await fetch('openapi.json', key ? { headers: { 'x-api-key': key } } : {});
  const body = await response.json();
  form.hidden = response.status !== 401;
  problem.hidden = response.ok || (response.status === 401 && !key);
  if (response.ok) render(body, key);
  else problem.textContent = body.detail;
}

function render(spec, key) {
  document.title = spec.info.title;
  const ui = SwaggerUIBundle({
    spec,
    dom_id: '#reference',
    deepLinking: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    // Otherwise it asks a service of swagger.io.
    validatorUrl: null,
    onComplete() {
      if (key) ui.preauthorizeApiKey('header', key);
    },
  });
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  start(form.querySelector('input').value);
});

function start(key) {
  show(key).catch((error) => {
    problem.hidden = false;
    problem.textContent = `openapi.json cannot be read: ${error.message}`;
  });
}

start();
