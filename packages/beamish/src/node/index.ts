/** A node in a cluster: port mapper, handshake, connections, control messages, rpc (protocols 1, 2, 3, 5, 14). @module */
export { Node } from './node.ts';
export type { RemoteNode } from './remote-node.ts';
export type {
  Cancellable,
  EpmdOptions,
  ExposedFunctions,
  NodeDownReason,
  NodeEvent,
  NodeInfo,
  NodeOptions,
  NodeStatistics,
  PeerStatistics,
  RefusalCause,
} from './types.ts';
