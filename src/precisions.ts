/**
 * What computes models, and how linear layers may compute there: the one list of both in TypeScript.
 *
 * From here come what `--device` and `--precision` take and what a profile may allow. The addon's types list them
 * again, and the compiler compares.
 */

/** What a person calls each. */
export const processors = { cpu: 'CPU', cuda: 'GPU' } as const;

export type Processor = keyof typeof processors;

interface Inexact {
  readonly on: readonly Processor[];
  /** The least share of labels, in [0, 1], that must be those of exact, unless a profile says otherwise. */
  readonly agreement: number;
}

export type InexactPrecision = 'bf16' | 'fp16' | 'int8';
export type Precision = 'exact' | InexactPrecision;

/** Every processor computes `exact`, and these: */
const inexact: Readonly<Record<InexactPrecision, Inexact>> = {
  bf16: { on: ['cpu'], agreement: 0.999 },
  fp16: { on: ['cuda'], agreement: 0.999 },
  int8: { on: ['cpu'], agreement: 0.995 },
};

const inexactNames = Object.keys(inexact) as InexactPrecision[];

export const precisions: readonly [Precision, ...Precision[]] = ['exact', ...inexactNames];

export function isPrecision(name: string): name is Precision {
  return (precisions as readonly string[]).includes(name);
}

/** Those besides exact that `processor` computes. */
export function inexactOn(processor: Processor): readonly InexactPrecision[] {
  return inexactNames.filter((name) => inexact[name].on.includes(processor));
}

export function processorsOf(precision: Precision): readonly Processor[] {
  return precision === 'exact' ? (Object.keys(processors) as Processor[]) : inexact[precision].on;
}

/** What `value` gives for each besides exact, by name. */
export function ofEachInexact<T>(value: (precision: Inexact) => T): Record<InexactPrecision, T> {
  const entries = inexactNames.map((name) => [name, value(inexact[name])]);
  return Object.fromEntries(entries) as Record<InexactPrecision, T>;
}
