import assert from 'node:assert/strict';
import { dnsPoll, gossip, type DiscoveryStrategy } from '../../../src/discovery/index.ts';
import type { Host, NetworkPreset, RandomFaults } from '../../../src/simulation/index.ts';
import { lan, threeRegions, threeZones } from '../../../src/simulation/index.ts';
import { startNode } from '../../../src/start-node.ts';
import { assign, moved } from '../../../src/ring/index.ts';
import { nodeOptions, type Scenario } from './scenario.ts';

const BASENAME = 'app';
const DEVICES = Array.from({ length: 100 }, (_, index) => `sw-${index}`);

/** Of a node that goes, the devices go to others; no other device moves, and no node had far too many. */
function movesOnlyWhatItMust(collectors: readonly string[]): void {
  const before = assign(DEVICES, collectors);
  for (const gone of collectors) {
    const after = assign(
      DEVICES,
      collectors.filter((name) => name !== gone),
    );
    for (const [device, { from }] of moved(before, after))
      assert.equal(from, gone, `${device} moved though ${gone} went`);
    const had = [...before.values()].filter((owner) => owner === gone).length;
    assert.ok(had > 0 && had < (2.5 * DEVICES.length) / collectors.length, `${gone} had ${had} of ${DEVICES.length}`);
  }
}

/** Nodes find each other, and by their roles agree on who owns which device. */
function discovery(
  name: string,
  checks: string,
  network: NetworkPreset,
  strategy: (host: Host) => DiscoveryStrategy,
  faults: RandomFaults,
): Scenario {
  return {
    name,
    checks,
    nodes: 4,
    faults,
    network,
    async run(world) {
      world.names.setAddresses(
        'app.internal',
        world.hosts.map(({ address }) => address),
      );
      const program = world.start((host) =>
        startNode({
          ...nodeOptions(host),
          name: `${BASENAME}@${host.address}`,
          roles: host.name === 'n1' ? ['web'] : ['collector'],
          discovery: strategy(host),
        }),
      );
      world.eventually(
        'the nodes are a full mesh and agree on the owners of the devices',
        () => {
          assert.ok(program.complete, 'not every program has started');
          const nodes = program.all();
          for (const node of nodes) assert.equal(node.nodes().length, nodes.length - 1, `nodes() of ${node.name}`);
          const collectors = nodes.filter((node) => node.roles.includes('collector')).map((node) => node.name);
          for (const node of nodes) assert.deepEqual(node.nodesWithRole('collector'), collectors.toSorted());
          movesOnlyWhatItMust(collectors);
          const owners = nodes.map((node) => [...assign(DEVICES, node.nodesWithRole('collector'))].join(' '));
          assert.equal(new Set(owners).size, 1);
        },
        { within: 180_000 },
      );
      await world.until(() => program.complete, { within: 120_000 });
    },
  };
}

const FAULTS: RandomFaults = { count: 5, from: 50, until: 10_000, names: ['app.internal'] };

export const gossiping = discovery(
  'gossip',
  'nodes find each other by gossip, and by their roles agree on who owns what on the ring',
  lan(),
  () => gossip({ secret: 'shared' }),
  FAULTS,
);

const dns = (): DiscoveryStrategy => dnsPoll({ query: 'app.internal', basename: BASENAME, interval: 2000 });
export const dnsInZones = discovery('dns-zones', 'the same by DNS, in three zones', threeZones(), dns, FAULTS);
/** Long ones: both sides dial many times in vain. */
export const dnsInRegions = discovery(
  'dns-regions',
  'the same by DNS, in three regions, with long faults',
  threeRegions(),
  dns,
  {
    count: 5,
    until: 90_000,
    longest: 80_000,
    names: ['app.internal'],
  },
);
