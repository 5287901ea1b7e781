import assert from 'node:assert/strict';
import { isBeamishError } from '../../../src/error/index.ts';
import { Global } from '../../../src/global/index.ts';
import { Groups } from '../../../src/groups/index.ts';
import { Node } from '../../../src/node/index.ts';
import { GenServer } from '../../../src/process/index.ts';
import { PubSub } from '../../../src/pubsub/index.ts';
import type { Host, Simulation } from '../../../src/simulation/index.ts';
import { atom, type Pid, type Term } from '../../../src/term/index.ts';
import { censusOf, differences, type Counted } from '../../support/census.ts';
import { countedWorld, type CountedWorld } from '../../support/counted-world.ts';
import { nodeOptions, SETTLED_WITHIN, type Scenario } from './scenario.ts';

/** Milliseconds: longer than the run, so that a timer which is kept is seen. */
const FOR_EVER = 3_600_000;
const PORT = 9100;
const GROUP = atom('crowd');
const NAMES = ['red', 'green', 'blue'].map((name) => atom(name));
/** A process that takes everything and answers nothing. */
const HOLE = 'hole';
class Echo extends GenServer {
  echo(term: Term): Term {
    return term;
  }
}

interface Member extends Counted {
  readonly global: Global;
  readonly groups: Groups;
  readonly pubsub: PubSub;
}

async function begin(host: Host): Promise<Member> {
  const counted = countedWorld(host.world, { places: false });
  const node = await Node.start({ ...nodeOptions(host), world: counted.world, port: PORT, hidden: false });
  const global = await Global.start(node);
  const groups = await Groups.start(node, 'scope');
  const pubsub = await PubSub.start(node, 'Test.PubSub');
  await node.spawn(Echo, [], { name: 'echo' });
  // In the group, so that others link to it; it survives them.
  groups.join(GROUP, node.runtime.spawn({ handle() {} }, { name: HOLE, trapExit: true }).pid);
  node.expose('leaks', { live: (time) => counted.world.clock.sleep(time as number).then(() => null) });
  return { node, counted, global, groups, pubsub };
}

/** Whatever ends as it should is fine; what is no BeamishError is none of the ways in which something may end. */
const settle = (world: Simulation, promise: Promise<unknown>): void =>
  void promise.catch((error: unknown) => isBeamishError(error) || world.fail(error));

/** One thing that a program does to nodes over there, and that must leave nothing once it is over. */
type Deed = (self: Member, host: Host, peer: Host, world: Simulation) => void;

const deeds: Readonly<Record<string, Deed>> = {
  call: ({ node }, { world: { random } }, { nodeName }, world) =>
    settle(
      world,
      node
        .at(nodeName)
        .ref<Echo>('echo')
        .with({ timeout: random.below(3000) })
        .echo('x'),
    ),
  callNobody: ({ node }, _, peer, world) =>
    settle(world, node.runtime.call({ name: HOLE, node: peer.nodeName }, 'never', { timeout: 2000 })),
  giveUp: ({ node, counted }, { world: { random } }, peer, world) => {
    const controller = new AbortController();
    const to = { name: HOLE, node: peer.nodeName };
    settle(world, node.runtime.call(to, 'never', { timeout: FOR_EVER, signal: controller.signal }));
    settle(world, node.connect(peer.nodeName, { signal: controller.signal }));
    counted.world.clock.setTimer(random.below(2000), () => controller.abort());
  },
  multiCall: ({ node }, _, peer, world) =>
    settle(world, node.runtime.multiCall([node.name, peer.nodeName], 'echo', 'echo', ['x'], { timeout: 1000 })),
  monitor: ({ node, counted }, { world: { random } }, peer) => {
    const monitor = node.runtime.monitor({ name: 'echo', node: peer.nodeName }, () => {});
    if (random.below(2) === 0) counted.world.clock.setTimer(random.below(2000), () => monitor.cancel());
  },
  /** It lives for a while, bound to processes over there, and in a group. */
  process: ({ node, groups }, { world: { random } }, peer) => {
    const others = groups.members(GROUP).filter(({ node }) => node === peer.nodeName);
    const other = others[random.below(others.length + 1)];
    const { pid } = node.runtime.spawn(
      {
        init(self) {
          self.monitor({ name: HOLE, node: peer.nodeName });
          if (other !== undefined) bind(self.link.bind(self), self.unlink.bind(self), other, random.below(2) === 0);
          self.setTimer(random.below(3000), 'end');
        },
        handle: (message, self) => void (message === 'end' && self.exit('over')),
      },
      { trapExit: random.below(2) === 0 },
    );
    groups.join(GROUP, pid);
    if (random.below(2) === 0) groups.leave(GROUP, pid);
  },
  spawn: ({ node }, { world: { random } }, peer, world) => {
    const request = {
      module: 'leaks',
      function: random.below(4) === 0 ? 'none' : 'live',
      arguments: [random.below(2000)],
    };
    const onDown = random.below(2) === 0 ? { onDown: () => {} } : {};
    settle(world, node.runtime.requestSpawn(peer.nodeName, request, { timeout: 2000, ...onDown }));
  },
  /** In fragments, now and then in parts. */
  large: ({ node }, { world: { random } }, peer) =>
    node.runtime.send({ name: HOLE, node: peer.nodeName }, 'x'.repeat(random.below(4) === 0 ? 270_000 : 70_000)),
  subscribe: ({ pubsub, counted }, { world: { random } }) => {
    const subscription = pubsub.subscribe('topic', () => {});
    pubsub.broadcast('topic', 'news');
    counted.world.clock.setTimer(random.below(1000), () => subscription.cancel());
  },
  /** Given to a process of here or of there, which ends or loses it. */
  name: ({ node, global, groups, counted }, { world: { random } }, peer, world) => {
    const name = NAMES[random.below(NAMES.length)] as Term;
    const there = groups.members(GROUP).filter(({ node }) => node === peer.nodeName);
    const { pid } = node.runtime.spawn({ handle() {} });
    counted.world.clock.setTimer(random.below(2000), () => node.runtime.exit(pid, atom('kill')));
    const owner = there[random.below(there.length + 1)] ?? pid;
    // Who loses a name that two have must not end: it is to be there when all is over.
    settle(world, global.reRegister(name, owner, { timeout: 5000, resolve: 'random_notify' }));
    if (random.below(2) === 0) settle(world, global.unregister(name, { timeout: 5000 }));
  },
  /** Until its owner ends, or it is given back. */
  lock: ({ node, global, counted }, { world: { random } }, _, world) => {
    const name = NAMES[random.below(NAMES.length)] as Term;
    const options = { timeout: 3000, retries: random.below(3) };
    if (random.below(2) === 0) {
      settle(
        world,
        global.setLock(name, options).then((lock) => lock?.release()),
      );
      return;
    }
    const owner = node.runtime.spawn({ handle() {} }).pid;
    counted.world.clock.setTimer(random.below(2000), () => node.runtime.exit(owner, atom('kill')));
    settle(world, global.setLock(name, { ...options, owner }));
  },
  disconnect: ({ node }, _, peer) => void node.disconnect(peer.nodeName),
  /** Nobody has that name, or that address. */
  stranger: ({ node }, { world: { random } }, peer) =>
    node.runtime.send({ name: HOLE, node: random.below(2) === 0 ? `no${peer.nodeName}` : 'n1@10.0.9.9' }, 'hello'),
  /** From outside of the count: what it leaves over there is meant. */
  half: (_, { world: { network, random, clock } }, peer) => {
    void network.connect({ host: peer.address, port: PORT }).then(
      (socket) => {
        socket.handle({ data() {}, end() {}, close() {} });
        socket.write(Buffer.from([0, 21, 78].slice(0, random.below(4))));
        // Else it stays: who was dialled must let go.
        if (random.below(2) === 0) clock.setTimer(random.below(8000), () => socket.destroy());
      },
      () => {},
    );
  },
};

