import assert from 'node:assert/strict';
import { isBeamishError } from '../../../src/error/index.ts';
import { epmdHosts } from '../../../src/discovery/index.ts';
import { epmdNames } from '../../../src/node/index.ts';
import { startNode, type ClusterNode } from '../../../src/start-node.ts';
import { nodeOptions, SETTLED_WITHIN, type Scenario } from './scenario.ts';

/** Several nodes on one machine: one of them serves the port mapper, and when it ends, another must. */
export const machines: Scenario = {
  name: 'machines',
  checks: 'several nodes on one machine: one of them serves the port mapper, and another when it ends',
  nodes: [
    ['a1', 'a2', 'a3'],
    ['b1', 'b2'],
  ],
  faults: { types: ['crash', 'pause', 'reset', 'partition', 'cut', 'delay'], count: 7, from: 50, until: 15_000 },
  async run(world) {
    const program = world.start(async (host) => {
      const { clock } = host.world;
      for (;;) {
        try {
          return await startNode({
            ...nodeOptions(host),
            discovery: epmdHosts({ hosts: world.hosts.map(({ nodeName }) => nodeName) }),
          });
        } catch (error) {
          // The port mapper is a program that is paused, or that has not noticed the end of our last life: whoever started us tries again.
          if (
            !isBeamishError(error) ||
            !['epmd_failed', 'name_taken', 'address_in_use', 'timeout'].includes(error.code)
          )
            throw error;
          await clock.sleep(500);
        }
      }
    });
    /** What the port mapper of each machine says. */
    const listed = new Map<string, string>();
    const ask = async (machine: string, { world }: ClusterNode): Promise<void> => {
      const names = await epmdNames(world, { host: '127.0.0.1', port: 4369, timeout: 1000 }).catch(() => []);
      const entries = names.map(({ name, port }) => `${name}:${port}`);
      listed.set(machine, entries.toSorted().join());
    };
    const askAll = async (): Promise<void> => {
      for (;;) {
        await world.sleep(500);
        // Not awaited: what dies while it asks never knows the answer.
        for (const { host, node } of firstOfEach(program.all())) void ask(host, node);
      }
    };
    void askAll();
    world.eventually(
      'each machine has one port mapper that knows its nodes, and the nodes are a full mesh',
      () => {
        assert.ok(program.complete, 'not every program has started');
        const nodes = program.all();
        for (const node of nodes) assert.equal(node.nodes().length, nodes.length - 1, `nodes() of ${node.name}`);
        for (const { host, all } of firstOfEach(nodes)) {
          assert.equal(
            listed.get(host),
            all
              .map(({ name, address }) => `${name.split('@')[0]}:${address.port}`)
              .toSorted()
              .join(),
          );
          assert.equal(all.filter((node) => node.statistics().servesEpmd).length, 1, `port mappers of ${host}`);
        }
      },
      { within: SETTLED_WITHIN },
    );
    await world.until(() => program.complete, { within: 120_000 });
  },
};

function firstOfEach(nodes: readonly ClusterNode[]): { host: string; node: ClusterNode; all: ClusterNode[] }[] {
  const byHost = new Map<string, ClusterNode[]>();
  for (const node of nodes) {
    const host = node.name.split('@')[1] as string;
    byHost.set(host, [...(byHost.get(host) ?? []), node]);
  }
  return [...byHost].map(([host, all]) => ({ host, node: all[0] as ClusterNode, all }));
}
