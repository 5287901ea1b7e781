import { BeamishError } from './error/index.ts';
import { startDiscovery, type Discovery, type DiscoveryStrategy } from './discovery/index.ts';
import type { Global, GlobalOptions } from './global/index.ts';
import { Groups } from './groups/index.ts';
import { Node, type NodeOptions } from './node/index.ts';
import { atom, type Atom, type Pid, tuple, type Tuple } from './term/index.ts';

/** The `:pg` scope of what Beamish itself keeps in groups. On a BEAM: `:pg.start_link(:beamish)`. */
export const BEAMISH_SCOPE = 'beamish';

/** The group, in scope `beamish`, whose members' nodes hold the role: `{role, collector}`. A BEAM node may join it too. */
export function roleGroup(role: string): Tuple<readonly [Atom, Atom]> {
  return tuple(atom('role'), atom(role));
}

/** Of `startNode`: those of a node, and how it finds the others. */
export interface StartNodeOptions extends NodeOptions {
  /** How to find the other nodes; several at once are fine. @default none: nodes connect on first use */
  readonly discovery?: DiscoveryStrategy | readonly DiscoveryStrategy[];
  /**
   * A visible node (`hidden: false`) takes part in `:global` from its start on, for `global:sync()` of the others would wait for it
   * (protocols 5.4). Of no use on a hidden one.
   */
  readonly global?: GlobalOptions;
  /** What this node is for, e.g. `['web']`: membership of a group, seen by all nodes. @default none */
  readonly roles?: readonly string[];
}

/** A node with its search for others, its roles, the process groups they live in, and its part in `:global` when it is visible. */
export type ClusterNode = Node & {
  /** Scope `beamish`. */
  readonly groups: Groups;
  /** Names and locks over all nodes; undefined on a hidden node. */
  readonly global: Global | undefined;
  readonly roles: readonly string[];
  readonly discovery: Discovery | undefined;
  /** The nodes that hold the role now, in alphabetical order; this node is among them if it holds it. */
  nodesWithRole(role: string): readonly string[];
};

/** A cluster node that is visible, and so takes part in `:global`. */
export type VisibleNode = ClusterNode & { readonly global: Global };

/**
 * Starts a node of a cluster: what `Node.start` does, then its role groups, then the search for other nodes, so that
 * whoever is found sees the roles at once. A visible node runs `Global`. `stop()` (or `await using`) ends all of it.
 *
 * @throws BeamishError as `Node.start` does; `option_invalid` for a role that is no atom or a discovery option
 */
export function startNode(options: StartNodeOptions & { readonly hidden: false }): Promise<VisibleNode>;
export function startNode(options: StartNodeOptions): Promise<ClusterNode>;
export async function startNode(options: StartNodeOptions): Promise<ClusterNode> {
  const { discovery: strategies, roles = [], global: globalOptions, ...rest } = options;
  if (!Array.isArray(roles)) throw new BeamishError('option_invalid', 'roles: must be a list of texts');
  for (const role of roles) {
    if (!/^[a-z][a-z0-9_]{0,63}$/.test(role)) {
      throw new BeamishError(
        'option_invalid',
        `role ${JSON.stringify(role)}: use 1 to 64 of a-z, 0-9 and _, starting with a letter`,
      );
    }
  }
  if (globalOptions !== undefined && rest.hidden !== false)
    throw new BeamishError(
      'option_invalid',
      'global: a hidden node takes no part in it: start the node with `hidden: false`',
    );
  // Loaded before the node is up: who connects greets global at once, and is not greeted twice.
  const { Global } = rest.hidden === false ? await import('./global/index.ts') : {};
  const node = await Node.start(rest);
  try {
    const global = await Global?.start(node, globalOptions);
    const groups = await Groups.start(node, BEAMISH_SCOPE);
    if (roles.length > 0) {
      // It does nothing but live as long as its node: what a role means to others is that this process is a member.
      const { pid } = node.runtime.spawn({ handle() {} }, { label: `roles ${roles.join(', ')}` });
      for (const role of roles) groups.join(roleGroup(role), pid);
    }
    const discovery = strategies === undefined ? undefined : await startDiscovery(node, strategies);
    const nodesWithRole = (role: string): readonly string[] =>
      [...new Set(groups.members(roleGroup(role)).map((member: Pid) => member.node))].toSorted();
    return Object.assign(node, { groups, global, roles: [...roles], discovery, nodesWithRole });
  } catch (error) {
    await node.stop();
    throw error;
  }
}
