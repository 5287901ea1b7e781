import { BeamishError, isBeamishError } from '../error/index.ts';
import type { Node } from '../node/index.ts';
import { RefusedValues } from '../schema/index.ts';
import type { OutputOf, StandardSchema } from '../schema/index.ts';
import type { Term } from '../term/index.ts';
import type { PubSubAdapter, PubSubAdapterFactory } from './adapter.ts';
import { pg2Adapter } from './pg2-adapter.ts';
import type { Pg2Options } from './pg2-adapter.ts';
import { GuardedStream, fit } from './guarded-stream.ts';
import { ListenerSubscription, MessageStream } from './subscription.ts';
import { Topic } from './topic.ts';
import type {
  Guarded,
  Listener,
  QueuedSubscription,
  SubscribeOptions,
  Subscription,
  SubscriptionHost,
} from './subscription.ts';

/** Of `PubSub.start`. */
export interface PubSubOptions extends Pg2Options {
  /** How messages travel between nodes. @default pg2Adapter, with `poolSize` and `broadcastPoolSize` */
  readonly adapter?: PubSubAdapterFactory;
}

/** Of `PubSub.messages`. */
export interface MessagesOptions extends SubscribeOptions {
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

/** What a PubSub holds now, and has counted since its start. */
export interface PubSubStatistics {
  readonly topics: number;
  readonly subscribers: number;
  /** Messages waiting in the queues of subscribers. */
  readonly queued: number;
  /** Since the start: broadcasts made here, messages taken from other nodes, and those of them that made no sense. */
  readonly broadcasts: number;
  readonly received: number;
  readonly refused: number;
  /** Since the start: messages that did not fit the schema of a subscriber, once for each that was to get it. */
  readonly invalid: number;
  /** Since the start, over all subscribers, also those that are gone: messages dropped from full queues. */
  readonly dropped: number;
}

/**
 * Topics over all nodes: a message that is broadcast reaches every subscriber of its topic on every connected node that
 * has a PubSub of the same name, Beamish or Elixir (Phoenix.PubSub, protocols 8). At most once, no history; in order from
 * one node for one topic. Subscribers on this node get the very object that was broadcast: don't change it.
 */
export class PubSub implements AsyncDisposable {
  readonly name: string;
  readonly #node: Node;
  readonly #topics = new Map<string, Topic>();
  /** Those with something to do in the next turn. */
  #turn: (() => void)[] = [];
  readonly #host: SubscriptionHost;
  readonly #invalid: RefusedValues;
  #adapter: PubSubAdapter | undefined;
  #stopped: Promise<void> | undefined;
  #broadcasts = 0;
  #received = 0;
  #dropped = 0;

  private constructor(node: Node, name: string) {
    this.#node = node;
    this.name = name;
    const logger = node.logger.child({ pubsub: name });
    this.#invalid = new RefusedValues(node.world.clock, logger, `a subscriber of ${name}`);
    this.#host = {
      logger,
      defer: (callback) => {
        if (this.#turn.push(callback) === 1) node.world.clock.defer(this.#runTurn);
      },
      remove: (subscription) => this.#remove(subscription),
      dropped: () => void this.#dropped++,
    };
  }

  /**
   * @param name as an Elixir module, `MyApp.PubSub`: the `name:` of Phoenix.PubSub on the Elixir nodes.
   * @throws BeamishError `option_invalid`, `name_taken` when this node runs one of that name.
   */
  static async start(node: Node, name = 'Beamish.PubSub', options: PubSubOptions = {}): Promise<PubSub> {
    const { adapter, ...pool } = options;
    if (name === '') throw new BeamishError('option_invalid', 'the name of a PubSub must not be empty');
    const pubsub = new PubSub(node, name);
    const start = adapter ?? pg2Adapter(pool);
    const { logger } = pubsub.#host;
    pubsub.#adapter = await start({ node, name, logger, deliver: (topic, message) => pubsub.#deliver(topic, message) });
    return pubsub;
  }

