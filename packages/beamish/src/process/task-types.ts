import type { Term } from '../term/index.ts';
import type { ProcessContext } from './behaviour.ts';

/** The work of a task. `self.signal` is aborted when its process ends: JavaScript that runs cannot be stopped otherwise. */
export type TaskWork<T> = (self: ProcessContext) => T | Promise<T>;

/** Of any task. */
export interface TaskOptions {
  /** What people see in logs. @default 'Task' */
  readonly label?: string;
}

/** Of `Task.async`. */
export interface AsyncTaskOptions extends TaskOptions {
  /** Whether a crash of the task ends its owner too, and the end of the owner the task. @default true */
  readonly link?: boolean;
}

/** Of `Task.supervise`. */
export interface SuperviseOptions extends TaskOptions {
  /** A process to link with, as Elixir's `Task.Supervisor.async`. @default none, as `async_nolink` */
  readonly link?: ProcessContext;
  /** Milliseconds for the task when its supervisor ends. @default 5000 */
  readonly shutdown?: number | 'brutalKill';
}

/** How a task ended. */
export type TaskOutcome<T> =
  | { readonly status: 'ok'; readonly value: T }
  | { readonly status: 'exit'; readonly reason: Term; readonly error: unknown };

/** Of `Task.asyncStream` (Elixir `Task.async_stream/3`). */
export interface TaskStreamOptions extends AsyncTaskOptions {
  /**
   * Items that are worked on, or are done and not yet read, at one time. Too low wastes time that is spent waiting, too high
   * floods whom the work asks. @default 8
   */
  readonly maxConcurrency?: number;
  /** Whether outcomes come in the order of the items; else as soon as they are there. @default true */
  readonly ordered?: boolean;
  /** Milliseconds for the work on each item, or Infinity. @default 5000 */
  readonly timeout?: number;
  /**
   * What a task that takes longer means: `exit` ends all and the loop throws `timeout`; `killTask` ends that one, its outcome is
   * `{ status: 'exit', reason: timeout }`. @default 'exit'
   */
  readonly onTimeout?: 'exit' | 'killTask';
  /** Ends all; the loop throws `aborted`. */
  readonly signal?: AbortSignal;
}
