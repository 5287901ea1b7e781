/**
 * A thread that fuzzes. Each input is written to shared memory before it is tried, so that the thread that watches has it when
 * this one hangs or dies.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { HEAD, SLOT, type WorkerData, type WorkerMessage } from './worker-data.ts';

/** Inputs between two looks at the heap. */
const LOOK = 100_000;
/** Inputs between two turns of the event loop. */
const TURN = 200;

const { seed, inputs, targets: wanted, mutant, shared } = workerData as WorkerData;
// Both before anything of the library; the bug first, so that it is counted too.
if (mutant !== undefined) (await import('./mutants.ts')).plantBug(mutant);
await import('./instrument.ts');
const { targets } = await import('./targets/index.ts');
const { Fuzzer } = await import('./fuzzer.ts');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
// A trace for each of the refusals would be most of the work.
Error.stackTraceLimit = 0;

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
const tell = (message: WorkerMessage): void => parentPort?.postMessage(message);
const chosen = targets.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const fuzzer = new Fuzzer(chosen, seed);
const head = new Int32Array(shared, 0, HEAD / 4);
const body = new Uint8Array(shared, HEAD);
const heap: number[] = [];
const known = new Set<string>();
tell({ type: 'ready', targets: targets.map(({ name }) => name) });

for (let number = 0; number < inputs && head[SLOT.stop] === 0; number++) {
  const next = fuzzer.next();
  body.set(next.input);
  head[SLOT.target] = targets.indexOf(next.explored.target);
  head[SLOT.length] = next.input.length;
  head[SLOT.number] = number + 1;
  const finding = await fuzzer.try(next);
  if (finding !== undefined) {
    const key = `${finding.target} ${finding.what.split('\n')[0]}`;
    if (!known.has(key)) tell({ type: 'finding', finding });
    known.add(key);
  }
  // What waits for the event loop (zlib closes its handles there) would otherwise wait until the end.
  if (number % TURN === TURN - 1) await new Promise(setImmediate);
  if (number % LOOK === LOOK - 1) {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    heap.push(heapUsed + arrayBuffers);
  }
}
tell({ type: 'done', coverage: fuzzer.coverage, heap });
