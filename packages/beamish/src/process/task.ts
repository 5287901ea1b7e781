import { BeamishError } from '../error/index.ts';
import type { Pid } from '../term/index.ts';
import type { ProcessBehaviour, ProcessContext } from './behaviour.ts';
import { DEFAULT_CALL_TIMEOUT } from './calls.ts';
import type { CallOptions } from './calls.ts';
import type { DynamicSupervisorRef } from './dynamic-supervisor.ts';
import { KILL, NORMAL, SHUTDOWN, reasonText } from './reason.ts';
import type { Runtime } from './runtime.ts';
import type { ChildSpec } from './supervisor-spec.ts';
import { checkStreamOptions, taskStream } from './task-stream.ts';
import type { AsyncTaskOptions, SuperviseOptions, TaskOutcome, TaskStreamOptions, TaskWork } from './task-types.ts';

/** Runs the work in `init`, so that exit signals reach it while it works. */
class Work<T> implements ProcessBehaviour {
  readonly #work: TaskWork<T>;
  result: { readonly value: T } | undefined;
  error: unknown;

  constructor(work: TaskWork<T>) {
    this.#work = work;
  }

  async init(self: ProcessContext): Promise<void> {
    try {
      this.result = { value: await this.#work(self) };
    } catch (error) {
      this.error = error;
      throw error;
    }
    self.exit(NORMAL);
  }

  handle(): void {}
}

/**
 * One piece of work in a process of its own, and its typed result (Elixir `Task`).
 *
 * ```ts
 * const task = Task.async(this.process, async (self) => fetchAll(url, { signal: self.signal }));
 * const pages = await task.await({ timeout: 10_000 });
 * ```
 */
export class Task<T> {
  readonly #runtime: Runtime;
  readonly #work: Work<T>;
  readonly #title: string;
  /** Whether it lives for its owner only, and so ends with a wait that was given up. */
  readonly #owned: boolean;
  readonly #waiting = new Set<() => void>();
  #pid: Pid | undefined;
  /** Whom it is linked with, besides a supervisor. */
  #linked: Pid | undefined;
  #outcome: TaskOutcome<T> | undefined;

  private constructor(runtime: Runtime, work: TaskWork<T>, title: string, owned: boolean) {
    this.#runtime = runtime;
    this.#work = new Work(work);
    this.#title = title;
    this.#owned = owned;
  }

  /**
   * Starts the work (Elixir `Task.async/1`). Of a process: linked with it, so that a crash of either ends both; of a runtime
   * (code that is no process): not linked, a crash reaches whoever awaits.
   * @throws BeamishError `closed`
   */
  static async<T>(owner: ProcessContext | Runtime, work: TaskWork<T>, options: AsyncTaskOptions = {}): Task<T> {
    const { label = 'Task', link = true } = options;
    const self = 'runtime' in owner ? owner : undefined;
    const runtime = self === undefined ? (owner as Runtime) : self.runtime;
    const task = new Task(runtime, work, label, link);
    if (self !== undefined && link) task.#linked = self.pid;
    task.#start(label, task.#linked === undefined ? {} : { link: task.#linked });
    return task;
  }

  /**
   * Works on many items, a few at a time, and gives the outcomes (Elixir `Task.async_stream/3`; of a runtime, or with
   * `link: false`, `Task.Supervisor.async_stream_nolink/4`). Lazy: it starts no more than `maxConcurrency` ahead of who reads. Leaving the
   * loop ends the tasks that run, and closes the items. What the items throw is thrown to the reader.
   *
   * ```ts
   * for await (const page of Task.asyncStream(this.process, urls, (url, self) => get(url, self.signal), { maxConcurrency: 4 })) {
   *   if (page.status === 'ok') this.#add(page.value);
   * }
   * ```
   * @throws BeamishError `option_invalid`
   */
  static asyncStream<I, T>(
    owner: ProcessContext | Runtime,
    items: Iterable<I> | AsyncIterable<I>,
    work: (item: I, self: ProcessContext) => T | Promise<T>,
    options: TaskStreamOptions = {},
  ): AsyncGenerator<TaskOutcome<T>, void, undefined> {
    const settings = checkStreamOptions(options);
    const { label = 'Task', link = true } = options;
    const self = 'runtime' in owner ? owner : undefined;
    const { clock } = owner.world;
    const start = (item: I): Task<T> => Task.async(owner, (context) => work(item, context), { label, link });
    const signals = [self?.signal, options.signal].filter((signal) => signal !== undefined);
    return taskStream(clock, items, start, settings, AbortSignal.any(signals));
  }

