import { BeamishError, type ClusterNode, isBeamishError } from 'beamish';
import { type DeviceManagerApi, deviceManagerName } from '../contract.ts';

/** ms: for the first names of the others, for reaching them, for an answer, and for their groups to be told. */
const limits = { names: 1000, connected: 2500, answer: 1000, groups: 1000 };

/**
 * Waits until this node knows its cluster: every node that discovery names was reached, or tried once in vain, and those
 * that are collectors are known as such. Bounded, for the others may not be there at all.
 * @param expected whether there is a discovery that could name nodes.
 * @throws BeamishError `cookie_mismatch` when one of them refuses this node's cookie: it can't be part of that cluster.
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
  const unreached = others().filter(({ status }) => status !== 'connected');
  await Promise.all(unreached.map(({ name }) => checkCookie(node, name)));
  const asked = await Promise.all(
    others()
      .filter(({ status }) => status === 'connected')
      .map(({ name }) => isCollector(node, name)),
  );
  const collectors = asked.filter((name) => name !== undefined);
  await until(limits.groups, () => collectors.every((name) => node.nodesWithRole('collector').includes(name)));
}

/** Its groups may not have been told yet, but it answers itself. */
async function isCollector(node: ClusterNode, name: string): Promise<string | undefined> {
  try {
    await node.at(name).ref<DeviceManagerApi>(deviceManagerName).with({ timeout: limits.answer }).owners();
    return name;
  } catch {
    return undefined;
  }
}

/** Discovery goes on trying whatever the reason; here one reason matters. */
async function checkCookie(node: ClusterNode, name: string): Promise<void> {
  const patience = AbortSignal.timeout(limits.connected);
  try {
    await node.connect(name, { signal: patience });
  } catch (error) {
    if (!isBeamishError(error, 'cookie_mismatch')) return; // not there, or not yet
    throw new BeamishError(
      'cookie_mismatch',
      `${name} has another cookie: RELEASE_COOKIE must be the same on all nodes`,
      { cause: error },
    );
  }
}
