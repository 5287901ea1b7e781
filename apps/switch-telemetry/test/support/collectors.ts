/** Collectors as nodes of one test process, on simulated switches, with what they store kept in memory. */
import { realWorld, startNode, type ClusterNode } from 'beamish';
import { epmdHosts } from 'beamish/discovery';
import { child, GenServer, supervisor, type SupervisorRef } from 'beamish/process';
import { PubSub } from 'beamish/pubsub';
import { createLogger } from 'beamish/world';
import { freePort } from '../../../../packages/beamish/test/support/ports.ts';
import { DeviceManager, type DeviceManagerCalls } from '../../src/collector/device-manager.ts';
import { settled } from '../../src/collector/settled.ts';
import { deviceManagerName, pubsubName, type Sample } from '../../src/contract.ts';
import type { Device } from '../../src/inventory/device.ts';
import type { BatchWriterStatistics } from '@beamish/postgres';

/** Everything that was stored, by all collectors, in the order of its coming. */
export class Stored {
  readonly samples: Sample[] = [];

  of(device: string): Sample[] {
    return this.samples.filter((sample) => sample.device === device).sort((a, b) => a.at - b.at);
  }
}

class MemoryWriter extends GenServer {
  readonly #stored: Stored;
  constructor(stored: Stored) {
    super();
    this.#stored = stored;
  }
  store(sample: Sample): void {
    this.#stored.samples.push(sample);
  }
  flush(): number {
    return 0;
  }
  statistics(): BatchWriterStatistics {
    return { queued: 0, stored: this.#stored.samples.length, dropped: 0, rejected: 0, failures: 0, away: false };
  }
}

export interface Collector extends AsyncDisposable {
  readonly node: ClusterNode;
  readonly pubsub: PubSub;
  readonly manager: ReturnType<ClusterNode['ref']> extends never ? never : ReturnType<typeof managerOf>;
  /** As kill -9 looks to the others: the connections break, nothing is said. */
  kill(): Promise<void>;
}

const managerOf = (node: ClusterNode) => node.ref<DeviceManagerCalls & { drain(): void }>(deviceManagerName);

export class Cluster implements AsyncDisposable {
  readonly stored = new Stored();
  readonly interval: number;
  inventory: readonly Device[];
  readonly #epmdPort: number;
  readonly #names: readonly string[];
  readonly #living = new Set<Collector>();

  private constructor(epmdPort: number, names: readonly string[], inventory: readonly Device[], interval: number) {
    this.#epmdPort = epmdPort;
    this.#names = names;
    this.inventory = inventory;
    this.interval = interval;
  }

  static async create(names: readonly string[], inventory: readonly Device[], interval: number): Promise<Cluster> {
    return new Cluster(await freePort(), names, inventory, interval);
  }

  async start(name: string): Promise<Collector> {
    const logger = createLogger({ level: (process.env['TEST_LOG'] ?? 'silent') as 'silent', pretty: true });
    const node = await startNode({
      name: `${name}@127.0.0.1`,
      cookie: 'collectors',
      world: realWorld({ logger }),
      epmd: { port: this.#epmdPort },
      discovery: epmdHosts({ hosts: this.#names.map((each) => `${each}@127.0.0.1`) }),
    });
    const pubsub = await PubSub.start(node, pubsubName);
    await settled(node, this.#names.length > 1);
    let pollers: SupervisorRef | undefined;
    const options = {
      node,
      groups: node.groups,
      pubsub,
      store: { inventory: async () => [...this.inventory] },
      writer: 'sample_writer',
      interval: this.interval,
      reload: 200,
      pollers: () => pollers ?? assertNever(),
    };
    const tree = await node.runtime.startSupervisor({
      strategy: 'one_for_one',
      children: [
        child(MemoryWriter, [this.stored], { name: 'sample_writer' }),
        supervisor('collector', {
          strategy: 'one_for_all',
          children: [
            {
              id: 'pollers',
              type: 'supervisor',
              start: async (runtime, { supervisor: parent }) =>
                (pollers = await runtime.startSupervisor(
                  { strategy: 'one_for_one', maxRestarts: 100, children: [] },
                  { link: parent, parent },
                )),
            },
            child(DeviceManager, [options], { name: deviceManagerName }),
          ],
        }),
      ],
    });
    let ended: Promise<void> | undefined;
    const end = async (graceful: boolean): Promise<void> => {
      this.#living.delete(collector);
      if (graceful) {
        await managerOf(node)
          .drain()
          .catch(() => {});
        await tree.stop();
        await pubsub.stop();
      }
      await node.stop();
    };
    const collector: Collector = {
      node,
      pubsub,
      manager: managerOf(node),
      kill: () => (ended ??= end(false)),
      [Symbol.asyncDispose]: () => (ended ??= end(true)),
    };
    this.#living.add(collector);
    return collector;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#living].map((collector) => collector[Symbol.asyncDispose]()));
  }
}

function assertNever(): never {
  throw new Error('the pollers are not there yet');
}
