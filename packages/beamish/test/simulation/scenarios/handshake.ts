import assert from 'node:assert/strict';
import { isBeamishError } from '../../../src/error/index.ts';
import { Node, type NodeOptions } from '../../../src/node/index.ts';
import type { Host } from '../../../src/simulation/index.ts';
import { formatTerm, isAtom, type Pid, type Term } from '../../../src/term/index.ts';
import type { Address } from '../../../src/world/index.ts';
import { SETTLED_WITHIN, TICK_TIME, type Scenario } from './scenario.ts';

const EPMD_PORT = 4369;
const SETUP_TIME = 1000;
/** The port mapper's answer, the dial and each message of a handshake have that time, and the other side's dial again. */
const CONNECTED_WITHIN = 12 * SETUP_TIME;
/** Milliseconds: everybody dials at such moments, to within less than a round trip. */
const BEAT = 250;

interface Member {
  readonly host: Host;
  node: Node;
  /** Connected, by the events. */
  up: Set<string>;
  /** Whose connection ended for the sake of another that has not been told yet. */
  replaced: string | undefined;
  stopping: boolean;
}

/** Dials that cross, nodes that stop and start under the same name, and strangers who know no cookie. */
export const handshake: Scenario = {
  name: 'handshake',
  checks:
    'dials that cross, restarts under one name, strangers without the cookie: one connection for two nodes, told once',
  nodes: ['n1', 'n2', 'n3', 'stranger', 'impostor'],
  faults: {
    types: ['crash', 'pause', 'cut', 'isolate', 'partition', 'delay', 'reset', 'jump', 'drift'],
    count: 5,
    from: 50,
    until: 3000,
  },
  async run(world) {
    const [one, two, three, stranger, impostor] = world.hosts as [Host, Host, Host, Host, Host];
    const members = [one, two, three];
    /** Where the nodes listen, for who does not ask the port mapper. */
    const addresses = new Map<string, Address>();
    /** Pids of this life of a node and of earlier ones. */
    const pids: Pid[] = [];
    /** Monitors that have not fired. */
    const watchings = new Set<{ readonly by: Node; readonly what: string }>();
    let calm = false;

    const program = world.start(async (host) => {
      const member: Member = { host, node: await begin(host), up: new Set(), replaced: undefined, stopping: false };
      watch(member);
      void live(member);
      return member;
    }, members);
    world.start((host) => void harass(host), [stranger, impostor]);

    world.always('a connection is replaced by another, and by nothing less', () =>
      program.all().every(({ replaced }) => replaced === undefined),
    );
    world.always('what is connected is what was told', () =>
      program.all().every(({ node, up }) => {
        const nodes = node.nodes();
        return nodes.length === up.size && nodes.every(({ name }) => up.has(name));
      }),
    );

    async function begin(host: Host): Promise<Node> {
      const node = await Node.start({ ...optionsOf(host), cookies: cookiesOf(host) });
      addresses.set(node.name, { host: host.address, port: node.address.port });
      return node;
    }

    /** Of the first two nodes alone. */
    function cookiesOf(host: Host): Record<string, string> {
      return host === one ? { [two.nodeName]: 'of two' } : host === two ? { [one.nodeName]: 'of two' } : {};
    }

    function watch(member: Member): void {
      const { node } = member;
      const up = (member.up = new Set<string>());
      node.monitorNodes((event) => {
        const what = `${node.name}: ${event.type} ${event.node}`;
        if (event.node.startsWith('stranger')) world.fail(new Error(`${what}, which does not know the cookie`));
        if (event.type === 'nodedown') {
          if (!up.delete(event.node)) world.fail(new Error(`${what} without nodeup`));
          if (event.reason === 'replaced') member.replaced = event.node;
          return;
        }
        if (up.has(event.node)) world.fail(new Error(`${what} twice`));
        up.add(event.node);
        if (member.replaced === event.node) member.replaced = undefined;
        const { address } = event.info;
        if (address.host === impostor.address) world.fail(new Error(`${what} from the impostor`));
      });
      const { pid } = node.runtime.spawn({
        handle(message) {
          if (message !== textOf(pid)) world.fail(new Error(`${textOf(pid)} got a message for ${formatTerm(message)}`));
        },
      });
      pids.push(pid);
      if (pids.length > 20) pids.shift();
    }

    async function live(member: Member): Promise<void> {
      const { clock, random } = member.host.world;
      for (;;) {
        await clock.sleep(BEAT - (world.now % BEAT) + (random.below(3) * random.below(10)) / 20);
        const peer = members[random.below(members.length)] as Host;
        if (calm || peer === member.host) continue;
        const choice = random.below(10);
        if (choice < 4) void connect(member, peer);
        else if (choice < 6) member.node.disconnect(peer.nodeName);
        else if (choice === 6) {
          const pid = pids[random.below(pids.length)] as Pid;
          member.node.runtime.send(pid, textOf(pid));
        } else if (choice === 7) void watchAnyLife(member);
        else if (choice === 8) member.node.runtime.send({ name: 'nobody', node: peer.nodeName }, 'hello');
        else if (random.below(4) === 0) await renew(member);
      }
    }

    async function connect({ host, node }: Member, peer: Host): Promise<void> {
      const { clock } = host.world;
      const began = clock.monotonicTime();
      const { pauses } = host;
      try {
        await node.connect(peer.nodeName);
      } catch (error) {
        assert.ok(isBeamishError(error), String(error));
      }
      const took = clock.monotonicTime() - began;
      if (took > CONNECTED_WITHIN && host.pauses === pauses)
        world.fail(new Error(`${node.name} took ${took} ms to connect to ${peer.nodeName}, or not to`));
    }

    /** Of a life that has ended there is nobody, though a node of that name may live. */
    async function watchAnyLife({ node, host }: Member): Promise<void> {
      const pid = pids[host.world.random.below(pids.length)] as Pid;
      if (pid.node === node.name) return;
      const watching = { by: node, what: `${node.name} watches ${textOf(pid)}` };
      watchings.add(watching);
      const reason = await new Promise<Term>((resolve) => void node.runtime.monitor(pid, resolve));
      watchings.delete(watching);
      const owner = members.find(({ nodeName }) => nodeName === pid.node) as Host;
      if (isAtom(reason, 'noproc') && program.on(owner)?.node.runtime.isAlive(pid) === true)
        world.fail(new Error(`${node.name}: ${textOf(pid)} is told dead, and it lives`));
    }

    async function renew(member: Member): Promise<void> {
      member.stopping = true;
      await member.node.stop();
      member.node = await begin(member.host);
      watch(member);
      member.stopping = false;
    }

    /** One with another cookie; one that calls itself by the name of a member as well. Neither gets anywhere. */
    async function harass(host: Host): Promise<void> {
      const { clock, random } = host.world;
      const name = host === impostor ? one.nodeName : host.nodeName;
      const node = await Node.start({
        ...optionsOf(host),
        name,
        cookie: 'guessed',
        epmd: false,
        resolve: (nodeName) => addresses.get(nodeName),
      });
      for (;;) {
        await clock.sleep((calm ? 10 * BEAT : 0) + BEAT - (world.now % BEAT) + random.below(10) / 20);
        const peer = members[random.below(members.length)] as Host;
        await node.connect(peer.nodeName).then(
          () => peer.nodeName !== name && world.fail(new Error(`${host.name} connected to ${peer.nodeName}`)),
          () => {},
        );
      }
    }

    /** Every two dial each other in one moment, when nothing is wrong any more. */
    const crossed = async (): Promise<void> => {
      const nodes = program.all().map(({ node }) => node);
      // The live all fire with that; those of the dead have long.
      for (const node of nodes) for (const { name } of node.nodes()) node.disconnect(name);
      await world.sleep(1500);
      const dials = nodes.flatMap((from) => nodes.filter((to) => to !== from).map((to) => from.connect(to.name)));
      await Promise.all(dials);
      await world.until(() => members.every((host) => connectionsOf(host).length === members.length - 1));
      for (const host of members) assert.equal(new Set(connectionsOf(host)).size, members.length - 1, host.name);
      const open = [...watchings].filter(({ by }) => nodes.includes(by));
      assert.deepEqual(
        open.map(({ what }) => what),
        [],
      );
    };

    /** The other ends of its open connections to members, those to port mappers left out. */
    function connectionsOf(host: Host): Host[] {
      const streams = [...host.life.network.streams].filter(
        ({ local, remote }) => ![local.port, remote.port].includes(EPMD_PORT),
      );
      return streams.map(({ peer }) => peer.host).filter((other) => other !== host && members.includes(other));
    }

    let result: 'running' | 'good' | Error | undefined;
    let calmSince: number | undefined;
    world.eventually(
      'dials that cross all succeed, and one connection of each two nodes stays',
      () => {
        calm = true;
        calmSince ??= world.now;
        if (!program.complete || world.now - calmSince < 10_000) return false;
        if (program.all().some(({ stopping }) => stopping)) return false;
        if (result === undefined) {
          result = 'running';
          crossed().then(
            () => (result = 'good'),
            (error: unknown) => (result = error as Error),
          );
        }
        if (result instanceof Error) throw result;
        return result === 'good';
      },
      { within: SETTLED_WITHIN },
    );
    await world.until(() => program.complete, { within: 120_000 });
  },
};

const textOf = (pid: Pid): string => `${pid.toString()}/${pid.creation}`;

function optionsOf(host: Host): NodeOptions {
  return {
    name: host.nodeName,
    cookie: 'simulated',
    plaintext: true,
    epmd: { port: EPMD_PORT },
    world: host.world,
    host: host.address,
    tickTime: TICK_TIME,
    setupTime: SETUP_TIME,
  };
}
