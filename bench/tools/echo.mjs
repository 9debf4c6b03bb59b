// The least that Koa costs: reads JSON and sends it back.
//
//   node bench/tools/echo.mjs --port 8080
//
// What `bench/overhead.mjs` compares Chorus with. GET /readyz is on the same port.

import { parseArgs } from 'node:util';

import Router from '@koa/router';
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';

const { values: options } = parseArgs({ options: { port: { type: 'string', default: '8080' } } });

const router = new Router();
router.get('/readyz', (context) => {
  context.body = 'ready';
});
router.post(['/process', '/predict'], (context) => {
  context.body = JSON.stringify(context.request.body);
  context.type = 'application/json';
});

const app = new Koa();
// Scripts that send lists state no content type.
app.use(bodyParser({ strict: false, detectJSON: () => true }));
app.use(router.routes());
app.listen(Number(options.port), '127.0.0.1');
