import { channel } from 'node:diagnostics_channel';
import type { NodeDownReason, NodeInfo } from './types.ts';

/** The coming and going of nodes, for who watches from outside (docs/diagnostics.md). */
export const NODE_UP = channel('beamish:node:up');
export const NODE_DOWN = channel('beamish:node:down');

/** What `beamish:node:up` tells. */
export interface NodeUp {
  /** The node that tells it: several may live in one program. */
  readonly self: string;
  readonly node: string;
  readonly info: NodeInfo;
}

/** What `beamish:node:down` tells. */
export interface NodeDown extends NodeUp {
  readonly reason: NodeDownReason;
}
