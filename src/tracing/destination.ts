/**
 * Whether spans are wanted and where they go: the setting, else OpenTelemetry's own variables.
 *
 * Apart from what sends them, which is only loaded where they are: this decides without it.
 */

import { exitCodes, StartError } from '../start-error.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** The path of OTLP over HTTP for spans. */
const PATH = '/v1/traces';

/**
 * The URL that spans are posted to; undefined: there are none. `setting`: that of a collector, or empty.
 *
 * @throws {StartError} when a variable asks for what is not there.
 */
export function spanUrl(setting: string, environment: Environment): string | undefined {
  const of = (name: string) => (environment[name] ?? '').trim();
  if (of('OTEL_SDK_DISABLED').toLowerCase() === 'true') return undefined;
  if (setting !== '') return below(setting);
  if (of('OTEL_TRACES_EXPORTER') === 'none') return undefined;
  const given = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'];
  const name = given.find((candidate) => of(candidate) !== '');
  if (name === undefined) return undefined;
  const protocols = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'];
  const protocol = protocols.find((candidate) => of(candidate) !== '');
  if (protocol !== undefined && of(protocol) !== 'http/protobuf') {
    throw fault(`${protocol} is "${of(protocol)}"; spans are sent as http/protobuf alone.`);
  }
  if (!/^https?:\/\//.test(of(name)) || !URL.canParse(of(name))) {
    throw fault(`${name} must be a URL such as http://collector:4318.`);
  }
  return name === given[0] ? of(name) : below(of(name));
}

function below(url: string): string {
  return url.replace(/\/+$/, '') + PATH;
}

function fault(line: string): StartError {
  return new StartError([line], exitCodes.usage);
}
