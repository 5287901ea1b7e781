import { BeamishError } from '../error/index.ts';
import { Groups } from '../groups/index.ts';
import type { ProcessBehaviour, Runtime, StartContext, SupervisorRef } from '../process/index.ts';
import { phash2 } from '../ring/index.ts';
import { atom } from '../term/index.ts';
import type { Pid, Term } from '../term/index.ts';
import type { PubSubAdapter, PubSubAdapterContext, PubSubAdapterFactory } from './adapter.ts';
import { forwardMessage, parseForward, PG2_SCOPE, workerNames } from './pg2-wire.ts';

/** Of the adapter on the wire of Phoenix.PubSub's PG2. */
export interface Pg2Options {
  /** Processes that receive broadcasts on this node; the same on all nodes. @default 1 */
  readonly poolSize?: number;
  /**
   * How many of them other nodes are sent to. To grow a pool, first raise `poolSize` on all nodes, then this.
   * @default poolSize
   */
  readonly broadcastPoolSize?: number;
}

/**
 * The adapter that phoenix_pubsub uses by default: broadcasts are messages to the workers of the other nodes, found by
 * their process group (protocols 8).
 */
export function pg2Adapter(options: Pg2Options = {}): PubSubAdapterFactory {
  const { poolSize = 1, broadcastPoolSize = poolSize } = options;
  for (const [name, size] of Object.entries({ poolSize, broadcastPoolSize })) {
    if (!Number.isSafeInteger(size) || size < 1 || size > 1024) {
      throw new BeamishError('option_invalid', `${name} must be an integer from 1 to 1024, not ${size}`);
    }
  }
  if (broadcastPoolSize > poolSize) {
    throw new BeamishError(
      'option_invalid',
      `broadcastPoolSize (${broadcastPoolSize}) must not be above poolSize (${poolSize})`,
    );
  }
  return async (context) => {
    const names = workerNames(context.name, poolSize);
    const taken = names.find((name) => context.node.runtime.whereis(name) !== undefined);
    if (taken !== undefined) {
      throw new BeamishError(
        'name_taken',
        `${context.name} runs already on this node: a process is registered as ${taken}`,
      );
    }
    const groups = await Groups.start(context.node, PG2_SCOPE);
    const adapter = new Pg2Adapter(context, groups, names, broadcastPoolSize);
    try {
      await adapter.start();
    } catch (error) {
      await groups.stop();
      throw error;
    }
    return adapter;
  };
}

class Pg2Adapter implements PubSubAdapter {
  readonly #context: PubSubAdapterContext;
  readonly #groups: Groups;
  readonly #names: readonly string[];
  readonly #broadcastNames: readonly string[];
  #supervisor: SupervisorRef | undefined;
  #refused = 0;

  constructor(context: PubSubAdapterContext, groups: Groups, names: readonly string[], broadcastPoolSize: number) {
    this.#context = context;
    this.#groups = groups;
    this.#names = names;
    this.#broadcastNames = names.slice(0, broadcastPoolSize);
  }

  get refused(): number {
    return this.#refused;
  }

  async start(): Promise<void> {
    const { runtime } = this.#context.node;
    this.#supervisor = await runtime.startSupervisor({
      strategy: 'one_for_one',
      maxRestarts: 20,
      children: this.#names.map((name) => ({
        id: name,
        type: 'worker' as const,
        restart: 'permanent' as const,
        shutdown: 1000,
        start: (runtime: Runtime, { supervisor }: StartContext) => this.#startWorker(runtime, name, supervisor),
      })),
    });
  }

  broadcast(topic: string, message: Term): void {
    const name = this.#nameFor(topic);
    const { node } = this.#context;
    const from = node.runtime.whereis(name);
    const others = this.#groups.members(atom(name)).filter((pid) => pid.node !== node.name);
    node.runtime.sendAll(others, forwardMessage(topic, message), from);
  }

  directBroadcast(nodeName: string, topic: string, message: Term): void {
    const name = this.#nameFor(topic);
    const { runtime } = this.#context.node;
    runtime.send({ name, node: nodeName }, forwardMessage(topic, message), runtime.whereis(name));
  }

  nodes(): readonly string[] {
    const members = this.#broadcastNames.flatMap((name) => this.#groups.members(atom(name)));
    return [...new Set(members.map((pid) => pid.node))].filter((name) => name !== this.#context.node.name).toSorted();
  }

  async stop(): Promise<void> {
    await this.#supervisor?.stop();
    await this.#groups.stop();
  }

  /** Any worker will do (protocols 8); the same one for one topic keeps the order of its messages. */
  #nameFor(topic: string): string {
    const names = this.#broadcastNames;
    const name = names.length === 1 ? names[0] : names[phash2(topic, names.length)];
    if (name === undefined) throw new Error('a pool without workers');
    return name;
  }

  #startWorker(runtime: Runtime, name: string, supervisor: Pid): Promise<Pid> {
    const behaviour: ProcessBehaviour = {
      handle: (term) => {
        const forward = parseForward(term);
        if (forward !== undefined) this.#context.deliver(forward.topic, forward.message);
        else if (this.#refused++ === 0) {
          this.#context.logger.warn(
            { worker: name },
            'refused a message that is no broadcast; further ones are only counted',
          );
        }
      },
    };
    const { pid } = runtime.spawn(behaviour, { name, label: 'pubsub worker', link: supervisor, parent: supervisor });
    this.#groups.join(atom(name), pid);
    return Promise.resolve(pid);
  }
}
