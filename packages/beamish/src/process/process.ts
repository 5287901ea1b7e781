import { BeamishError } from '../error/index.ts';
import type { Contract } from '../schema/index.ts';
import { Tuple, atom } from '../term/index.ts';
import type { Pid, Reference, Term } from '../term/index.ts';
import type { Logger, SleepOptions, Timer, World } from '../world/index.ts';
import type { ProcessBehaviour, ProcessContext, ProcessInfo } from './behaviour.ts';
import type { CallOptions } from './calls.ts';
import { reportCrash } from './crash-report.ts';
import { ExitMessage, isForSuspended } from './exit-message.ts';
import type { Item } from './exit-message.ts';
import { Links } from './links.ts';
import { Mailbox } from './mailbox.ts';
import { OwnTimers } from './own-timers.ts';
import { KILL, KILLED, NORMAL } from './reason.ts';
import type { Kernel } from './kernel.ts';
import { NumberMap } from './number-map.ts';
import type { Entry } from './references.ts';
import type { RemoteWatch } from './remote-watches.ts';
import type { Runtime } from './runtime.ts';
import type { Runnable } from './scheduler.ts';
import type { ServerRef } from './server-ref.ts';
import type { InternalSpawnOptions, StartFailure } from './spawn-options.ts';
import { isThenable } from './thenable.ts';
import type { Via } from './via.ts';
import type { Destination, NamedProcess } from './signal.ts';

const INIT = atom('init');

type State = 'starting' | 'idle' | 'running' | 'terminating' | 'ended';

/** One process: its mailbox and its life. Names, references and routing are the runtime's. */
export class Process implements ProcessContext, Runnable {
  readonly pid: Pid;
  readonly runtime: Runtime;
  readonly label: string | undefined;
  readonly root: boolean;
  name: string | undefined;
  parent: Pid | undefined;
  readonly links: Links;
  /** Who is told of the end: numbers of this node's references, and watchers of other nodes by their own keys. */
  readonly watchers = new NumberMap<RemoteWatch | undefined>();
  /** Numbers of the references that are this process's: its monitors and calls. */
  readonly owned = new NumberMap<Entry>();
  /** Called at its end, before anybody is told. */
  endings: Set<() => void> | undefined;
  readonly #kernel: Kernel;
  readonly #behaviour: ProcessBehaviour;
  readonly #mailbox = new Mailbox<Item>();
  readonly #timers = new OwnTimers();
  /** Linked from the start; when the start fails it is told by that alone, not by an exit signal too. */
  readonly #starter: Pid | undefined;
  /** Whether other nodes reach it. */
  readonly remote: boolean;
  /** `init` waits for it: the process gets its name. */
  naming: Promise<void> | undefined;
  #onStarted: ((failure: StartFailure | undefined) => void) | undefined;
  #state: State = 'starting';
  #queued = false;
  /** Messages that the scheduler counts as its backlog: those that wait while this process is ready. */
  #counted = 0;
  #trapExit: boolean;
  #exiting: { readonly reason: Term } | undefined;
  #handled = 0;
  #current: Item;
  /** While it is suspended: the messages that wait for `resume`, in their order. */
  #held: Item[] | undefined;
  #logger: Logger | undefined;
  #abort: AbortController | undefined;

  constructor(pid: Pid, runtime: Runtime, kernel: Kernel, behaviour: ProcessBehaviour, options: InternalSpawnOptions) {
    this.pid = pid;
    this.runtime = runtime;
    this.label = options.label;
    this.name = options.name;
    this.parent = options.parent;
    this.root = options.root ?? false;
    this.remote = options.remote ?? true;
    this.#kernel = kernel;
    this.#behaviour = behaviour;
    this.#trapExit = options.trapExit ?? false;
    this.#onStarted = options.onStarted;
    this.#starter = options.link;
    this.links = new Links(this, kernel);
    this.#wake();
  }

  get world(): World {
    return this.runtime.world;
  }

