/**
 * A metric as a row of a table, read from the engine's snapshot.
 */

import type { EngineStats } from '../engine/engine.js';
import type { Sample } from './snapshot-metric.js';

export interface Row {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels?: readonly string[];
  readonly samples: (stats: EngineStats) => Sample[];
}
