import type { Signal } from '../../process/signal.ts';
import { Pid, Reference } from '../../term/index.ts';

/** Some process, it is not known which. */
const ANYBODY = Symbol('anybody');
/** A process that does not exist yet, and so is none of the others. */
const NOBODY = Symbol('nobody');

/** Whom a signal is for: the key of a pid, or a name, or one of the above. */
type Target = { readonly pid: string } | { readonly name: string } | typeof ANYBODY | typeof NOBODY;

/** Something that waits for its turn. @typeParam T what it is */
interface Waiting<T> {
  readonly item: T;
  readonly target: Target;
}

/**
 * The order in which signals go out while large ones do (protocols 3.5: signals from one process to another keep their order).
 * Each process that sends a large signal has a lane until it is sent. What the process sends meanwhile waits in the lane, unless
 * it is surely for another process than all that waits there; what other processes send does not wait.
 */
export class Lanes<T> {
  readonly #bySender = new Map<string, Lane<T>>();
  /** Those with something in them, served in turn. */
  readonly #lanes: Lane<T>[] = [];
  #turn = 0;

  get empty(): boolean {
    return this.#lanes.length === 0;
  }

  /** Whether the signal must wait. */
  holds(signal: Signal): boolean {
    const lane = this.#bySender.get(senderOf(signal));
    return lane !== undefined && lane.holds(targetOf(signal));
  }

  /** Puts something into the lane of the signal's sender, which opens if need be. */
  add(signal: Signal, item: T): void {
    const sender = senderOf(signal);
    let lane = this.#bySender.get(sender);
    if (lane === undefined) {
      lane = new Lane(sender);
      this.#bySender.set(sender, lane);
      this.#lanes.push(lane);
    }
    lane.add({ item, target: targetOf(signal) });
  }

  /** What is to be written now: the first of the lane whose turn it is. */
  get next(): T | undefined {
    return this.#lanes[this.#turn]?.first;
  }

  /** Something of it was written. @param done all of it: what is behind it comes next */
  written(done: boolean): void {
    const lane = this.#lanes[this.#turn];
    if (lane === undefined) return;
    if (done) lane.take();
    if (lane.first !== undefined) this.#turn += 1;
    else {
      this.#lanes.splice(this.#turn, 1);
      this.#bySender.delete(lane.sender);
    }
    if (this.#turn >= this.#lanes.length) this.#turn = 0;
  }

  clear(): void {
    this.#bySender.clear();
    this.#lanes.length = 0;
    this.#turn = 0;
  }
}

class Lane<T> {
  readonly sender: string;
  /** Undefined: it was sent. */
  #waiting: (Waiting<T> | undefined)[] = [];
  #at = 0;
  /** How many of those that wait are for a pid, for a name, for anybody. */
  readonly #pids = new Map<string, number>();
  readonly #names = new Map<string, number>();
  #anybody = 0;

  constructor(sender: string) {
    this.sender = sender;
  }

  get first(): T | undefined {
    return this.#waiting[this.#at]?.item;
  }

  /** A process has one name at most; which one a pid has is not known here. */
  holds(target: Target): boolean {
    if (target === NOBODY) return false;
    if (this.#anybody > 0 || target === ANYBODY) return true;
    return 'pid' in target
      ? this.#names.size > 0 || this.#pids.has(target.pid)
      : this.#pids.size > 0 || this.#names.has(target.name);
  }

  add(waiting: Waiting<T>): void {
    this.#waiting.push(waiting);
    this.#count(waiting.target, 1);
  }

  take(): void {
    const taken = this.#waiting[this.#at];
    if (taken === undefined) return;
    this.#count(taken.target, -1);
    // At once: it may be large, and a lane that never empties moves up seldom.
    this.#waiting[this.#at] = undefined;
    this.#at += 1;
    if (this.#at < 1024 || this.#at * 2 < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#at);
    this.#at = 0;
  }

  #count(target: Target, more: 1 | -1): void {
    if (target === ANYBODY) this.#anybody += more;
    else if (target === NOBODY) return;
    else if ('pid' in target) count(this.#pids, target.pid, more);
    else count(this.#names, target.name, more);
  }
}

function count(counts: Map<string, number>, key: string, more: number): void {
  const now = (counts.get(key) ?? 0) + more;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}

/** '' for what no process sends: the answer that there is none. */
function senderOf(signal: Signal): string {
  switch (signal.type) {
    case 'reply':
      return signal.by?.key ?? '';
    case 'monitorExit':
      return (signal.from instanceof Pid ? signal.from : signal.by)?.key ?? '';
    case 'spawnReply':
      return signal.result instanceof Pid ? signal.result.key : '';
    default:
      return signal.from?.key ?? '';
  }
}

function targetOf(signal: Signal): Target {
  if (signal.type === 'spawnRequest') return NOBODY;
  const { to } = signal;
  if (to instanceof Pid) return { pid: to.key };
  if (!(to instanceof Reference)) return { name: to.name };
  return 'owner' in signal && signal.owner !== undefined ? { pid: signal.owner.key } : ANYBODY;
}
