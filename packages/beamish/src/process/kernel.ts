import { BeamishError, isBeamishError } from '../error/index.ts';
import type { Contract } from '../schema/index.ts';
import { Pid, Reference, type Tuple, atom, isTuple, tuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { Clock, Logger } from '../world/index.ts';
import type { ProcessBehaviour } from './behaviour.ts';
import { errorReply, PendingCall } from './calls.ts';
import type { CallOptions } from './calls.ts';
import { PROCESS_EXIT } from './diagnostics.ts';
import type { ProcessExit } from './diagnostics.ts';
import { Names } from './names.ts';
import { Process } from './process.ts';
import type { InternalSpawnOptions } from './spawn-options.ts';
import { ExitWith, NOCONNECTION, NOPROC, SHUTDOWN, reasonOf } from './reason.ts';
import { References, aliasOf } from './references.ts';
import type { Entry } from './references.ts';
import { RemoteWatches } from './remote-watches.ts';
import type { Runtime } from './runtime.ts';
import { Scheduler } from './scheduler.ts';
import { makeServerRef } from './server-proxy.ts';
import type { ServerRef } from './server-ref.ts';
import type { Destination, Distribution, NamedProcess, Signal } from './signal.ts';
import { DEFAULT_BLOCKED_AFTER, TurnWatch } from './turn-watch.ts';
import { Nobody, Via } from './via.ts';

const DOWN = atom('DOWN');
const PROCESS = atom('process');
const GEN_CAST = atom('$gen_cast');
/** Pid ids have 28 bits, serials 13 (older nodes read no more). */
const ID_LIMIT = 2 ** 28;
const SERIAL_LIMIT = 2 ** 13;

/** The tables of a runtime and what its processes may do to each other. Only `process/` sees this; others see `Runtime`. */
export class Kernel {
  readonly runtime: Runtime;
  readonly scheduler: Scheduler;
  readonly references: References;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly names = new Names();
  /** By `serial * 2^28 + id`: in order of their start. */
  readonly processes = new Map<number, Process>();
  /** Who is watched under a reference of another node. */
  readonly remoteWatches = new RemoteWatches();
  readonly root: Process;
  distribution: Distribution | undefined;
  nodeName: string;
  creation: number;
  stopped = false;
  #former: { readonly node: string; readonly creation: number } | undefined;
  #lastId = 0;
  #serial = 0;
  #unlinkId = 0n;
  /** The JavaScript errors behind exit reasons, so that a local caller gets its `cause`. */
  readonly #causes = new WeakMap<object, unknown>();
  readonly #later: (() => void)[] = [];
  #delivering = false;

  constructor(runtime: Runtime, nodeName: string, creation: number) {
    this.runtime = runtime;
    this.nodeName = nodeName;
    this.creation = creation;
    this.clock = runtime.world.clock;
    this.logger = runtime.world.logger;
    this.scheduler = new Scheduler(this.clock, new TurnWatch(this.clock, this.logger, DEFAULT_BLOCKED_AFTER));
    this.references = new References(runtime.world.random.uint32());
    this.root = this.spawn({ handle() {} }, { root: true, label: 'runtime', trapExit: true });
  }

  become(nodeName: string, creation: number): void {
    this.#former = { node: this.nodeName, creation: this.creation };
    this.nodeName = nodeName;
    this.creation = creation;
  }

  // --- identities ---

  newPid(): Pid {
    this.#lastId++;
    if (this.#lastId >= ID_LIMIT) {
      this.#lastId = 1;
      this.#serial = (this.#serial + 1) % SERIAL_LIMIT;
    }
    return new Pid(this.nodeName, this.#lastId, this.#serial, this.creation);
  }

  newReference(forCall = false): Reference {
    return this.references.make(this.nodeName, this.creation, forCall);
  }

  nextUnlinkId(): bigint {
    return ++this.#unlinkId;
  }

  isHere(node: string): boolean {
    return node === this.nodeName || node === this.#former?.node;
  }

  /** False for an earlier life of this node: what carries its creation is dead (protocols 3.5). */
  #isThisLife(of: { readonly node: string; readonly creation: number }): boolean {
    if (of.node === this.nodeName && of.creation === this.creation) return true;
    return of.node === this.#former?.node && of.creation === this.#former.creation;
  }

  isRoot(pid: Pid): boolean {
    return pid.equals(this.root.pid);
  }

  find(pid: Pid): Process | undefined {
    const process = this.processes.get(pid.serial * ID_LIMIT + pid.id);
    return process !== undefined && this.#isThisLife(pid) ? process : undefined;
  }

  findHere(to: Pid | NamedProcess): Process | undefined {
    if (to instanceof Pid) return this.find(to);
    return to instanceof Nobody ? undefined : this.names.get(to.name);
  }

  /** Where a message goes: a via name is looked up now. */
  destination<T extends Destination>(to: T | string | Via): T | Pid | NamedProcess {
    if (typeof to === 'string') return { name: to, node: this.nodeName };
    return to instanceof Via ? (to.whereis() ?? new Nobody(to.title, this.nodeName)) : to;
  }

  // --- life ---

  spawn(behaviour: ProcessBehaviour, options: InternalSpawnOptions): Process {
    if (this.stopped) throw new BeamishError('closed', `node ${this.nodeName} has stopped: it starts no process`);
    if (options.name !== undefined) this.names.check(options.name);
    options.via?.check();
    const process = new Process(this.newPid(), this.runtime, this, behaviour, options);
    this.processes.set(process.pid.serial * ID_LIMIT + process.pid.id, process);
    if (options.name !== undefined) this.names.set(options.name, process);
    process.naming = options.via?.register(process.pid, process);
    // Told to who starts it, when it would begin; if it ends before, to nobody.
    process.naming?.catch(() => {});
    if (options.link !== undefined) process.link(options.link);
    return process;
  }

  register(name: string, pid: Pid): void {
    this.names.check(name);
    const process = this.find(pid);
    if (process === undefined)
      throw new BeamishError('noproc', `${pid.toString()} cannot be named ${name}: it is not alive on this node`);
    if (process.name !== undefined) {
      throw new BeamishError(
        'option_invalid',
        `${pid.toString()} is already named ${process.name}; a process has one name`,
      );
    }
    this.names.set(name, process);
  }

  /** A process has ended: it is forgotten at once; what that means to others is told in order. */
  ended(process: Process, reason: Term): void {
    this.processes.delete(process.pid.serial * ID_LIMIT + process.pid.id);
    this.names.ended(process);
    if (process.endings !== undefined) for (const callback of process.endings) callback();
    if (PROCESS_EXIT.hasSubscribers) {
      const { pid, name, label } = process;
      PROCESS_EXIT.publish({ pid, name, label, reason } satisfies ProcessExit);
    }
    for (const [number] of process.owned.entries()) {
      const entry = this.takeNumber(number);
      if (entry === undefined) continue;
      this.unwatch(entry);
      entry.abandoned?.();
    }
    this.later(() => {
      process.links.ended(reason);
      for (const [key, watcher] of process.watchers.entries()) {
        if (watcher === undefined) this.takeNumber(key)?.down?.(reason);
        else {
          this.remoteWatches.take(watcher.reference, watcher.watcher.node);
          const { target, watcher: to, reference } = watcher;
          this.route({ type: 'monitorExit', from: target, by: process.pid, to, reference, reason }, to.node);
        }
      }
      process.watchers.clear();
    });
  }

  /** One signal after the other, never one inside another: a chain of a million linked processes is no deep stack. */
  later(action: () => void): void {
    this.#later.push(action);
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let i = 0; i < this.#later.length; i++) (this.#later[i] as () => void)();
    } finally {
      this.#later.length = 0;
      this.#delivering = false;
    }
  }

  reasonFor(error: unknown): Tuple {
    const reason = error instanceof ExitWith ? error.reason : reasonOf(error, this.runtime.world.stackTraces);
    this.#causes.set(reason, error);
    return reason;
  }

  causeOf(reason: Term): unknown {
    return typeof reason === 'object' && reason !== null ? this.#causes.get(reason) : undefined;
  }

  // --- messages ---

  send(to: Destination | string | Via, message: Term, from: Process): void {
    if (typeof to === 'string') {
      this.names.get(to)?.receive(message);
      return;
    }
    if (to instanceof Via) {
      const pid = to.whereis();
      if (pid !== undefined) this.send(pid, message, from);
      return;
    }
    if (to instanceof Pid || !(to instanceof Reference)) {
      if (this.isHere(to.node)) this.findHere(to)?.receive(message);
      else this.route({ type: 'message', from: from.pid, to, message }, to.node);
      return;
    }
    if (this.isHere(to.node)) this.receiveByReference(to, message);
    else this.route({ type: 'message', from: from.pid, to, message }, to.node);
  }

  sendAll(to: readonly Pid[], message: Term, from: Process): void {
    const shared = to.length > 1 ? {} : undefined;
    let refused: BeamishError | undefined;
    for (const pid of to) {
      try {
        if (this.isHere(pid.node)) this.findHere(pid)?.receive(message);
        else this.route({ type: 'message', from: from.pid, to: pid, message, shared }, pid.node);
      } catch (error) {
        // One node has no room for it: the others get it.
        if (!isBeamishError(error, 'queue_full')) throw error;
        refused ??= error;
      }
    }
    if (refused !== undefined) throw refused;
  }

  cast(to: Destination | string | Via, request: Term, from: Process): void {
    this.send(to, tuple(GEN_CAST, request), from);
  }

  call(to: Destination | string | Via, request: Term, options: CallOptions, from: Process): Promise<Term> {
    return new Promise((resolve, reject) => {
      PendingCall.start(this, from, this.destination(to), request, options, resolve, reject);
    });
  }

  ref<C>(to: Destination | string | Via, from: Process, contract?: Contract): ServerRef<C> {
    return makeServerRef<C>(this, from, to instanceof Via ? to : this.destination(to), {}, contract);
  }

  /** @returns whether the message was a reply to a call of this runtime, in time or late; then it is no message. */
  takeReply(tag: Term, reply: Term): boolean {
    const reference = tag instanceof Reference ? tag : aliasOf(tag);
    if (reference === undefined || !this.isHere(reference.node)) return false;
    const number = this.references.numberOf(reference);
    if (number === undefined || !this.references.isForCall(reference)) return false;
    if (this.references.isLive(number, reference)) this.takeNumber(number)?.message?.(reply);
    return true;
  }

  /** The signal `reply`: only the node that was asked can answer so. */
  receiveReply(to: Reference, reply: Term, node: string): void {
    const number = this.references.numberOf(to);
    const entry = number === undefined ? undefined : this.references.get(number);
    if (entry?.replied === undefined || entry.to?.node !== node) return;
    this.takeNumber(number as number);
    entry.replied(reply);
  }

  receiveByReference(to: Reference, message: Term): void {
    const number = this.references.numberOf(to);
    if (number === undefined || !this.#isThisLife(to)) return;
    if (this.references.isForCall(to)) {
      if (isTuple(message, 2)) this.takeReply(message.at(0), message.at(1));
    } else if (this.references.isLive(number, to)) this.references.get(number)?.message?.(message);
  }

  /** Whose alias it is. */
  ownerOf(alias: Reference): Process | undefined {
    const number = this.references.numberOf(alias);
    if (number === undefined || !this.#isThisLife(alias) || this.references.isForCall(alias)) return undefined;
    const entry = this.references.isLive(number, alias) ? this.references.get(number) : undefined;
    return entry?.message === undefined ? undefined : entry.owner;
  }

  /** gen:reply/2. One that finds no room on its way is no fault of the server's: the caller's call is refused. */
  reply(from: Tuple, reply: Term, by: Process): void {
    try {
      this.#reply(from, reply, by);
    } catch (error) {
      if (!isBeamishError(error, 'queue_full')) throw error;
      this.#reply(from, errorReply(error), by);
    }
  }

  /** To the alias when the tag names one, else to the caller's pid. */
  #reply(from: Tuple, reply: Term, by: Process): void {
    const [pid, tag] = from.elements;
    const alias = aliasOf(tag);
    const to = alias ?? pid;
    // Whose connection was lost has been told so, and waits no more: no reason to dial.
    if (!(to instanceof Reference || to instanceof Pid) || !this.isConnected(to.node)) return;
    if (alias !== undefined) {
      const owner = pid instanceof Pid ? pid : undefined;
      if (this.isHere(alias.node)) this.takeReply(tag, reply);
      else if (this.remoteWatches.takeCall(alias))
        this.route({ type: 'reply', node: this.nodeName, to: alias, reply, by: by.pid, owner }, alias.node);
      else this.route({ type: 'message', from: by.pid, to: alias, message: tuple(tag, reply), owner }, alias.node);
    } else this.send(to, tuple(tag, reply), by);
  }

  // --- exits, monitors ---

  exit(from: Pid, to: Pid, reason: Term): void {
    if (this.isHere(to.node)) this.later(() => this.find(to)?.receiveExit(from, reason, false));
    else this.route({ type: 'exit', from, to, reason }, to.node);
  }

  /** Orders a process of this node to end, and calls back when it is gone; at once if it is. */
  shutDown(pid: Pid, onGone: () => void): void {
    this.runtime.monitor(pid, onGone);
    this.later(() => this.find(pid)?.receiveOrder(this.root.pid, SHUTDOWN));
  }

  /** A monitor whose `DOWN` is a message to `owner`. */
  monitorBy(owner: Process, to: Pid | NamedProcess | string | Via): Reference {
    const target = this.destination(to);
    const object = target instanceof Pid ? target : tuple(atom(target.name), atom(target.node));
    const reference = this.newReference();
    this.monitor(owner, target, reference, (reason) => owner.receive(tuple(DOWN, reference, PROCESS, object, reason)));
    return reference;
  }

  /** @param down called once; within this call if the answer is known already. */
  monitor(owner: Process, to: Pid | NamedProcess, reference: Reference, down: (reason: Term) => void): void {
    if (owner.ended) return;
    const here = this.isHere(to.node);
    const watched = here ? this.findHere(to) : undefined;
    if (here && watched === undefined) {
      down(NOPROC);
      return;
    }
    this.watch({ reference, owner, to, watched, down });
    if (here || this.route({ type: 'monitor', from: owner.pid, to, reference }, to.node)) return;
    if (this.take(reference) !== undefined) down(NOCONNECTION);
  }

  /** Puts an entry into the table, and into the table of the process that it watches. */
  watch(entry: Entry): void {
    const number = this.references.numberOf(entry.reference) as number;
    this.references.set(number, entry);
    entry.owner.owned.set(number, entry);
    entry.watched?.watchers.set(number, undefined);
  }

  /** Takes an entry out of the table; whoever gets it is the only one. */
  take(reference: Reference): Entry | undefined {
    const number = this.references.numberOf(reference);
    return number === undefined ? undefined : this.takeNumber(number);
  }

  takeNumber(number: number): Entry | undefined {
    const entry = this.references.take(number);
    entry?.owner.owned.take(number);
    return entry;
  }

  demonitor(reference: Reference, owner: Process): void {
    const number = this.references.numberOf(reference);
    if (number === undefined || this.references.get(number)?.owner !== owner) return;
    const entry = this.takeNumber(number);
    if (entry !== undefined) this.unwatch(entry);
  }

  /** Ends the watching of an entry that was taken: nothing is answered to a demonitor. */
  unwatch(entry: Entry): void {
    entry.watched?.watchers.take(this.references.numberOf(entry.reference) as number);
    if (entry.to === undefined || this.isHere(entry.to.node)) return;
    this.route({ type: 'demonitor', from: entry.owner.pid, to: entry.to, reference: entry.reference }, entry.to.node);
  }

  isConnected(node: string): boolean {
    return this.isHere(node) || (this.distribution?.isConnected?.(node) ?? true);
  }

  /** Whether the node answers calls through an alias; unknown is taken as yes, for every OTP since 24 does. */
  takesAlias(node: string): boolean {
    return this.distribution?.takesAlias?.(node) ?? true;
  }

  /** Whether a call may go to the node as one signal. */
  takesCalls(node: string): boolean {
    return this.distribution?.takesCalls?.(node) === true;
  }

  /** @returns false when there is no distribution: the node cannot be reached. */
  route(signal: Signal, node: string): boolean {
    if (this.isHere(node)) {
      // asked of this node as of any: a spawn request, its reply, the end of what it started
      this.clock.defer(() => this.runtime.receive(signal));
      return true;
    }
    if (this.distribution === undefined) return false;
    this.distribution.route(signal, node);
    return true;
  }
}
