import { BeamishError } from '../error/index.ts';
import type { StandardSchema } from '../schema/index.ts';
import type { Term } from '../term/index.ts';
import type { Logger } from '../world/index.ts';
import { BoundedQueue } from './bounded-queue.ts';
import type { Overflow } from './bounded-queue.ts';

/** Called with one message at a time; when it returns a promise, the next message waits for it. */
export type Listener<T = Term> = (message: T, topic: string) => void | Promise<void>;

/** Of one subscriber: what may wait for it, and what happens beyond that. */
export interface SubscribeOptions {
  /**
   * Messages that may wait, those broadcast here in one turn included. Too low drops in bursts, too high hides a
   * subscriber that does not keep up, and keeps what it missed in memory. @default 1000
   */
  readonly queue?: number;
  /** @default 'dropOldest' */
  readonly overflow?: Overflow;
  /** Told how many messages were dropped since it was told last; called before the next message, or at the disconnection. */
  readonly onDropped?: (count: number) => void;
}

/** The messages of a subscription are what the schema makes of them; one that does not fit is left out, and counted. */
export interface Guarded<S extends StandardSchema> {
  readonly schema: S;
}

/** One subscriber of a topic. */
export interface Subscription {
  readonly topic: string;
  /** Messages dropped so far. */
  readonly dropped: number;
  /** Messages waiting; what this node has broadcast in this turn may not be counted yet. */
  readonly queued: number;
  /** False after `cancel`, or after an overflow with `disconnect`. */
  readonly active: boolean;
  /** Nothing is delivered afterwards. Idempotent. */
  cancel(): void;
}

/** What the subscriptions of one PubSub share. */
export interface SubscriptionHost {
  readonly logger: Logger;
  /** Calls back in a later turn. */
  defer(callback: () => void): void;
  /** The subscription ended. */
  remove(subscription: QueuedSubscription): void;
  /** A message was dropped. */
  dropped(): void;
}

/** A queue that a consumer empties: common to listeners and streams. */
export abstract class QueuedSubscription implements Subscription {
  readonly topic: string;
  protected readonly host: SubscriptionHost;
  protected readonly queue: BoundedQueue<Term>;
  readonly #overflow: Overflow;
  readonly #onDropped: ((count: number) => void) | undefined;
  #dropped = 0;
  #untold = 0;
  #active = true;

  constructor(host: SubscriptionHost, topic: string, options: SubscribeOptions) {
    const { queue = 1000, overflow = 'dropOldest', onDropped } = options;
    if (!Number.isSafeInteger(queue) || queue < 1)
      throw new BeamishError('option_invalid', 'queue must be an integer of at least 1');
    if (!['dropOldest', 'dropNewest', 'disconnect'].includes(overflow)) {
      throw new BeamishError(
        'option_invalid',
        `overflow must be dropOldest, dropNewest or disconnect, not ${overflow}`,
      );
    }
    this.host = host;
    this.topic = topic;
    this.queue = new BoundedQueue(queue);
    this.#overflow = overflow;
    this.#onDropped = onDropped;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get queued(): number {
    return this.queue.length;
  }

  get active(): boolean {
    return this.#active;
  }

  /** Messages that may wait. */
  get capacity(): number {
    return this.queue.capacity;
  }

