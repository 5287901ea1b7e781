/** Calls between the test and the programs that it starts, over Node's channel between parent and child. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

type Methods = Readonly<Record<string, (...args: never[]) => unknown>>;
type Request = { readonly id: number; readonly method: string; readonly args: readonly unknown[] };
type Answer = { readonly id: number; readonly value?: unknown; readonly error?: string };

/** What the child offers; it ends with its parent. */
export function serve(methods: Methods): void {
  process.on('message', ({ id, method, args }: Request) => {
    void (async () => {
      let answer: Answer;
      try {
        answer = { id, value: await (methods[method] as (...args: unknown[]) => unknown)(...args) };
      } catch (error) {
        answer = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
      }
      process.send?.(answer);
    })();
  });
  process.on('disconnect', () => process.exit(0));
}

const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** A program of this folder in a process of its own. */
export class Program<M extends Methods> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #exited: Promise<unknown>;
  #last = 0;
  output = '';

  /** @param within a command that starts the program, in a network of its own for instance */
  constructor(
    file: string,
    flags: readonly string[],
    env: Readonly<Record<string, string>>,
    within: readonly string[] = [],
  ) {
    const child = fork(new URL(file, import.meta.url), {
      ...(within[0] === undefined ? {} : { execPath: within[0] }),
      execArgv: within[0] === undefined ? [...flags] : [...within.slice(1), process.execPath, ...flags],
      env: { ...process.env, ...env },
      serialization: 'json',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    living.add(child);
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output = (this.output + text).slice(-20_000)));
    child.on('message', ({ id, value, error }: Answer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(error));
    });
    this.#exited = once(child, 'close').then(() => {
      living.delete(child);
      for (const { reject } of this.#waiting.values()) reject(new Error(`${file} has ended:\n${this.output}`));
      this.#waiting.clear();
    });
  }

  async call<K extends keyof M & string>(method: K, ...args: Parameters<M[K]>): Promise<Awaited<ReturnType<M[K]>>> {
    const id = ++this.#last;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#child.send({ id, method, args } satisfies Request, (error) => error !== null && waiting.reject(error));
    return (await waiting.promise) as Awaited<ReturnType<M[K]>>;
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`it could not be started:\n${this.output}`);
    return pid;
  }

  /** By its pid. */
  signal(signal: NodeJS.Signals): void {
    if (living.has(this.#child)) this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
