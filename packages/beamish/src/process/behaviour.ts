import type { Logger, SleepOptions, Timer, World } from '../world/index.ts';
import type { Callable, Contract } from '../schema/index.ts';
import type { Pid, Reference, Term } from '../term/index.ts';
import type { Runtime } from './runtime.ts';
import type { CallOptions } from './calls.ts';
import type { ServerRef } from './server-ref.ts';
import type { Destination, NamedProcess } from './signal.ts';
import type { Via } from './via.ts';

/**
 * What a raw process does with its messages. They come one at a time: an asynchronous `handle` is awaited before the next
 * message. A callback that throws ends the process, with a reason made by `reasonOf` (OTP: an uncaught exception).
 */
export interface ProcessBehaviour {
  /** Runs before the first message, in a turn of the process's own. */
  init?(self: ProcessContext): void | Promise<void>;
  handle(message: Term, self: ProcessContext): void | Promise<void>;
  /**
   * Told before a message from another node is queued: the node at the other end of the connection, whatever the message says
   * of its sender. Undefined when that is not known. It must not throw.
   */
  arriving?(message: Term, node: string | undefined): void;
  /** An exit signal, when exits are trapped. Without this method it comes to `handle` as `{'EXIT', From, Reason}`. */
  exit?(from: Pid, reason: Term, self: ProcessContext): void | Promise<void>;
  /**
   * Runs last, when the process ends by its own doing (`exit()` or a throw), or because its parent or the runtime shuts
   * it down. Not for an exit signal that is not trapped, and never for `kill`.
   */
  terminate?(reason: Term, self: ProcessContext): void | Promise<void>;
}

/** What a process can do. Valid until it ends; after that every method does nothing, or rejects. */
export interface ProcessContext {
  readonly pid: Pid;
  readonly runtime: Runtime;
  readonly world: World;
  /** Adds `pid` and `name` to every line. */
  readonly logger: Logger;
  /** Aborted when the process ends. */
  readonly signal: AbortSignal;
  /** Sends to a process, an alias, or a registered name (a string: of this node). Never fails; what nobody owns is dropped. */
  send(to: Destination | string | Via, message: Term): void;
  /** `{'$gen_cast', Request}` (OTP `gen_server:cast/2`). */
  cast(to: Destination | string | Via, request: Term): void;
  /** As `Runtime.call`, in the name of this process. Rejects with `aborted` when this process ends first. */
  call(to: Destination | string | Via, request: Term, options?: CallOptions): Promise<Term>;
  /** As `Runtime.ref`, with calls in the name of this process. */
  ref<C>(to: Destination | string | Via): ServerRef<C>;
  ref<const K extends Contract>(to: Destination | string | Via, contract: K): ServerRef<Callable<K>>;
  /** OTP `link/1`: a process that does not exist answers with the exit signal `noproc`. */
  link(pid: Pid): void;
  /** OTP `unlink/1`: once it returns, no exit signal of that link will be delivered. */
  unlink(pid: Pid): void;
  /**
   * OTP `monitor/2`: exactly one message `{'DOWN', Reference, process, Pid | {Name, Node}, Reason}`, at once with
   * `noproc` when there is no such process, with `noconnection` when its node is out of reach.
   */
  monitor(to: Pid | NamedProcess | string | Via): Reference;
  /** @param options.flush also removes a `DOWN` that is already in the mailbox. Default false. */
  demonitor(reference: Reference, options?: { readonly flush?: boolean }): void;
  /** exit/2: asks another process to end. `kill` cannot be trapped. */
  exitProcess(pid: Pid, reason: Term): void;
  /**
   * Ends this process with `reason` once the handler that runs now has returned (its promise settled); messages behind
   * it are lost. An idle process ends at once. Unlike OTP's `exit/1` it does not throw: return after calling it.
   */
  exit(reason: Term): void;
  /** OTP `process_flag(trap_exit, Flag)`: exit signals become messages. */
  trapExit(flag: boolean): void;
  readonly trappingExits: boolean;
  /** Sends `message` to this process after `delay` milliseconds. Cancelled when the process ends. */
  setTimer(delay: number, message: Term): Timer;
  /** Sends `message` to `to` after `delay` milliseconds (OTP `erlang:send_after/3`). Cancelled when this process ends. */
  sendAfter(delay: number, to: Destination | string | Via, message: Term): Timer;
  /** Waits inside a handler; other messages wait too. Rejects with `aborted` when the process ends or the signal fires. */
  sleep(delay: number, options?: SleepOptions): Promise<void>;
}

/** How a process starts. */
export interface SpawnOptions {
  /** Registers the process. Fails with `name_taken`. */
  readonly name?: string;
  /** Registers the process under a name of something else, before `init`: `registry.via(key)`, `global.via(name)`. Fails with `name_taken`. */
  readonly via?: Via;
  /** Linked from the start, before `init`. */
  readonly link?: Pid;
  /** The process that started it: its exit signal is an order to shut down. Supervisors set this. */
  readonly parent?: Pid;
  /** @default false */
  readonly trapExit?: boolean;
  /**
   * False: to other nodes it is as if it were not there, by its name and by its pid: what they send, call, link, monitor or exit is
   * addressed to nobody. It reaches them as ever, and gets their replies. Supervisors above it want the same, for with them it ends.
   * @default true, as in OTP
   */
  readonly remote?: boolean;
  /** What people see in logs and the observer; a class name, say. */
  readonly label?: string;
}

/** What `Runtime.spawn` gives: the process as code outside any process uses it. */
export interface ProcessHandle {
  readonly pid: Pid;
  readonly alive: boolean;
  send(message: Term): void;
  /** exit/2. */
  exit(reason: Term): void;
}

/** A snapshot, for observers. */
export interface ProcessInfo {
  readonly pid: Pid;
  readonly name: string | undefined;
  readonly label: string | undefined;
  readonly parent: Pid | undefined;
  readonly state: 'starting' | 'idle' | 'running' | 'terminating';
  /** Messages waiting. */
  readonly mailbox: number;
  /** Messages handled since the start. */
  readonly handled: number;
  readonly links: readonly Pid[];
  /** How many processes and callers watch this one. */
  readonly watchers: number;
  readonly trappingExits: boolean;
}

/** A monitor of code that is no process. */
export interface Monitor {
  readonly reference: Reference;
  /** Afterwards `onDown` is not called. Idempotent. */
  cancel(): void;
}

/** An alias of code that is no process (OTP `erlang:alias/0`). */
export interface Alias {
  readonly reference: Reference;
  /** Messages to it are dropped from here on. Idempotent. */
  cancel(): void;
}
