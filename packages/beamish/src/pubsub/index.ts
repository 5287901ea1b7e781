/** Topics over all nodes, on the wire of Phoenix.PubSub (protocols 8); the adapter contract. @module */
export { PubSub } from './pubsub.ts';
export type { MessagesOptions, PubSubOptions, PubSubStatistics } from './pubsub.ts';
export type { Guarded, Listener, SubscribeOptions, Subscription } from './subscription.ts';
export type { Overflow } from './bounded-queue.ts';
export type { PubSubAdapter, PubSubAdapterContext, PubSubAdapterFactory } from './adapter.ts';
export { pg2Adapter } from './pg2-adapter.ts';
export type { Pg2Options } from './pg2-adapter.ts';
export { socketBroadcast } from './socket-broadcast.ts';
export type { SocketBroadcast } from './socket-broadcast.ts';
