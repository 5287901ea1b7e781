/** Threads that fuzz, watched: one that hangs or runs out of memory is ended, and its input is the finding. */
import { Worker } from 'node:worker_threads';
import type { Finding } from './fuzzer.ts';
import { MAX_INPUT } from './mutate.ts';
import { HEAD, SLOT, type Coverage, type WorkerData, type WorkerMessage } from './worker-data.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** In all, shared by the jobs. @default Infinity */
  readonly inputs?: number;
  /** @default Infinity */
  readonly seconds?: number;
  /** @default 1 */
  readonly jobs?: number;
  /** Names. @default all */
  readonly targets?: readonly string[];
  /** A planted bug (mutants.ts). */
  readonly mutant?: string;
  /** End with the first finding. @default false */
  readonly first?: boolean;
  /** Ends the jobs after the inputs that they are trying. */
  readonly signal?: AbortSignal;
  /** Twice a second. */
  readonly progress?: (progress: Progress) => void;
  readonly finding?: (finding: Finding) => void;
}

export interface Progress {
  readonly inputs: number;
  readonly seconds: number;
  readonly findings: readonly Finding[];
}

export interface FuzzReport extends Progress {
  /** Branches gone through and inputs kept, by target; of the job that saw most. */
  readonly coverage: Readonly<Record<string, Coverage>>;
  /** Bytes of heap and of buffers after a collection, every 100,000 inputs, by job. */
  readonly heap: readonly (readonly number[])[];
}

/** Milliseconds without an end of one input. */
const HANGS = 30_000;
/** What a job may need: the library, what it keeps, and one input's budget are far below it. */
const HEAP_MEGABYTES = 512;
/** Bytes that a job may grow by: tables that fill up to their bounds (names, texts, inputs kept) are below it. */
const GROWTH = 96 * 2 ** 20;

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { seed, inputs = Infinity, seconds = Infinity, jobs = 1 } = options;
  const started = performance.now();
  const findings: Finding[] = [];
  const found = (finding: Finding): void => {
    findings.push(finding);
    options.finding?.(finding);
    if (options.first === true) for (const job of running) job.stop();
  };
  const running = Array.from(
    { length: jobs },
    (_, index) => new Job({ ...options, seed: seed + index * 0x1000_0001, inputs: Math.ceil(inputs / jobs) }, found),
  );
  options.signal?.addEventListener('abort', () => {
    for (const job of running) job.stop();
  });
  const now = (): Progress => ({
    inputs: running.reduce((sum, job) => sum + job.inputs, 0),
    seconds: (performance.now() - started) / 1000,
    findings,
  });
  const timer = setInterval(() => {
    for (const job of running) job.watch();
    if (now().seconds > seconds) for (const job of running) job.stop();
    options.progress?.(now());
  }, 500);
  await Promise.all(running.map((job) => job.ended));
  clearInterval(timer);
  const coverage: Record<string, Coverage> = {};
  for (const job of running) {
    for (const [name, seen] of Object.entries(job.coverage)) {
      if (seen.branches >= (coverage[name]?.branches ?? 0)) coverage[name] = seen;
    }
  }
  for (const { heap, inputs: after } of running) {
    if (grows(heap))
      found({ target: 'none', what: `memory grew to ${heap.at(-1)} bytes and stayed`, input: '', after });
  }
  return { ...now(), coverage, heap: running.map((job) => job.heap) };
}

/** Whether all of the last third is far above all of the first: what a peer's bytes leave behind, however little each. */
export function grows(heap: readonly number[]): boolean {
  const third = Math.floor(heap.length / 3);
  return third >= 2 && Math.min(...heap.slice(-third)) > Math.max(...heap.slice(0, third)) + GROWTH;
}

class Job {
  readonly ended: Promise<void>;
  coverage: FuzzReport['coverage'] = {};
  heap: readonly number[] = [];
  readonly #shared = new SharedArrayBuffer(HEAD + MAX_INPUT);
  readonly #head = new Int32Array(this.#shared, 0, HEAD / 4);
  readonly #worker: Worker;
  readonly #found: (finding: Finding) => void;
  #targets: readonly string[] = [];
  #last = 0;
  #since = performance.now();

  constructor(options: FuzzOptions & { readonly inputs: number }, found: (finding: Finding) => void) {
    const { seed, inputs, targets = [], mutant } = options;
    this.#found = found;
    const workerData: WorkerData = { seed, inputs, targets, mutant, shared: this.#shared };
    const resourceLimits = { maxOldGenerationSizeMb: HEAP_MEGABYTES };
    this.#worker = new Worker(new URL('worker.ts', import.meta.url), { workerData, resourceLimits });
    this.#worker.on('message', (message: WorkerMessage) => this.#heard(message));
    this.#worker.on('error', (error) => this.#died(error.stack ?? String(error)));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#worker.on('exit', () => resolve());
  }

  get inputs(): number {
    return this.#head[SLOT.number] as number;
  }

  /** After the input that is being tried. */
  stop(): void {
    this.#head[SLOT.stop] = 1;
  }

  /** Ends a job that makes no progress. */
  watch(): void {
    const { inputs } = this;
    if (inputs !== this.#last) {
      this.#last = inputs;
      this.#since = performance.now();
    } else if (performance.now() - this.#since > HANGS) {
      this.#died(`nothing came of it for ${HANGS} ms`);
      void this.#worker.terminate();
    }
  }

  #heard(message: WorkerMessage): void {
    if (message.type === 'ready') this.#targets = message.targets;
    else if (message.type === 'finding') this.#found(message.finding);
    else ({ coverage: this.coverage, heap: this.heap } = message);
  }

  #died(what: string): void {
    const input = Buffer.from(this.#shared, HEAD, this.#head[SLOT.length]).toString('hex');
    const target = this.#targets[this.#head[SLOT.target] as number] ?? 'none';
    this.#found({ target, what, input, after: this.inputs });
  }
}
