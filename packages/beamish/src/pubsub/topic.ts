import type { Term } from '../term/index.ts';
import { ListenerSubscription } from './subscription.ts';
import type { QueuedSubscription, Subscription, SubscriptionHost } from './subscription.ts';

/** They stay as they are when a listener that is called from them subscribes or cancels. */
interface Lists {
  readonly listeners: readonly ListenerSubscription[];
  readonly streams: readonly QueuedSubscription[];
  /** What the smallest queue of a listener holds. */
  readonly room: number;
}

/** A message, and those who were there when it came. */
interface Waiting {
  readonly message: Term;
  readonly listeners: readonly ListenerSubscription[];
}

/**
 * The subscriptions of one topic. A message that is broadcast here waits for the next turn once for all listeners, not in the queue
 * of each: with a thousand of them those queues would cost more than the rest of the broadcast.
 */
export class Topic {
  readonly #host: SubscriptionHost;
  readonly #subscriptions = new Set<QueuedSubscription>();
  #lists: Lists | undefined;
  #waiting: Waiting[] = [];
  #calling = false;

  constructor(host: SubscriptionHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#subscriptions.size;
  }

  /** In order of their start. */
  get subscriptions(): readonly QueuedSubscription[] {
    return [...this.#subscriptions];
  }

  add(subscription: QueuedSubscription): void {
    this.#subscriptions.add(subscription);
    this.#lists = undefined;
  }

  delete(subscription: QueuedSubscription): void {
    this.#subscriptions.delete(subscription);
    this.#lists = undefined;
  }

  /** A message of this node: a broadcaster must not run listeners inside its own call. */
  broadcast(message: Term, except: Subscription | undefined): void {
    const { listeners, streams } = (this.#lists ??= this.#list());
    for (const stream of streams) if (stream !== except) stream.offer(message);
    this.#wait(message, except === undefined ? listeners : listeners.filter((each) => each !== except));
  }

  /** A message of another node: listeners may be called at once, for the stack is that of the adapter's process. */
  deliver(message: Term): void {
    const { listeners, streams } = (this.#lists ??= this.#list());
    for (const stream of streams) stream.offer(message);
    if (this.#calling || this.#waiting.length > 0) this.#wait(message, listeners);
    else this.#call(listeners, message);
  }

  #list(): Lists {
    const all = this.subscriptions;
    const listeners = all.filter((each) => each instanceof ListenerSubscription);
    return {
      listeners,
      streams: all.filter((each) => !(each instanceof ListenerSubscription)),
      room: listeners.reduce((least, { capacity }) => Math.min(least, capacity), Infinity),
    };
  }

  #wait(message: Term, listeners: readonly ListenerSubscription[]): void {
    if (listeners.length === 0) return;
    if (this.#waiting.length < (this.#lists?.room ?? 0)) {
      if (this.#waiting.push({ message, listeners }) === 1) this.#host.defer(this.#turn);
      return;
    }
    // What is too much for one queue is for each to decide.
    for (const earlier of this.#waiting.splice(0)) offerAll(earlier.listeners, earlier.message);
    offerAll(listeners, message);
  }

  readonly #turn = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { message, listeners } of waiting) this.#call(listeners, message);
  };

  /** Those who still have something to do keep it for later. */
  #call(listeners: readonly ListenerSubscription[], message: Term): void {
    this.#calling = true;
    for (let done = 0; done < listeners.length;) done = callFrom(listeners, done, message);
    this.#calling = false;
  }
}

function offerAll(listeners: readonly ListenerSubscription[], message: Term): void {
  for (const listener of listeners) listener.offer(message);
}

/**
 * One loop with nothing in it that a listener may not need. @returns how many are done: not all, when one has thrown
 */
function callFrom(listeners: readonly ListenerSubscription[], from: number, message: Term): number {
  let index = from;
  try {
    for (; index < listeners.length; index++) {
      const subscription = listeners[index]!;
      if (subscription.idle) {
        const result = subscription.listener(message, subscription.topic);
        if (result instanceof Promise) subscription.busyWith(result);
      } else subscription.offer(message);
    }
  } catch (error) {
    listeners[index]!.failed(error);
    index += 1;
  }
  return index;
}
