/**
 * The worker side of a peer's two processes. Lines go both ways: the runner writes a workload to standard input, the worker
 * answers on standard output with '@' and JSON. A worker ends when its input does, so none survives the runner.
 */
import { createInterface } from 'node:readline';
import type { Figures, Time } from './loops.ts';

export type Address = Readonly<Record<string, string | number>>;
export type Run = (time: Time) => Promise<Figures>;

export interface WorkerOptions {
  /** Starts the serving process; what it gives is handed to the client. */
  server(given: Address): Promise<Address>;
  /** Connects, and gives the workloads it can run. */
  client(server: Address): Promise<Readonly<Record<string, Run>>>;
  /** Ends what would outlive the process. Best effort: the runner does not wait long. */
  stop?(): Promise<unknown> | void;
}

const say = (answer: Readonly<Record<string, unknown>>): void =>
  void process.stdout.write(`@${JSON.stringify(answer)}\n`);

/** Runs as `node worker.ts server|client JSON`. */
export async function serve(options: WorkerOptions): Promise<void> {
  const [role, given] = process.argv.slice(2);
  const address = JSON.parse(given ?? '{}') as Address;
  const end = async (): Promise<void> => {
    setTimeout(() => process.exit(0), 1000).unref();
    await options.stop?.();
    process.exit(0); // and not a signal's death: --cpu-prof writes its file on exit
  };
  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => {}); // a terminal's Ctrl-C reaches the runner too, which ends us in order
  const input = createInterface({ input: process.stdin });
  input.on('close', () => void end());
  try {
    if (role === 'server') return say({ ready: await options.server(address) });
    const runs = await options.client(address);
    input.on('line', (line) => {
      const [name = '', warmup, measure] = line.split(' ');
      const run = runs[name];
      const time = { warmup: Number(warmup), measure: Number(measure) };
      (run ? run(time) : Promise.reject(new Error(`no workload ${name}`)))
        .then((figures) => say({ figures }))
        .catch((error: unknown) => say({ error: error instanceof Error ? error.message : String(error) }));
    });
    say({ ready: {} });
  } catch (error) {
    say({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
