import assert from 'node:assert/strict';
import { isBeamishError } from '../../../src/error/index.ts';
import { epmdHosts } from '../../../src/discovery/index.ts';
import { GenServer } from '../../../src/process/index.ts';
import type { Host, Simulation } from '../../../src/simulation/index.ts';
import { startNode, type ClusterNode, type StartNodeOptions } from '../../../src/start-node.ts';
import { atom, formatTerm, isTuple, Reference, tuple, type Term, type Tuple } from '../../../src/term/index.ts';
import { nodeOptions, SETTLED_WITHIN, type Scenario } from './scenario.ts';

/** Milliseconds. A process may handle a message after nodedown was told: it was in its mailbox before. */
const HANDLED_WITHIN = 1;

export interface Watched {
  readonly node: ClusterNode;
  /** Connected, by the events that were told. */
  readonly up: Set<string>;
  /** When that was told to have ended. */
  readonly downAt: Map<string, number>;
}

/** A node with its peers' names as its discovery, whose events are checked for their order. */
export async function watchedNode(
  host: Host,
  world: Simulation,
  options: Partial<StartNodeOptions> = {},
): Promise<Watched> {
  const node = await startNode({
    ...nodeOptions(host),
    discovery: epmdHosts({
      hosts: world.hosts.map(({ nodeName }) => nodeName).filter((name) => name !== host.nodeName),
    }),
    ...options,
  });
  const up = new Set(node.nodes().map(({ name }) => name));
  const downAt = new Map<string, number>();
  node.monitorNodes((event) => {
    if (event.type === 'nodeup') {
      if (up.has(event.node)) world.fail(new Error(`${node.name}: nodeup ${event.node} twice`));
      up.add(event.node);
    } else {
      downAt.set(event.node, world.now);
      if (!up.delete(event.node)) world.fail(new Error(`${node.name}: nodedown ${event.node} without nodeup`));
    }
  });
  return { node, up, downAt };
}

/** Everybody is connected to everybody, and says so. */
export function isMesh(nodes: readonly Watched[]): void {
  const names = nodes.map(({ node }) => node.name).toSorted();
  for (const { node, up } of nodes) {
    const others = names.filter((name) => name !== node.name);
    assert.deepEqual(
      node
        .nodes()
        .map(({ name }) => name)
        .toSorted(),
      others,
      `nodes() of ${node.name}`,
    );
    assert.deepEqual([...up].toSorted(), others, `events of ${node.name}`);
  }
}

/** A process that watches the ledgers of others by monitors of its own: each must tell of one end. */
function watcher({ node }: Watched, others: readonly string[], world: Simulation): void {
  const waiting = new Set<string>();
  node.runtime.spawn({
    init(self) {
      for (const other of others) waiting.add(self.monitor({ name: 'ledger', node: other }).key);
    },
    async handle(message, self) {
      assert.ok(isTuple(message, 5) && message.at(1) instanceof Reference);
      const [, reference, , object] = message.elements as [Term, Reference, Term, Tuple];
      if (!waiting.delete(reference.key)) world.fail(new Error(`${node.name}: a second DOWN of ${formatTerm(object)}`));
      await self.sleep(50);
      const target = object.elements as unknown as [{ name: string }, { name: string }];
      waiting.add(self.monitor({ name: 'ledger', node: target[1].name }).key);
    },
  });
}

/** Keeps what it is told, and counts what it is asked. */
class Ledger extends GenServer {
  readonly #told: (message: Term) => void;
  #calls = 0;
  constructor(told: (message: Term) => void) {
    super();
    this.#told = told;
  }
  count(): number {
    return ++this.#calls;
  }
  protected override handleInfo(message: Term): void {
    this.#told(message);
  }
}

/** A call of a life of a host. */
interface Calling {
  readonly by: Host['life'];
  readonly what: string;
  settled: boolean;
}

/** A monitor, between two lives of hosts. */
interface Watching {
  readonly by: Host['life'];
  readonly what: string;
  fired: number;
  cancelled: boolean;
}

