/**
 * A test of a counter that must survive a partition: three machines, an unreliable network, hours in milliseconds. In an application
 * the body of the loop is the body of a test of node:test or Vitest.
 */
import { GenServer, startNode } from 'beamish';
import { simulate } from 'beamish/simulation';

/** Counts each order once, though whoever sent it may not have heard the answer and sends it again. */
class Orders extends GenServer {
  readonly #seen = new Set<string>();
  add(id: string): number {
    return this.#seen.add(id).size;
  }
  count(): number {
    return this.#seen.size;
  }
}

for (let seed = 1; seed <= 20; seed++) {
  await simulate(
    { nodes: 3, seed, faults: { types: ['partition', 'cut', 'reset', 'pause'], count: 5, until: 60_000 } },
    async (world) => {
      let sent = 0;
      let confirmed = 0;
      const program = world.start(async (host) => {
        const node = await startNode({
          name: host.nodeName,
          cookie: 'test',
          plaintext: true,
          world: host.world,
          tickTime: 4000,
        });
        if (host.name === 'n1') {
          await node.spawn(Orders, [], { name: 'orders' });
          return node;
        }
        const orders = node.at(world.host('n1').nodeName).ref<Orders>('orders');
        const shop = async (): Promise<void> => {
          for (let number = 1; number <= 20; number++) {
            sent++;
            // Until it is confirmed. `add` can be said twice, so this is safe.
            while (!(await orders.add(`${host.name}-${number}`).catch(() => undefined)))
              await host.world.clock.sleep(500);
            confirmed++;
            await host.world.clock.sleep(host.world.random.below(3000));
          }
        };
        void shop();
        return node;
      });
      await world.until(() => program.complete);
      const orders = program.on(world.host('n1'))!.ref<Orders>('orders');
      world.always('no more is confirmed than was sent', () => confirmed <= sent);
      world.eventually('every order is confirmed', () => confirmed === 40, { within: 120_000 });
      await world.until(() => confirmed === 40, { within: 300_000 });
      if ((await orders.count()) !== 40)
        throw new Error(`40 orders were confirmed, ${await orders.count()} are counted`);
    },
  );
}
console.log('20 schedules of faults: 40 orders confirmed, 40 counted');

// prints:
// 20 schedules of faults: 40 orders confirmed, 40 counted
