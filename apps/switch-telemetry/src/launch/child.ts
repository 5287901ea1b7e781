/** A child of the launcher: started, watched, started again when it dies, ended when told. */
import { type ChildProcess, spawn } from 'node:child_process';
import { isReadyMessage, type ReadyMessage } from '../child-protocol.ts';
import { LogFile } from './log-file.ts';

export interface ChildSpec {
  /** As in the table and in the name of its log. */
  readonly name: string;
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  readonly log: string;
  /** Lines that the operator should see. */
  readonly say: (line: string) => void;
  /** Each time it is ready: its first life and every other. */
  readonly onReady: (child: Child) => void;
}

/** ms between two lines about a child that is not ready yet. */
const patience = 4000;

/** ms: the delay before a restart doubles from the one to the other, and begins anew after a life of `steady`. */
const backoff = { first: 300, last: 10_000, steady: 30_000 };

export class Child {
  readonly spec: ChildSpec;
  /** Set while it is ready. */
  ready: ReadyMessage | undefined;
  #process: ChildProcess | undefined;
  readonly #log: LogFile;
  #delay = backoff.first;
  #timer: NodeJS.Timeout | undefined;
  #ending = false;
  #lastWords: string[] = [];
  /** Of this life. */
  #lastWarning: string | undefined;

  constructor(spec: ChildSpec) {
    this.spec = spec;
    this.#log = new LogFile(spec.log, spec.say);
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts it for the first time. Rejects with its last words when it ends before it is ready, or takes too long. */
  start(timeout: number): Promise<ReadyMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<ReadyMessage>();
    const timer = setTimeout(
      () => reject(new Error(`${this.spec.name} was not ready within ${timeout / 1000} s; its log: ${this.spec.log}`)),
      timeout,
    );
    const waiting = setInterval(() => {
      const why = this.#lastWarning === undefined ? '' : `: ${this.#lastWarning}`;
      this.spec.say(`${this.spec.name} is not ready yet${why}`);
    }, patience);
    this.#spawn(resolve, (code) =>
      reject(new Error(this.#lastWords.slice(-20).join('\n').trim() || `${this.spec.name} ended with code ${code}`)),
    );
    return promise.finally(() => {
      clearTimeout(timer);
      clearInterval(waiting);
    });
  }

  #spawn(onReady: (message: ReadyMessage) => void, onEarlyEnd?: (code: number | null) => void): void {
    const { name, file, env, say } = this.spec;
    if (this.#ending) return;
    const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#process = child;
    this.#lastWords = [];
    this.#lastWarning = undefined;
    const began = performance.now();
    let early = onEarlyEnd;
    child.on('message', (message) => {
      if (!isReadyMessage(message)) return;
      this.ready = message;
      early = undefined;
      onReady(message);
      this.spec.onReady(this);
    });
    for (const stream of [child.stdout, child.stderr]) if (stream) this.#collect(stream);
    child.on('error', (error) => say(`${name}: ${error.message}`));
    child.on('close', (code, signal) => {
      if (this.#process !== child) return;
      const why = this.ready === undefined ? (this.#lastWords.findLast((line) => line.trim() !== '') ?? '') : '';
      this.#process = undefined;
      this.ready = undefined;
      if (this.#ending) return;
      if (early !== undefined) return early(code);
      if (performance.now() - began > backoff.steady) this.#delay = backoff.first;
      const how = `${signal ?? `code ${code}`}${why === '' ? '' : `: ${why}`}`;
      say(`${name} (pid ${child.pid}) has ended (${how}): starting it again in ${this.#delay / 1000} s`);
      this.#timer = setTimeout(() => {
        this.#spawn(({ address }) => say(`${name} is back (pid ${this.pid}, ${address})`));
      }, this.#delay);
      this.#delay = Math.min(this.#delay * 2, backoff.last);
    });
  }

  /** To the log, and what is a warning or worse, or no log line at all, to the operator as well. */
  #collect(stream: NodeJS.ReadableStream): void {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      this.#log.write(text);
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#line(line);
    });
    stream.on('end', () => {
      if (rest !== '') this.#line(rest);
    });
  }

  #line(line: string): void {
    const { name, say } = this.spec;
    let entry: { level?: unknown; msg?: unknown; error?: unknown; err?: { message?: unknown } } | undefined;
    try {
      if (line.startsWith('{')) entry = JSON.parse(line) as typeof entry;
    } catch {
      // a line of something else
    }
    if (typeof entry?.level !== 'number') {
      this.#lastWords.push(line);
      if (this.#lastWords.length > 50) this.#lastWords.shift();
      if (this.ready !== undefined && line !== '') say(`${name}: ${line}`);
      return;
    }
    if (entry.level < 40) return;
    const detail = entry.error ?? entry.err?.message;
    const told = `${String(entry.msg)}${typeof detail === 'string' && detail !== '' ? ` (${detail})` : ''}`;
    this.#lastWarning = told;
    // Until it is ready a warning is about the others, who are starting as well: told when it takes long.
    if (this.ready === undefined && entry.level < 50) return;
    say(`${name}: ${entry.level >= 50 ? 'error' : 'warning'}: ${told}`);
  }

  /** SIGTERM, then SIGKILL after `limit` ms; never started again. Resolves when it has ended. */
  async end(limit: number): Promise<void> {
    this.#ending = true;
    clearTimeout(this.#timer);
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.spec.say(`${this.spec.name}: had not ended after ${limit} ms and is killed`);
        child.kill('SIGKILL');
      }, limit);
      child.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      child.kill('SIGTERM');
    });
  }

  /** At once, for the end that was asked for twice. */
  kill(): void {
    this.#ending = true;
    clearTimeout(this.#timer);
    this.#process?.kill('SIGKILL');
  }
}
