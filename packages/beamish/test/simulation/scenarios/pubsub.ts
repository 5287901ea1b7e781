import assert from 'node:assert/strict';
import { isBeamishError } from '../../../src/error/index.ts';
import { PubSub } from '../../../src/pubsub/index.ts';
import { lan, threeRegions, type NetworkPreset, type Simulation } from '../../../src/simulation/index.ts';
import type { StartNodeOptions } from '../../../src/start-node.ts';
import { isMesh, watchedNode } from './cluster.ts';
import { SETTLED_WITHIN, type Scenario } from './scenario.ts';

interface Published {
  readonly from: string;
  readonly number: number;
}

interface Load {
  readonly network: NetworkPreset;
  /** Characters of the largest messages. */
  readonly largest: number;
  readonly options: Partial<StartNodeOptions>;
}

/**
 * What docs/guarantees.md promises of PubSub: per-publisher order, nothing twice, nothing invented, and everything to a
 * subscriber whose node was connected throughout, and had room for it.
 */
function publishing(name: string, checks: string, { network, largest, options }: Load): Scenario {
  return { name, checks, nodes: 3, faults: { count: 5, from: 50, until: 10_000 }, network, run };

  async function run(world: Simulation): Promise<void> {
    const published = new Map<string, number>();
    /** What some node had no room for, as its publisher was told: there it is missing. */
    const refused = new Set<string>();
    const isWhole = (from: string, before: number, number: number): boolean => {
      for (let missing = before + 1; missing < number; missing++) if (!refused.has(`${from} ${missing}`)) return false;
      return true;
    };
    let calm = false;
    const program = world.start(async (host) => {
      const watched = await watchedNode(host, world, options);
      const { node } = watched;
      const life = `${node.name}#${host.life.number}`;
      const pubsub = await PubSub.start(node, 'Test.PubSub', { poolSize: 2 });
      const last = new Map<string, number>();
      /** Publishers that have been reachable without a gap since their first message here: none may be missing. */
      const unbroken = new Set<string>();
      let downs = 0;
      node.monitorNodes((event) => {
        if (event.type !== 'nodedown') return;
        downs++;
        for (const from of [...unbroken]) if (from.startsWith(`${event.node}#`)) unbroken.delete(from);
      });
      pubsub.subscribe('topic', (message) => {
        const { from, number } = message as unknown as Published;
        const before = last.get(from) ?? 0;
        if (number <= before) world.fail(new Error(`${life}: message ${number} of ${from} after ${before}`));
        if (number > (published.get(from) ?? 0))
          world.fail(new Error(`${life}: message ${number} of ${from} was never published`));
        if (unbroken.has(from) && !isWhole(from, before, number)) {
          world.fail(
            new Error(`${life}: message ${number} of ${from} after ${before}, though it was connected throughout`),
          );
        }
        last.set(from, number);
        // What was in the mailbox when the connection broke is handled after nodedown was told: it proves no connection.
        if (watched.up.has(from.split('#')[0] as string)) unbroken.add(from);
      });
      const { clock, random } = host.world;
      const publish = async (): Promise<void> => {
        for (;;) {
          await clock.sleep(1 + random.below(300));
          const number = (published.get(life) ?? 0) + 1;
          published.set(life, number);
          const padding = random.below(20) === 0 ? 'x'.repeat(random.below(largest)) : '';
          try {
            pubsub.broadcast('topic', { from: life, number, padding });
          } catch (error) {
            if (!isBeamishError(error, 'queue_full')) throw error;
            refused.add(`${life} ${number}`);
          }
        }
      };
      void publish();
      return { ...watched, pubsub, life, last, downs: () => downs };
    });
    let marks: Map<string, number> | undefined;
    world.eventually(
      'what is published after the last heal reaches everybody',
      () => {
        assert.ok(program.complete, 'not every program has started');
        const nodes = program.all();
        isMesh(nodes);
        for (const { node, pubsub } of nodes)
          assert.equal(pubsub.nodes().length, nodes.length - 1, `nodes() of ${node.name}`);
        calm = true;
        marks ??= new Map(nodes.map(({ life }) => [life, (published.get(life) ?? 0) + 3]));
        for (const each of nodes) {
          for (const [life, number] of marks)
            assert.ok((each.last.get(life) ?? 0) >= number, `${each.life} has not heard ${life}`);
        }
      },
      { within: SETTLED_WITHIN },
    );
    await world.until(() => program.complete, { within: 120_000 });
    assert.ok(!calm || program.complete);
  }
}

export const pubsub = publishing('pubsub', 'topics: order, no gaps while connected, nothing twice', {
  network: lan(),
  largest: 100_000,
  options: {},
});

/** More than the lines between regions carry now and then: queues fill, and connections are closed as stalled. */
export const pubsubFar = publishing('pubsub-far', 'the same between regions', {
  network: threeRegions({ bandwidth: 120 }),
  largest: 500_000,
  options: { maxQueuedBytes: 500_000, stallGrace: 500 },
});
