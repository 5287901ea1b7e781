/**
 * A test of your own, run by `node --test examples/counter.test.ts`: one seed by name, and a search over others. For Vitest take `test`
 * from 'vitest', and nothing else changes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GenServer, startNode } from 'beamish';
import { simulate, type RandomFaults, type Simulation } from 'beamish/simulation';

class Counter extends GenServer {
  #count = 0;
  increment(): number {
    return ++this.#count;
  }
}

/** Nothing is kept from one run to the next: a failure is run several times. */
async function countsWhatIsConfirmed(world: Simulation): Promise<void> {
  const [first] = world.hosts;
  let confirmed = 0;
  const program = world.start(async (host) => {
    const node = await startNode({ name: host.nodeName, cookie: 'test', plaintext: true, world: host.world });
    if (host === first) await node.spawn(Counter, [], { name: 'counter' });
    else {
      const counter = node.at(first!.nodeName).ref<Counter>('counter');
      const use = async (): Promise<void> => {
        for (;;) {
          await host.world.clock.sleep(500);
          if ((await counter.increment().catch(() => undefined)) !== undefined) confirmed++;
        }
      };
      void use();
    }
    return node;
  });
  await world.until(() => program.complete);
  const counter = program.on(first!)!.ref<Counter>('counter');
  await world.sleep(30_000);
  const before = confirmed;
  const counted = await counter.increment();
  assert.ok(counted > before, `${before} were confirmed, ${counted} are counted`);
  world.eventually('others count again', () => confirmed > before);
}

const faults: RandomFaults = { types: ['partition', 'cut', 'pause', 'delay'], count: 5, until: 20_000 };

test('what is confirmed is counted: the seed that once failed', async () => {
  await simulate({ nodes: 3, seed: 42, faults }, countsWhatIsConfirmed);
});

test('what is confirmed is counted: ten other seeds', async () => {
  for (let seed = 1; seed <= 10; seed++) await simulate({ nodes: 3, seed, faults }, countsWhatIsConfirmed);
});

test('a partition: nobody counts on the other side of it', async () => {
  await simulate({ nodes: 3, seed: 1 }, async (world) => {
    const [one, two] = world.hosts;
    const program = world.start(async (host) => {
      const node = await startNode({ name: host.nodeName, cookie: 'test', plaintext: true, world: host.world });
      await node.spawn(Counter, [], { name: 'counter' });
      return node;
    });
    await world.until(() => program.complete);
    const repair = world.cut(one!, two!);
    const counter = program.on(one!)!.at(two!.nodeName).ref<Counter>('counter');
    await assert.rejects(counter.increment(), { name: 'BeamishError' });
    repair();
    await world.until(() => counter.increment().catch(() => undefined));
  });
});
