/**
 * A folder with an index and a corpus, for one test.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import type { Engine } from '../engine/engine.js';
import { build, type Built } from '../retrieval/build.js';
import { IndexDirectory } from '../retrieval/index-directory.js';
import { folderSource } from '../retrieval/index-source.js';
import { publish } from '../retrieval/publish.js';
import { ServedIndex } from '../retrieval/served-index.js';
import { fakeEncoder } from './fake-encoder.js';
import { folderFor } from './folder.js';

export interface IndexWorld {
  readonly directory: IndexDirectory;
  readonly engine: Engine;
  /** Lines of the progress of builds. */
  readonly notes: readonly string[];
  /** Writes a corpus of these lines and gives its file. */
  readonly corpus: (lines: readonly unknown[]) => string;
  /** Builds a generation of a corpus. */
  readonly build: (generation: string, corpus: string, options?: BuildOptions) => Promise<Built>;
  /** Builds a generation of texts and publishes it. */
  readonly published: (generation: string, texts: readonly string[]) => Promise<void>;
  /** Opens what is published; whoever serves it closes it. */
  readonly serve: () => Promise<ServedIndex>;
}

export interface BuildOptions {
  readonly fields?: readonly string[];
  readonly by?: Engine;
  /** Threads that make a graph; nothing: there is none. */
  readonly graph?: number;
  readonly onNote?: (line: string) => void;
}

export function indexWorld(context: TestContext, engine: Engine = fakeEncoder()): IndexWorld {
  const folder = folderFor(context);
  const directory = new IndexDirectory(join(folder, 'index'));
  const notes: string[] = [];
  let corpora = 0;
  const world: IndexWorld = {
    directory,
    engine,
    notes,
    corpus(lines) {
      corpora += 1;
      const file = join(folder, `corpus-${corpora}.jsonl`);
      const written = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
      writeFileSync(file, written.map((line) => `${line}\n`).join(''));
      return file;
    },
    build(generation, corpus, { fields = [], by = engine, graph, onNote = () => undefined } = {}) {
      const encoder = by.models.find(({ task }) => task === 'embedding');
      if (encoder === undefined) throw new Error('The engine has no encoder.');
      return build({
        ...{ directory, generation, corpus, fields, engine: by, encoder },
        graph: graph === undefined ? undefined : { threads: graph, onAdded: () => undefined },
        progress: {
          done: () => undefined,
          note: (line) => {
            notes.push(line);
            onNote(line);
          },
        },
      });
    },
    async published(generation, texts) {
      await world.build(generation, world.corpus(texts.map((text) => ({ text }))));
      await publish(directory, generation);
    },
    serve() {
      const encoder = engine.models.find(({ task }) => task === 'embedding');
      if (encoder === undefined) throw new Error('The engine has no encoder.');
      const source = folderSource(directory);
      return ServedIndex.start({ source, engine, encoder, onEvent: () => undefined });
    },
  };
  return world;
}