  get logger(): Logger {
    return (this.#logger ??= this.runtime.logger.child({
      pid: this.pid.toString(),
      ...(this.name === undefined ? {} : { name: this.name }),
    }));
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.ended) this.#abort.abort(this.#endedError());
    }
    return this.#abort.signal;
  }

  get ended(): boolean {
    return this.#state === 'ended';
  }

  get trappingExits(): boolean {
    return this.#trapExit;
  }

  /** Messages in the mailbox. */
  get waiting(): number {
    return this.#mailbox.length + (this.#held?.length ?? 0);
  }

  info(): ProcessInfo {
    return {
      pid: this.pid,
      name: this.name,
      label: this.label,
      parent: this.parent,
      state: this.#state === 'ended' ? 'terminating' : this.#state,
      mailbox: this.waiting,
      handled: this.#handled,
      links: this.links.pids(),
      watchers: this.watchers.size,
      trappingExits: this.#trapExit,
    };
  }

  // --- what others do to it ---

  /** A message arrives. Replies to its calls are taken out here; they never reach the mailbox. */
  receive(message: Term): void {
    if (this.#state === 'ended') return;
    if (message instanceof Tuple && message.elements.length === 2) {
      if (this.#kernel.takeReply(message.elements[0], message.elements[1])) return;
    }
    this.#mailbox.push(message);
    this.#wake();
  }

  /** A message of another node arrives. */
  receiveFrom(node: string | undefined, message: Term): void {
    this.#behaviour.arriving?.(message, node);
    this.receive(message);
  }

  /** Before all other messages: what OTP's `{continue, Term}` needs. */
  receiveFirst(message: Term): void {
    if (this.#state === 'ended') return;
    this.#mailbox.unshift(message);
    this.#wake();
  }

  /**
   * An exit signal arrives (Erlang reference manual, "Processes: Receiving Exit Signals"): `kill` from exit/2 ends it
   * always; a trapping process gets a message; `normal` from others is ignored; else it ends with that reason.
   *
   * One thing is added to OTP: an exit from the parent, or from code that is no process, runs `terminate` also when exits are
   * not trapped, for whoever writes `terminate` means it to run.
   */
  receiveExit(from: Pid, reason: Term, byLink: boolean): void {
    if (this.#state === 'ended' || this.root) return;
    if (!byLink && reason === KILL) {
      this.finish(KILLED);
      return;
    }
    if (!this.#trapExit && reason === NORMAL && !from.equals(this.pid)) return;
    const byParent = this.parent?.equals(from) === true;
    if (byParent || (!this.#trapExit && this.#kernel.isRoot(from))) this.receiveOrder(from, reason);
    else if (this.#trapExit) this.#receiveExitMessage(from, reason, false);
    else this.finish(reason);
  }

  /** It is to end, trapping or not: at once, or through `terminate` when the messages before are handled. */
  receiveOrder(from: Pid, reason: Term): void {
    if (this.#state === 'ended' || this.root) return;
    if (this.#trapExit || this.#behaviour.terminate !== undefined) this.#receiveExitMessage(from, reason, true);
    else this.finish(reason);
  }

  #receiveExitMessage(from: Pid, reason: Term, order: boolean): void {
    this.#mailbox.push(new ExitMessage(from, reason, order));
    this.#wake();
  }

  // --- running ---

  get suspended(): boolean {
    return this.#held !== undefined;
  }

  /** OTP sys:suspend/1: from here on only system messages and the parent's order to shut down are handled. */
  suspend(): void {
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const item of held.toReversed()) this.#mailbox.unshift(item);
  }

  #wake(): void {
    if (this.#state === 'running' || this.#state === 'terminating') return;
    this.#count(this.#mailbox.length);
    if (this.#queued) return;
    this.#queued = true;
    this.#kernel.scheduler.enqueue(this);
  }

  #count(waiting: number): void {
    this.#kernel.scheduler.backlog += waiting - this.#counted;
    this.#counted = waiting;
  }

  run(limit: number): number {
    this.#queued = false;
    this.#count(0);
    if (this.#state === 'starting') {
      this.#begin();
      return 1;
    }
    let handled = 0;
    while (this.#state === 'idle' && this.#mailbox.length > 0 && handled < limit) {
      handled++;
      this.#handled++;
      this.#state = 'running';
      const item = this.#mailbox.shift();
      if (this.#held !== undefined && !isForSuspended(item)) {
        this.#held.push(item);
        this.#state = 'idle';
        continue;
      }
      this.#current = item;
      let result: unknown;
      try {
        result = item instanceof ExitMessage ? this.#handleExit(item) : this.#behaviour.handle(item, this);
      } catch (error) {
        this.#crash(error);
        return handled;
      } finally {
        this.#kernel.scheduler.watch.handled(this, item);
      }
      if (isThenable(result)) {
        result.then(this.#settled, this.#crash);
        return handled;
      }
      this.#settle();
    }
    if (this.#state === 'idle' && this.#mailbox.length > 0) this.#wake();
    return handled;
  }

  #handleExit(exit: ExitMessage): void | Promise<void> {
    if (exit.order) {
      this.#exiting ??= { reason: exit.reason };
      return undefined;
    }
    if (this.#behaviour.exit !== undefined) return this.#behaviour.exit(exit.from, exit.reason, this);
    return this.#behaviour.handle(exit.toTerm(), this);
  }

  /** After a handler: ends if it asked to. */
  #settle(): void {
    if (this.#state !== 'running') return;
    this.#current = undefined;
    if (this.#exiting === undefined) this.#state = 'idle';
    else this.#terminate(this.#exiting.reason);
  }

  readonly #settled = (): void => {
    this.#settle();
    if (this.#state === 'idle' && this.#mailbox.length > 0) this.#wake();
  };

  #begin(): void {
    this.#state = 'running';
    if (this.naming === undefined) this.#init();
    else this.naming.then(() => this.#state === 'running' && this.#init(), this.#failStart);
    this.naming = undefined;
  }

  #init(): void {
    let result: unknown;
    try {
      result = this.#behaviour.init?.(this);
    } catch (error) {
      this.#failStart(error);
      return;
    } finally {
      this.#kernel.scheduler.watch.handled(this, INIT);
    }
    if (isThenable(result)) result.then(this.#started, this.#failStart);
    else this.#started();
  }

  readonly #started = (): void => {
    if (this.#state !== 'running') return;
    if (this.#exiting !== undefined) {
      // OTP `{stop, Reason}` from init: terminate is not called
      this.finish(this.#exiting.reason);
      return;
    }
    const tell = this.#onStarted;
    this.#onStarted = undefined;
    this.#settled();
    tell?.(undefined);
  };

  readonly #failStart = (error: unknown): void => {
    if (this.#state !== 'running') return;
    const reason = this.#kernel.reasonFor(error);
    const tell = this.#onStarted;
    if (tell === undefined) reportCrash(this, this.#current, reason, error);
    this.finish(reason, error);
  };

  readonly #crash = (error: unknown): void => {
    if (this.#state !== 'running') return;
    const reason = this.#kernel.reasonFor(error);
    reportCrash(this, this.#current, reason, error);
    this.#terminate(reason);
  };

  #terminate(reason: Term): void {
    this.#state = 'terminating';
    if (this.#behaviour.terminate === undefined) {
      this.finish(reason);
      return;
    }
    const failed = (error: unknown): void => {
      if (this.ended) return;
      const worse = this.#kernel.reasonFor(error);
      reportCrash(this, this.#current, worse, error);
      this.finish(worse, error);
    };
    try {
      const result: unknown = this.#behaviour.terminate(reason, this);
      if (isThenable(result)) result.then(() => this.finish(reason), failed);
      else this.finish(reason);
    } catch (error) {
      failed(error);
    }
  }

  /** The end, at once: everything it had is released, then links and watchers are told. */
  finish(reason: Term, error?: unknown): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#count(0);
    this.#mailbox.clear();
    this.#held = undefined;
    this.#current = undefined;
    this.#timers.cancelAll();
    if (this.#onStarted !== undefined && this.#starter !== undefined) this.links.unlink(this.#starter);
    this.#kernel.ended(this, reason);
    const tell = this.#onStarted;
    this.#onStarted = undefined;
    tell?.({ reason, error });
    this.#abort?.abort(this.#endedError());
  }

  #endedError(): BeamishError {
    return new BeamishError('aborted', `process ${this.name ?? this.pid.toString()} has ended`);
  }

  // --- what it can do (ProcessContext) ---

  send(to: Destination | string | Via, message: Term): void {
    if (!this.ended) this.#kernel.send(to, message, this);
  }

  cast(to: Destination | string | Via, request: Term): void {
    if (!this.ended) this.#kernel.cast(to, request, this);
  }

  call(to: Destination | string | Via, request: Term, options: CallOptions = {}): Promise<Term> {
    if (this.ended) return Promise.reject(this.#endedError());
    return this.#kernel.call(to, request, options, this);
  }

  ref<C>(to: Destination | string | Via, contract?: Contract): ServerRef<C> {
    return this.#kernel.ref<C>(to, this, contract);
  }

  link(pid: Pid): void {
    if (!this.ended) this.links.link(pid);
  }

  unlink(pid: Pid): void {
    if (!this.ended) this.links.unlink(pid);
  }

  monitor(to: Pid | NamedProcess | string | Via): Reference {
    return this.#kernel.monitorBy(this, to);
  }

  demonitor(reference: Reference, options: { readonly flush?: boolean } = {}): void {
    this.#kernel.demonitor(reference, this);
    if (options.flush !== true) return;
    const isDown = (item: Item): boolean =>
      item instanceof Tuple && item.elements.length === 5 && reference.equals(item.elements[1]);
    if (!this.#mailbox.removeFirst(isDown)) this.#held = this.#held?.filter((item) => !isDown(item));
  }

  exitProcess(pid: Pid, reason: Term): void {
    if (!this.ended) this.#kernel.exit(this.pid, pid, reason);
  }

  exit(reason: Term): void {
    if (this.#state === 'idle') this.#terminate(reason);
    else if (this.#state === 'starting') this.finish(reason);
    else this.#exiting ??= { reason };
  }

  trapExit(flag: boolean): void {
    this.#trapExit = flag;
  }

  setTimer(delay: number, message: Term): Timer {
    return this.sendAfter(delay, this.pid, message);
  }

  sendAfter(delay: number, to: Destination | string | Via, message: Term): Timer {
    if (this.ended) return { cancel() {} };
    return this.#timers.set(this.world.clock, delay, () => this.send(to, message));
  }

  sleep(delay: number, options: SleepOptions = {}): Promise<void> {
    const signal = options.signal === undefined ? this.signal : AbortSignal.any([this.signal, options.signal]);
    return this.world.clock.sleep(delay, { signal });
  }
}
