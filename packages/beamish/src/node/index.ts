/** A node in a cluster: port mapper, handshake, connections, control messages, rpc (protocols 1, 2, 3, 5, 14). @module */
export { readCookieFile } from './cookie.ts';
export { epmdNames, portPlease, type EpmdTarget } from './epmd/client.ts';
export type { NodeDown, NodeUp } from './diagnostics.ts';
export type { EpmdName } from './epmd/codec.ts';
export { splitNodeName, type NameParts } from './names.ts';
export { Node } from './node.ts';
export { RemoteNode } from './remote-node.ts';
export type { RpcModule, RpcOptions, RpcOutcome } from './rpc.ts';
export type { TlsFiles } from './tls-material.ts';
export type {
  Cancellable,
  EpmdOptions,
  ExposedFunctions,
  ExposeOptions,
  NodeDownReason,
  NodeEvent,
  NodeInfo,
  NodeOptions,
  NodeStatistics,
  PeerStatistics,
  RefusalCause,
} from './types.ts';
export type { WhichNodes } from './which-nodes.ts';
