/** Formats in one process, each to and from the metrics message of the reference application. */
import { createRequire } from 'node:module';
import { decode, encode } from '../../packages/beamish/src/term/index.ts';
import { repeated, type Time } from '../harness/loops.ts';
import { metrics } from '../harness/objects.ts';
import { serve, type Run } from '../harness/serve.ts';

interface Erlpack {
  pack(value: unknown): Uint8Array;
  unpack(this: void, bytes: Uint8Array): unknown;
}

function erlpack(): Erlpack | undefined {
  try {
    return createRequire(import.meta.url)('erlpack') as Erlpack;
  } catch {
    return undefined; // it is the peer's start that fails, and says so
  }
}

const runs: Record<string, Run> = {};

function add<T>(codec: string, to: () => T, from: (encoded: T) => unknown): void {
  const encoded = to();
  if (JSON.stringify(from(encoded)) !== JSON.stringify(metrics)) throw new Error(`${codec} gives another message back`);
  runs[`encode.${codec}`] = async (time: Time) => repeated(to, time);
  runs[`decode.${codec}`] = async (time: Time) => repeated(() => from(encoded), time);
}

await serve({
  server: async () => ({}),
  async client() {
    add('beamish', () => encode(metrics), decode);
    add('json', () => JSON.stringify(metrics), JSON.parse);
    const other = erlpack();
    if (other !== undefined) add('erlpack', () => other.pack(metrics), other.unpack);
    return runs;
  },
});