  /** A message to be consumed in a later turn. */
  offer(message: Term): void {
    if (!this.#active) return;
    if (!this.queue.full) this.queue.push(message);
    else if (this.#overflow === 'disconnect') {
      this.#drop(this.queue.length + 1);
      this.queue.clear();
      this.#tellDropped();
      this.end('overflow');
      return;
    } else {
      this.#drop(1);
      if (this.#overflow === 'dropNewest') return;
      this.queue.shift();
      this.queue.push(message);
    }
    this.arrived();
  }

  cancel(): void {
    this.queue.clear();
    this.end('cancelled');
  }

  /** The next message, after the news of what was dropped before it. */
  protected take(): Term | undefined {
    this.#tellDropped();
    return this.queue.shift();
  }

  protected end(why: 'cancelled' | 'overflow'): void {
    if (!this.#active) return;
    this.#active = false;
    this.host.remove(this);
    if (why === 'overflow')
      this.host.logger.warn({ topic: this.topic }, 'a subscriber was disconnected: its queue is full');
    this.ended(why);
  }

  /** A message was queued. */
  protected abstract arrived(): void;
  protected abstract ended(why: 'cancelled' | 'overflow'): void;

  #drop(count: number): void {
    // One line when it begins to drop, not one per message.
    if (this.#untold === 0 && this.#overflow !== 'disconnect') {
      this.host.logger.warn(
        { topic: this.topic, dropped: this.#dropped },
        'a subscriber does not keep up; dropping its messages',
      );
    }
    this.#dropped += count;
    this.#untold += count;
    for (let left = count; left > 0; left--) this.host.dropped();
  }

  #tellDropped(): void {
    const count = this.#untold;
    this.#untold = 0;
    if (count === 0) return;
    try {
      this.#onDropped?.(count);
    } catch (error) {
      this.host.logger.error({ topic: this.topic, err: error }, 'onDropped of a subscriber failed');
    }
  }
}

/** Calls a function for each message. */
export class ListenerSubscription extends QueuedSubscription {
  readonly listener: Listener;
  /** Whether it may be called at once: nothing waits, and no call of it is under way. */
  idle = true;

  constructor(host: SubscriptionHost, topic: string, listener: Listener, options: SubscribeOptions) {
    super(host, topic, options);
    this.listener = listener;
  }

  /** It was called while idle, and this is what it gave: the next message waits for it. */
  busyWith(result: Promise<void>): void {
    this.idle = false;
    void this.#settled(result).then(() => this.#rest());
  }

  failed(error: unknown): void {
    this.host.logger.error(
      { topic: this.topic, err: error },
      'a subscriber failed on a message; it goes on with the next',
    );
  }

  protected override arrived(): void {
    if (this.idle) this.#schedule();
  }

  protected override ended(): void {
    this.idle = false;
  }

  #schedule(): void {
    this.idle = false;
    this.host.defer(this.#turn);
  }

  readonly #turn = (): void => {
    // No more than what waits now, so that a listener which broadcasts to itself leaves the others their turn.
    if (this.queue.length > 0) this.#run(this.take(), this.queue.length);
    else this.#rest();
  };

  /** One message, then `left` of the queue; what is asynchronous is awaited in between. */
  #run(message: Term, left: number): void {
    // onDropped may have cancelled the subscription.
    for (let next = message; this.active; next = this.take()) {
      const pending = this.#handle(next);
      if (pending !== undefined) {
        void pending.then(() => this.#goOn(left));
        return;
      }
      if (left-- <= 0 || this.queue.length === 0) break;
    }
    this.#rest();
  }

  #goOn(left: number): void {
    if (left > 0 && this.queue.length > 0) this.#run(this.take(), left - 1);
    else this.#rest();
  }

  #rest(): void {
    if (!this.active) return;
    if (this.queue.length > 0) this.#schedule();
    else this.idle = true;
  }

  #handle(message: Term): Promise<void> | undefined {
    try {
      const result = this.listener(message, this.topic);
      return result instanceof Promise ? this.#settled(result) : undefined;
    } catch (error) {
      this.failed(error);
      return undefined;
    }
  }

  #settled(result: Promise<void>): Promise<void> {
    return result.catch((error: unknown) => this.failed(error));
  }
}

/** The messages of a topic, to be iterated by one consumer. Ends with `return()`, the signal, or PubSub's end. */
export class MessageStream extends QueuedSubscription implements AsyncIterableIterator<Term> {
  readonly #waiting: PromiseWithResolvers<IteratorResult<Term, undefined>>[] = [];
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => this.cancel();
  #failure: BeamishError | undefined;

  constructor(host: SubscriptionHost, topic: string, options: SubscribeOptions, signal: AbortSignal | undefined) {
    super(host, topic, options);
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
  }

  next(): Promise<IteratorResult<Term, undefined>> {
    if (this.queue.length > 0) return Promise.resolve({ value: this.take(), done: false });
    if (this.#failure !== undefined) {
      const failure = this.#failure;
      this.#failure = undefined;
      return Promise.reject(failure);
    }
    if (!this.active) return Promise.resolve({ value: undefined, done: true });
    const waiter = Promise.withResolvers<IteratorResult<Term, undefined>>();
    this.#waiting.push(waiter);
    return waiter.promise;
  }

  return(): Promise<IteratorResult<Term, undefined>> {
    this.cancel();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  protected override arrived(): void {
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) waiter.resolve({ value: this.take(), done: false });
  }

  protected override ended(why: 'cancelled' | 'overflow'): void {
    this.#signal?.removeEventListener('abort', this.#abort);
    if (why === 'overflow') {
      this.#failure = new BeamishError(
        'queue_full',
        `the messages of ${this.topic} came faster than they were read; ${this.dropped} are lost. Read faster, or raise \`queue\``,
        { details: { topic: this.topic, dropped: this.dropped } },
      );
    }
    for (const waiter of this.#waiting.splice(0)) waiter.resolve({ value: undefined, done: true });
  }
}
