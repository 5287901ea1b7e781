/** The nodes of the cluster as the web shows them: who is connected, and which roles each holds. */
import type { Groups } from 'beamish/groups';
import type { Node, NodeEvent, NodeInfo, RemoteNode } from 'beamish/node';
import { Atom, isTuple, type Pid, type Term } from 'beamish/term';

/** What the web needs of a node; `Node` has it. */
export interface WebNode extends Pick<Node, 'name' | 'hidden' | 'runtime' | 'world'> {
  nodes(filter?: 'all'): readonly NodeInfo[];
  monitorNodes(listener: (event: NodeEvent) => void): { cancel(): void };
  at(nodeName: string): Pick<RemoteNode, 'ref'>;
}

/** What the web needs of the role groups; `Groups` has it. */
export type WebGroups = Pick<Groups, 'groups' | 'members'> & {
  monitor(
    group: Term | undefined,
    listener: (event: { readonly group: Term; readonly pids: readonly Pid[] }) => void,
  ): { cancel(): void };
};

/** A row of `GET /api/nodes`. */
export interface NodeRow {
  readonly name: string;
  readonly roles: readonly string[];
  readonly hidden: boolean;
  /** Whether it is the node that answers. */
  readonly self: boolean;
  readonly devices: readonly string[];
  /** ms since the epoch; of the node itself: when its web server started. */
  readonly connected_since: number;
}

/** Roles by node. A role is membership of the group `{role, Name}`, so that a node of any kind can hold it. */
export function rolesByNode(groups: WebGroups): Map<string, string[]> {
  const roles = new Map<string, string[]>();
  for (const group of groups.groups()) {
    if (!isTuple(group, 2)) continue;
    const [kind, name] = [group.at(0), group.at(1)];
    if (!(kind instanceof Atom) || kind.name !== 'role' || !(name instanceof Atom)) continue;
    for (const node of new Set(groups.members(group).map((pid) => pid.node))) {
      roles.set(node, [...(roles.get(node) ?? []), name.name].sort());
    }
  }
  return roles;
}

export function nodeRows(
  node: WebNode,
  groups: WebGroups,
  owned: ReadonlyMap<string, readonly string[]>,
  startedAt: number,
): NodeRow[] {
  const roles = rolesByNode(groups);
  const row = (name: string, hidden: boolean, since: number): NodeRow => ({
    name,
    roles: roles.get(name) ?? [],
    hidden,
    self: name === node.name,
    devices: owned.get(name) ?? [],
    connected_since: since,
  });
  const others = node.nodes('all').map(({ name, hidden, connectedAt }) => row(name, hidden, connectedAt));
  return [row(node.name, node.hidden, startedAt), ...others].toSorted((a, b) => a.name.localeCompare(b.name));
}