  /**
   * Starts the work below a supervisor, which waits for it when it shuts down (Elixir `Task.Supervisor.async_nolink/2`; with
   * `link` `async/2`; without awaiting it `start_child/2`). It is `temporary`: never restarted.
   */
  static async supervise<T>(
    supervisor: DynamicSupervisorRef,
    work: TaskWork<T>,
    options: SuperviseOptions = {},
  ): Promise<Task<T>> {
    const { label = 'Task', link, shutdown } = options;
    let task: Task<T> | undefined;
    await supervisor.startChild({
      id: label,
      restart: 'temporary',
      ...(shutdown === undefined ? {} : { shutdown }),
      start: async (runtime, context) => {
        task = new Task(runtime, work, label, link !== undefined);
        const pid = task.#start(label, { link: context.supervisor, parent: context.supervisor });
        task.#linked = link?.pid;
        link?.link(pid);
        return await Promise.resolve(pid);
      },
    });
    return task as Task<T>;
  }

  /**
   * The child specification of work that a supervisor starts (Elixir `{Task, fun}`).
   * @param options.restart `transient` repeats it when it crashes. Default `temporary`.
   */
  static child(id: string, work: TaskWork<unknown>, options: Pick<ChildSpec, 'restart' | 'shutdown'> = {}): ChildSpec {
    return {
      id,
      restart: 'temporary',
      ...options,
      start: async (runtime, { supervisor }) =>
        await Promise.resolve(runtime.spawn(new Work(work), { label: id, link: supervisor, parent: supervisor })),
    };
  }

  get pid(): Pid {
    return this.#pid as Pid;
  }

  /**
   * The result. A wait that times out or is aborted ends the task, unless it is supervised without a link: then it goes on
   * (as in Elixir, where the caller exits and takes along what is linked).
   * @throws BeamishError `process_exited` with the task's error as `cause` and its reason in `details.reason`; `timeout`
   * (default 5000 ms); `aborted`
   */
  async await(options: CallOptions = {}): Promise<T> {
    const { timeout = DEFAULT_CALL_TIMEOUT, signal } = options;
    const outcome = await this.#wait(timeout, signal);
    if (outcome?.status === 'ok') return outcome.value;
    if (outcome !== undefined) {
      const { reason, error } = outcome;
      throw new BeamishError('process_exited', `task ${this.#title} ended without a result: ${reasonText(reason)}`, {
        details: { reason },
        ...(error === undefined ? {} : { cause: error }),
      });
    }
    if (this.#owned) this.#runtime.exit(this.pid, KILL);
    if (signal?.aborted === true)
      throw new BeamishError('aborted', `task ${this.#title}: the wait was given up`, { cause: signal.reason });
    throw new BeamishError('timeout', `task ${this.#title}: no result within ${timeout} ms`, {
      retryable: !this.#owned,
    });
  }

  /** How it ended, or undefined when it has not within the time; the task goes on (Elixir `Task.yield/2`). */
  yield(options: CallOptions = {}): Promise<TaskOutcome<T> | undefined> {
    return this.#wait(options.timeout ?? DEFAULT_CALL_TIMEOUT, options.signal);
  }

  /**
   * Unlinks the task, ends it and waits for that; a result that was there already is not lost (Elixir `Task.shutdown/2`).
   * @param options.timeout milliseconds until it is killed (default 5000), or `brutalKill`
   */
  async shutdown(options: { readonly timeout?: number | 'brutalKill' } = {}): Promise<TaskOutcome<T>> {
    const { timeout = DEFAULT_CALL_TIMEOUT } = options;
    if (this.#linked !== undefined) this.#runtime.unlink(this.#linked, this.pid);
    this.#runtime.exit(this.pid, timeout === 'brutalKill' ? KILL : SHUTDOWN);
    const outcome = await this.#wait(timeout === 'brutalKill' ? Infinity : timeout, undefined);
    if (outcome !== undefined) return outcome;
    this.#runtime.exit(this.pid, KILL);
    return (await this.#wait(Infinity, undefined)) as TaskOutcome<T>;
  }

  #start(label: string, options: { readonly link?: Pid; readonly parent?: Pid }): Pid {
    const { pid } = this.#runtime.spawn(this.#work, { label, ...options });
    this.#pid = pid;
    this.#runtime.monitor(pid, (reason) => {
      const { result, error } = this.#work;
      this.#outcome =
        result !== undefined && reason === NORMAL
          ? { status: 'ok', value: result.value }
          : { status: 'exit', reason, error };
      for (const tell of [...this.#waiting]) tell();
    });
    return pid;
  }

  #wait(timeout: number, signal: AbortSignal | undefined): Promise<TaskOutcome<T> | undefined> {
    if (!(timeout >= 0)) {
      return Promise.reject(
        new BeamishError('option_invalid', `timeout is ${timeout}: give milliseconds from 0 up, or Infinity`),
      );
    }
    if (this.#outcome !== undefined || signal?.aborted === true) return Promise.resolve(this.#outcome);
    return new Promise((resolve) => {
      const done = (): void => {
        timer?.cancel();
        signal?.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve(this.#outcome);
      };
      const timer = timeout === Infinity ? undefined : this.#runtime.world.clock.setTimer(timeout, done);
      signal?.addEventListener('abort', done, { once: true });
      this.#waiting.add(done);
    });
  }
}
