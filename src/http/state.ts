/**
 * What lies in Koa's `context.state`: the exchange, looked up once, when the request comes in.
 */

import type { ParameterizedContext, Middleware as KoaMiddleware } from 'koa';

import type { Exchange } from './exchange.js';

export interface State {
  exchange: Exchange;
}

export type Context = ParameterizedContext<State>;
export type Middleware = KoaMiddleware<State>;