/** Connections, messages, calls and monitors between nodes. */
function clusterOf(name: string, checks: string, nameOf: (host: Host) => string): Scenario {
  return { name, checks, nodes: 3, faults: { count: 6, from: 50, until: 12_000 }, run };

  async function run(world: Simulation): Promise<void> {
    const sent = new Map<string, number>();
    const received = new Map<string, number>();
    const watchings: Watching[] = [];
    const callings: Calling[] = [];
    const program = world.start(async (host) => {
      const others = world.hosts.filter((other) => other !== host);
      const watched = await watchedNode(host, world, {
        name: nameOf(host),
        host: '0.0.0.0',
        discovery: epmdHosts({ hosts: others.map(nameOf) }),
      });
      const { node, up, downAt } = watched;
      const life = `${node.name}#${host.life.number}`;
      await node.spawn(
        Ledger,
        [
          (message: Term) => {
            assert.ok(isTuple(message, 3));
            const [from, node_, number] = message.elements as [string, string, number];
            const key = `${from} to ${life}`;
            const last = received.get(key) ?? 0;
            if (number <= last) world.fail(new Error(`${key}: message ${number} after ${last}`));
            if (number > (sent.get(from) ?? 0)) world.fail(new Error(`${key}: message ${number} was never sent`));
            if (!up.has(node_) && world.now - (downAt.get(node_) ?? -Infinity) > HANDLED_WITHIN)
              world.fail(new Error(`${key}: message ${number} while ${node_} is not up`));
            received.set(key, number);
          },
        ],
        { name: 'ledger' },
      );
      const { clock, random } = host.world;
      const talk = async (): Promise<void> => {
        for (;;) {
          await clock.sleep(1 + random.below(700));
          const peer = others[random.below(others.length)] as Host;
          const choice = random.below(3);
          if (choice === 0) {
            const number = (sent.get(life) ?? 0) + 1;
            sent.set(life, number);
            for (const other of others) {
              node.runtime.send({ name: 'ledger', node: nameOf(other) }, tuple(life, node.name, number));
            }
          } else if (choice === 1) await call(peer);
          else watch(peer);
        }
      };
      const call = async (peer: Host): Promise<void> => {
        const began = clock.monotonicTime();
        const { pauses } = host;
        const calling: Calling = {
          by: host.life,
          what: `${life} calls ${peer.name} since ${world.now}`,
          settled: false,
        };
        callings.push(calling);
        try {
          const answer = await node.at(nameOf(peer)).ref<Ledger>('ledger').with({ timeout: 1000 }).count();
          assert.ok(answer > 0);
        } catch (error) {
          assert.ok(isBeamishError(error), String(error));
          assert.ok(
            ['timeout', 'noconnection', 'noproc', 'process_exited', 'aborted'].includes(error.code),
            error.code,
          );
        }
        calling.settled = true;
        const took = clock.monotonicTime() - began;
        if (took > 1010 && host.pauses === pauses)
          world.fail(new Error(`${life}: a call with 1000 ms took ${took} ms`));
      };
      const watch = (peer: Host): void => {
        const watching: Watching = {
          by: host.life,
          what: `${life} watches ${peer.name} since ${world.now}`,
          fired: 0,
          cancelled: false,
        };
        const monitor = node.runtime.monitor({ name: 'ledger', node: nameOf(peer) }, () => {
          watching.fired++;
          const wrong = watching.cancelled ? 'though it was cancelled' : watching.fired > 1 ? 'twice' : undefined;
          if (wrong !== undefined) world.fail(new Error(`${life}: a monitor of ${peer.nodeName} fired ${wrong}`));
        });
        watchings.push(watching);
        if (random.below(2) === 0) {
          clock.setTimer(random.below(3000), () => {
            monitor.cancel();
            watching.cancelled = true;
          });
        }
      };
      watcher(watched, others.map(nameOf), world);
      void talk();
      return watched;
    });
    world.eventually(
      'the nodes are a full mesh',
      () => (assert.ok(program.complete, 'not every program has started'), isMesh(program.all())),
      {
        within: SETTLED_WITHIN,
      },
    );
    let asked: readonly Calling[] | undefined;
    world.eventually('every call has settled', () => {
      asked ??= [...callings];
      assert.deepEqual(
        asked.filter(({ by, settled }) => !by.over && !settled).map(({ what }) => what),
        [],
      );
    });
    // Whatever was watched in whichever life: when at last all of it ends, every monitor that was not cancelled fires.
    let last: readonly Watching[] | undefined;
    world.eventually(
      'monitors of what has ended have fired',
      () => {
        if (last === undefined) {
          assert.ok(program.complete, 'not every program has started');
          isMesh(program.all());
          last = [...watchings];
          for (const { node } of program.all()) node.runtime.exit(node.runtime.whereis('ledger')!, atom('kill'));
        }
        const silent = last.filter(({ by, fired, cancelled }) => !by.over && !cancelled && fired !== 1);
        assert.deepEqual(
          silent.map(({ what }) => what),
          [],
        );
      },
      { within: SETTLED_WITHIN },
    );
    await world.until(() => program.complete, { within: 120_000 });
  }
}

export const cluster = clusterOf(
  'cluster',
  'connections, messages, calls and monitors between nodes',
  ({ nodeName }) => nodeName,
);

/** The hosts in the nodes' names are names too, about which the DNS lies now and then. */
export const clusterByName = clusterOf(
  'cluster-by-name',
  'the same with host names, about which the DNS lies now and then',
  ({ name }) => `app@${name}`,
);
