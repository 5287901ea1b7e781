import type { Node } from '../node/index.ts';
import type { Term } from '../term/index.ts';
import type { Logger } from '../world/index.ts';

/** What an adapter is given when it starts. */
export interface PubSubAdapterContext {
  readonly node: Node;
  /** The name of the PubSub, the same on all nodes that share topics. */
  readonly name: string;
  readonly logger: Logger;
  /** Takes a message from another node to the subscribers here. Never throws. */
  readonly deliver: (topic: string, message: Term) => void;
}

/**
 * How messages reach the subscribers on other nodes; those of this node are no business of an adapter. Delivery is at most
 * once, and in order for one topic from one node to another.
 */
export interface PubSubAdapter {
  /** To every other node that has a PubSub of this name. */
  broadcast(topic: string, message: Term): void;
  /** To one other node. */
  directBroadcast(nodeName: string, topic: string, message: Term): void;
  /** The other nodes that a broadcast would be sent to now. */
  nodes(): readonly string[];
  /** Messages from other nodes that were refused because they had no sense. */
  readonly refused: number;
  stop(): Promise<void>;
}

/** Starts an adapter for one PubSub: the option `adapter` of `PubSub.start`. It rejects when it cannot. */
export type PubSubAdapterFactory = (context: PubSubAdapterContext) => Promise<PubSubAdapter>;