  /**
   * Calls `listener` for every message of the topic from now on, one at a time. One that throws is logged and gets the next
   * message; the other subscribers don't notice. With a schema it is called with what that makes of a message, and not at all
   * for one that does not fit.
   *
   * @throws BeamishError `option_invalid`, `closed`.
   */
  subscribe(topic: string, listener: Listener, options?: SubscribeOptions): Subscription;
  subscribe<S extends StandardSchema>(
    topic: string,
    listener: Listener<OutputOf<S>>,
    options: SubscribeOptions & Guarded<S>,
  ): Subscription;
  subscribe<S extends StandardSchema>(
    topic: string,
    listener: Listener<OutputOf<S>>,
    options: SubscribeOptions & Partial<Guarded<S>> = {},
  ): Subscription {
    const { schema } = options;
    if (schema === undefined) return this.#add(new ListenerSubscription(this.#host, topic, listener, options));
    const guarded: Listener = async (message) => {
      const fitting = await fit(schema, message, topic, this.#invalid);
      if (fitting !== undefined) await listener(fitting.value, topic);
    };
    return this.#add(new ListenerSubscription(this.#host, topic, guarded, options));
  }

  /**
   * The messages of the topic from this call on; they wait in the queue until they are read. Leaving the loop, `return()`
   * or the signal ends the subscription. With overflow `disconnect` a full queue makes it throw `queue_full`. With a schema
   * they are what that makes of them, without those that do not fit.
   *
   * @throws BeamishError `option_invalid`, `closed`.
   */
  messages(topic: string, options?: MessagesOptions): AsyncIterableIterator<Term> & Subscription;
  messages<S extends StandardSchema>(
    topic: string,
    options: MessagesOptions & Guarded<S>,
  ): AsyncIterableIterator<OutputOf<S>> & Subscription;
  messages(
    topic: string,
    options: MessagesOptions & Partial<Guarded<StandardSchema>> = {},
  ): AsyncIterableIterator<unknown> & Subscription {
    const stream = this.#add(new MessageStream(this.#host, topic, options, options.signal));
    if (options.signal?.aborted === true) stream.cancel();
    return options.schema === undefined ? stream : new GuardedStream(stream, options.schema, this.#invalid);
  }

  /**
   * To every subscriber of the topic on every node. Returns before any of them is called.
   * @throws BeamishError `queue_full` a node has no room for a large message (`RemoteNode.drained`): all others have it
   */
  broadcast(topic: string, message: Term): void {
    this.#publish(topic, message);
  }

  /** As `broadcast`, leaving out one subscriber of this node. */
  broadcastFrom(subscription: Subscription, topic: string, message: Term): void {
    this.#publish(topic, message, subscription instanceof GuardedStream ? subscription.stream : subscription);
  }

  /** To the subscribers on this node only. */
  localBroadcast(topic: string, message: Term): void {
    if (this.#open !== undefined) this.#topics.get(topic)?.broadcast(message, undefined);
  }

  /** To the subscribers on one node only. */
  directBroadcast(nodeName: string, topic: string, message: Term): void {
    if (nodeName === this.#node.name) this.localBroadcast(topic, message);
    else this.#open.directBroadcast(nodeName, topic, message);
  }

  /** The other nodes that a broadcast would reach now, in alphabetical order. */
  nodes(): readonly string[] {
    return this.#open.nodes();
  }

  /** What it holds now, and has counted since its start. */
  statistics(): PubSubStatistics {
    let subscribers = 0;
    let queued = 0;
    for (const topic of this.#topics.values()) {
      subscribers += topic.size;
      for (const subscription of topic.subscriptions) queued += subscription.queued;
    }
    return {
      topics: this.#topics.size,
      subscribers,
      queued,
      broadcasts: this.#broadcasts,
      received: this.#received,
      refused: this.#adapter?.refused ?? 0,
      invalid: this.#invalid.count,
      dropped: this.#dropped,
    };
  }

  /** Ends every subscription, and leaves the group. Idempotent. */
  stop(): Promise<void> {
    if (this.#stopped === undefined) {
      for (const topic of [...this.#topics.values()]) for (const each of topic.subscriptions) each.cancel();
      this.#stopped = this.#adapter?.stop() ?? Promise.resolve();
    }
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #open(): PubSubAdapter {
    if (this.#stopped !== undefined || this.#adapter === undefined) {
      throw new BeamishError('closed', `the PubSub ${this.name} was stopped`);
    }
    return this.#adapter;
  }

  #add<S extends QueuedSubscription>(subscription: S): S {
    if (this.#open === undefined) return subscription;
    let topic = this.#topics.get(subscription.topic);
    if (topic === undefined) this.#topics.set(subscription.topic, (topic = new Topic(this.#host)));
    topic.add(subscription);
    return subscription;
  }

  #remove(subscription: QueuedSubscription): void {
    const topic = this.#topics.get(subscription.topic);
    topic?.delete(subscription);
    if (topic?.size === 0) this.#topics.delete(subscription.topic);
  }

  #deliver(topic: string, message: Term): void {
    if (this.#stopped !== undefined) return;
    this.#received++;
    this.#topics.get(topic)?.deliver(message);
  }

  #publish(topic: string, message: Term, except?: Subscription): void {
    let refused: BeamishError | undefined;
    try {
      this.#open.broadcast(topic, message);
    } catch (error) {
      if (!isBeamishError(error, 'queue_full')) throw error;
      refused = error;
    }
    this.#broadcasts++;
    this.#topics.get(topic)?.broadcast(message, except);
    if (refused !== undefined) throw refused;
  }

  readonly #runTurn = (): void => {
    const callbacks = this.#turn;
    this.#turn = [];
    for (const callback of callbacks) callback();
  };
}
