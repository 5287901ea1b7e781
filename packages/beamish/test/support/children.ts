/** A child process as a real peer of a test: its output collected, waited for by pattern, ended by its pid. */
import { spawn, type ChildProcess } from 'node:child_process';

export interface ChildOptions {
  /** Name in error messages; the command when absent. */
  readonly name?: string;
  readonly cwd?: string;
  /** Added to the test's own environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** How long `stop()` waits between SIGTERM and SIGKILL, in ms. */
  readonly grace?: number;
  /** A test context: the child is stopped when the test ends. `await using` does the same. */
  readonly t?: { after(fn: () => Promise<void>): void };
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

export class Child implements AsyncDisposable {
  readonly name: string;
  /** Resolves when the process has ended and its output is complete. Rejects when it could not be started. */
  readonly exited: Promise<ChildExit>;
  stdout = '';
  stderr = '';
  /** Both streams in order of arrival; what `waitForOutput` looks at. */
  output = '';
  readonly #process: ChildProcess;
  readonly #grace: number;
  readonly #watchers = new Set<() => void>();
  #exit: ChildExit | undefined;
  #failure: Error | undefined;

  constructor(command: string, args: readonly string[], options: ChildOptions) {
    this.name = options.name ?? command;
    this.#grace = options.grace ?? 2000;
    const child = spawn(command, args, { cwd: options.cwd, env: { ...process.env, ...options.env } });
    this.#process = child;
    living.add(child);
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#collect('stdout', text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#collect('stderr', text));
    child.stdin.on('error', () => {}); // the child is gone: `exited` tells so
    this.exited = new Promise((resolve, reject) => {
      child.on('error', (error) => {
        if (child.pid !== undefined) return; // a signal that could not be sent; the child still runs
        living.delete(child);
        this.#failure = new Error(`${this.name} could not be started: ${error.message}`, { cause: error });
        reject(this.#failure);
        this.#wake();
      });
      child.on('exit', () => living.delete(child));
      child.on('close', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
        this.#wake();
      });
    });
    this.exited.catch(() => {}); // seen through waitForOutput as well
    options.t?.after(() => this.stop());
  }

  /** The process id; throws when the process could not be started. */
  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw this.#failure ?? new Error(`${this.name} could not be started`);
    return pid;
  }

  get running(): boolean {
    return living.has(this.#process);
  }

  /** Waits until the output so far, from `from` on, matches. Rejects with all output on time-out and on the child's end. */
  async waitForOutput(pattern: RegExp, timeout = 10_000, from = 0): Promise<RegExpExecArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const fail = (why: string): void =>
      reject(new Error(`${this.name} ${why} while waiting for ${pattern}; its output:\n${this.output}`));
    const look = (): void => {
      const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(this.output.slice(from));
      if (match) resolve(match);
      else if (this.#failure) reject(this.#failure);
      else if (this.#exit) fail(`ended (code ${this.#exit.code}, signal ${this.#exit.signal})`);
    };
    const timer = setTimeout(() => fail(`said nothing more for ${timeout} ms`), timeout);
    this.#watchers.add(look);
    try {
      look();
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(look);
    }
  }

  /** Writes to the child's standard input. */
  write(text: string): void {
    this.#process.stdin?.write(text);
  }

  /** Closes the child's standard input. */
  endInput(): void {
    this.#process.stdin?.end();
  }

  /** Sends a signal to the pid. False when the process has ended. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): boolean {
    return this.running && this.#process.kill(signal);
  }

  /** SIGTERM, then SIGKILL after the grace time; resolves when the process has ended. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.kill('SIGTERM');
    this.kill('SIGCONT'); // a stopped process does not see SIGTERM
    const timer = setTimeout(() => this.kill('SIGKILL'), this.#grace);
    // 'exit' and not 'close': a grandchild that keeps the pipe open must not hold the test
    await new Promise<void>((resolve) => {
      if (!this.running) resolve();
      else this.#process.once('exit', () => resolve());
    });
    clearTimeout(timer);
    this.#process.stdout?.destroy();
    this.#process.stderr?.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #collect(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    this.output += text;
    this.#wake();
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

/** `await using child = startChild(requirePeer('erl'), ['-noshell', ...])` */
export function startChild(command: string, args: readonly string[] = [], options: ChildOptions = {}): Child {
  return new Child(command, args, options);
}

/** A TypeScript or JavaScript file in a Node process of its own, of the same version as the test. */
export function startNode(file: string, args: readonly string[] = [], options: ChildOptions = {}): Child {
  return startChild(process.execPath, [file, ...args], { name: file, ...options });
}
