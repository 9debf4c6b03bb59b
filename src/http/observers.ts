/**
 * Several observers as one; each is told in the order in which they are given.
 */

import type { ExchangeObserver } from './exchanges.js';

export function observers(...all: readonly ExchangeObserver[]): ExchangeObserver {
  return {
    exchangeOpened(exchange) {
      for (const observer of all) observer.exchangeOpened(exchange);
    },
    exchangeClosed(exchange) {
      for (const observer of all) observer.exchangeClosed(exchange);
    },
    refused(code) {
      for (const observer of all) observer.refused(code);
    },
  };
}
