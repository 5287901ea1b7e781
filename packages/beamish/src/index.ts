/** What most programs need; everything else is in the subpath exports (`beamish/pubsub`, `beamish/term`, ...). @module */
export { BeamishError, ERROR_CODES, isBeamishError, type BeamishErrorCode } from './error/index.ts';
export { realWorld, type Logger, type World } from './world/index.ts';
export { atom, tuple, type Pid, type Term } from './term/index.ts';
export { CallRejected, child, GenServer, NO_REPLY, Registry, Runtime, supervisor } from './process/index.ts';
export type { CallOptions, ProcessContext, ServerRef, SupervisorSpec } from './process/index.ts';
export { Node, type NodeEvent, type NodeInfo, type NodeOptions, type RemoteNode } from './node/index.ts';
export { BEAMISH_SCOPE, roleGroup, startNode } from './start-node.ts';
export type { ClusterNode, StartNodeOptions, VisibleNode } from './start-node.ts';
