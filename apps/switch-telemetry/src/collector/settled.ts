import type { ClusterNode } from 'beamish';

/** ms: for the first names of the others, for reaching them, and for their groups to be told. */
const limits = { names: 1000, connected: 2500, groups: 500 };

/**
 * Waits until this node knows its cluster: every node that discovery names was reached, or tried once in vain, and has
 * told its groups. Bounded, for the others may not be there at all.
 * @param expected whether there is a discovery that could name nodes.
 */
export async function settled(node: ClusterNode, expected: boolean): Promise<void> {
  if (!expected || node.discovery === undefined) return;
  const { clock } = node.world;
  const until = async (limit: number, condition: () => boolean): Promise<void> => {
    const end = clock.monotonicTime() + limit;
    while (!condition() && clock.monotonicTime() < end) await clock.sleep(20);
  };
  const others = () => node.discovery?.nodes().filter(({ name }) => name !== node.name) ?? [];
  await until(limits.names, () => others().length > 0);
  await until(limits.connected, () => others().every(({ status, attempts }) => status === 'connected' || attempts > 0));
  await until(limits.groups, () => node.groups.statistics().peers >= others().filter(({ status }) => status === 'connected').length);
}
