/**
 * The same metrics in the OpenMetrics format, which alone has exemplars.
 *
 * prom-client writes it, but renames the counters of a registry for good when it does, so that the next scrape in the
 * other format would lose their `_total`. Hence a registry of its own, of views of the metrics, made once.
 *
 * Bounds of buckets stay as they are (`le="1"`, where the format would rather have `1.0`): a Prometheus that does not
 * normalize them (version 2) would take them for other series, depending on the format that it asked for.
 */

import { Registry, type Metric, type OpenMetricsContentType } from 'prom-client';

/** What the registry reads of a metric; its types name prom-client's own classes. */
interface Readable {
  readonly name: string;
  get(): Promise<{ name: string; type: string }>;
}

export class OpenMetrics {
  readonly contentType = Registry.OPENMETRICS_CONTENT_TYPE;
  readonly #registry = new Registry<OpenMetricsContentType>();

  /** A view of what `registry` has now. */
  constructor(registry: Registry) {
    this.#registry.setContentType(this.contentType);
    for (const metric of registry.getMetricsAsArray()) {
      this.#registry.registerMetric(new View(metric as unknown as Readable) as unknown as Metric);
    }
  }

  scrape(): Promise<string> {
    return this.#registry.metrics();
  }
}

class View {
  name: string;

  constructor(private readonly metric: Readable) {
    this.name = metric.name;
  }

  async get() {
    const values = await this.metric.get();
    return values.type === 'counter' ? { ...values, name: familyOf(values.name) } : values;
  }
}

/** What a counter is declared as; its sample has `_total` behind it. */
function familyOf(name: string): string {
  return name.replace(/_total$/, '');
}

/**
 * Whether who sends this `Accept` prefers OpenMetrics to Prometheus' own text: by the weights of RFC 9110, section
 * 12.4.2; who accepts anything gets the text, as ever.
 */
export function wantsOpenMetrics(accept = ''): boolean {
  let [open, plain] = [0, 0];
  for (const range of accept.toLowerCase().split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim());
    const of = (name: string) =>
      parameters.find((parameter) => parameter.startsWith(`${name}=`))?.slice(name.length + 1);
    const weight = Number(of('q') ?? 1);
    if (type === 'text/plain') plain = Math.max(plain, weight);
    const isOurs = ['1.0.0', '0.0.1', undefined].includes(of('version'));
    if (type === 'application/openmetrics-text' && isOurs) open = Math.max(open, weight);
  }
  return open > 0 && open >= plain;
}