function bind(link: (pid: Pid) => void, unlink: (pid: Pid) => void, other: Pid, again: boolean): void {
  link(other);
  unlink(other);
  if (again) link(other);
}

/**
 * Everything that one node can do to another, for a while; one node does nothing and meets nobody. When all is over and all are
 * parted, every node holds what that one holds: the same timers, sockets, processes, links, monitors, requests.
 */
export const leaks: Scenario = {
  name: 'leaks',
  checks:
    'when nodes and what they asked of each other are gone, nothing that was held for them is; names and locks of `global` among it',
  nodes: ['n1', 'n2', 'n3', 'alone'],
  faults: { count: 5, from: 50, until: 6000 },
  async run(world) {
    let calm = false;
    /** Of nodes that were stopped: nothing may be left of them at all. */
    const stopped: { readonly host: Host; readonly life: number; readonly counted: CountedWorld }[] = [];
    const kinds = Object.values(deeds);
    const program = world.start(async (host) => {
      const holder = { member: await begin(host), stopping: false };
      const peers = world.hosts.filter(({ name }) => name !== host.name && name !== 'alone');
      const { clock, random } = host.world;
      const live = async (): Promise<void> => {
        for (;;) {
          await clock.sleep(1 + random.below(200));
          if (calm) return;
          const deed = kinds[random.below(kinds.length)] as Deed;
          deed(holder.member, host, peers[random.below(peers.length)] as Host, world);
          if (random.below(150) > 0) continue;
          holder.stopping = true;
          const { node, counted } = holder.member;
          await node.stop();
          stopped.push({ host, life: host.life.number, counted });
          holder.member = await begin(host);
          holder.stopping = false;
        }
      };
      if (host.name !== 'alone') void live();
      return holder;
    });
    world.eventually(
      'nothing is left of what is over',
      () => {
        calm = true;
        const holders = program.all();
        for (const { member } of holders) {
          for (const { name } of member.node.nodes()) member.node.disconnect(name);
        }
        assert.ok(program.complete, 'not every program has started');
        assert.ok(!holders.some(({ stopping }) => stopping), 'a node stops');
        // Those of its own processes a node keeps.
        for (const { member } of holders) {
          for (const name of member.global.registeredNames()) settle(world, member.global.unregister(name));
        }
        const alone = program.on(world.host('alone'));
        assert.ok(alone !== undefined);
        const expected = censusOf(alone.member);
        for (const { member } of holders)
          assert.deepEqual(differences(expected, censusOf(member)), [], member.node.name);
        for (const { host, life, counted } of stopped) {
          if (host.life.number === life) assert.deepEqual([...counted.timers(), ...counted.sockets()], [], host.name);
        }
      },
      { within: SETTLED_WITHIN },
    );
    await world.until(() => program.complete, { within: 120_000 });
  },
};
