/** Everything that a node holds, as numbers: two censuses of a node at rest are equal, or something has leaked. */
import type { Global } from '../../src/global/index.ts';
import type { Groups } from '../../src/groups/index.ts';
import type { Node } from '../../src/node/index.ts';
import type { PubSub } from '../../src/pubsub/index.ts';
import type { CountedWorld } from './counted-world.ts';

export type Census = Readonly<Record<string, number>>;

export interface Counted {
  readonly node: Node;
  readonly counted: CountedWorld;
  readonly global?: Global | undefined;
  readonly groups?: Groups | undefined;
  readonly pubsub?: PubSub | undefined;
}

export function censusOf({ node, counted, global, groups, pubsub }: Counted): Census {
  const { peers, pending } = node.statistics();
  const census: Record<string, number> = { ...node.runtime.statistics(), peers: peers.length, handshakes: pending };
  if (global !== undefined) {
    const { names, locks, known, synced, sessions } = global.statistics();
    const nodes = { knownNodes: known.length, syncedNodes: synced.length, globalSessions: sessions };
    Object.assign(census, { globalNames: names, globalLocks: locks, ...nodes });
  }
  if (groups !== undefined) {
    const { groups: names, peers: scopes, localMembers, remoteMembers } = groups.statistics();
    Object.assign(census, { groups: names, scopes, localMembers, remoteMembers });
  }
  if (pubsub !== undefined) {
    const { topics, subscribers, queued } = pubsub.statistics();
    Object.assign(census, { topics, subscribers, queued, listeningNodes: pubsub.nodes().length });
  }
  for (const where of counted.timers()) add(census, `timer ${where}`);
  for (const where of counted.sockets()) add(census, `socket ${where}`);
  return census;
}

function add(census: Record<string, number>, key: string): void {
  census[key] = (census[key] ?? 0) + 1;
}

/** What has become more or less: `references 7 instead of 5`. */
export function differences(before: Census, after: Census): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys]
    .filter((key) => (before[key] ?? 0) !== (after[key] ?? 0))
    .map((key) => `${key}: ${after[key] ?? 0} instead of ${before[key] ?? 0}`);
}
