/**
 * What a person sees of a pull: a bar per file on a terminal, plain lines elsewhere.
 */

import { MultiBar } from 'cli-progress';

export interface Progress {
  file(name: string, bytes: number): FileProgress;
  note(line: string): void;
  stop(): void;
}

export interface FileProgress {
  readonly at: (present: number) => void;
  readonly done: () => void;
}

export function progressOn(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? bars(stream) : lines(stream);
}

function bars(stream: NodeJS.WriteStream): Progress {
  const multi = new MultiBar({
    stream,
    format: '{name} {bar} {percentage}% of {size}',
    hideCursor: true,
    clearOnComplete: false,
    barsize: 30,
  });
  return {
    file(name, bytes) {
      // The library divides by the total; an empty file is one step.
      const bar = multi.create(Math.max(bytes, 1), 0, {
        name: name.padEnd(44),
        size: sizeOf(bytes),
      });
      return {
        at: (present) => {
          bar.update(present);
        },
        done: () => {
          bar.update(Math.max(bytes, 1));
        },
      };
    },
    note(line) {
      multi.log(`${line}\n`);
    },
    stop() {
      multi.stop();
    },
  };
}

/** A large file says where it is now and then: a log without a line for minutes looks dead. */
const REPORT_EVERY_MS = 10_000;

function lines(stream: NodeJS.WritableStream): Progress {
  return {
    file(name, bytes) {
      let reported = Date.now();
      return {
        at(present) {
          if (Date.now() - reported < REPORT_EVERY_MS) return;
          reported = Date.now();
          stream.write(`${name}: ${sizeOf(present)} of ${sizeOf(bytes)}\n`);
        },
        done() {
          stream.write(`${name}: ${sizeOf(bytes)}, verified\n`);
        },
      };
    },
    note(line) {
      stream.write(`${line}\n`);
    },
    stop() {
      // Every line was complete.
    },
  };
}

/** `1.11 GB`, in the units that the hub's pages use. */
export function sizeOf(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const amount = bytes / 1000 ** step;
  return `${step === 0 ? amount : amount.toPrecision(3)} ${units[step] ?? ''}`;
}
