/** A program with some nodes that meet the subject, and that die, hang or break off as they are told; or one that only annoys it. */
import { connect, createServer, Socket } from 'node:net';
import { Global } from '../../src/global/index.ts';
import { Groups } from '../../src/groups/index.ts';
import { GenServer } from '../../src/process/index.ts';
import { PubSub } from '../../src/pubsub/index.ts';
import { Node } from '../../src/node/index.ts';
import { atom, type Pid, type Term } from '../../src/term/index.ts';
import { createLogger, realWorld, type Address } from '../../src/world/index.ts';
import { censusOf, differences, type Census, type Counted } from '../support/census.ts';
import { countedWorld } from '../support/counted-world.ts';
import { eventually } from '../support/eventually.ts';
import { serve } from './ipc.ts';
import { COOKIE, CROWD, FOR_EVER, PUBSUB, SCOPE, settings, SUBJECT } from './shared.ts';

class Echo extends GenServer {
  readonly #groups: Groups;
  readonly #global: Global | undefined;
  constructor(groups: Groups, global: Global | undefined) {
    super();
    this.#groups = groups;
    this.#global = global;
  }
  echo(term: Term): Term {
    return term;
  }
  /** A process that is bound to the hub of the subject in every way, and ends with its link. */
  async partner(hub: Pid): Promise<Pid> {
    const { pid } = this.process.runtime.spawn({
      init(self) {
        self.link(hub);
        self.monitor(hub);
        self.call({ name: 'hole', node: SUBJECT }, 'never', { timeout: FOR_EVER }).catch(() => {});
      },
      handle() {},
    });
    this.#groups.join(CROWD, pid);
    if (this.#global !== undefined) {
      // Both end with it, and with the connection.
      await this.#global.sync();
      await this.#global.register(atom(pid.node), pid);
      await this.#global.setLock(atom(pid.node), { owner: pid });
    }
    return pid;
  }
}

interface Peer extends Counted {
  readonly groups: Groups;
  readonly pubsub: PubSub;
  census: Census;
}

const peers: Peer[] = [];
/** The ends of functions that the subject has spawned here. */
const lives = new Set<() => void>();

/** @param far where the subject is, for a program in a network of its own, which has a port mapper of its own */
async function start(names: readonly string[], far?: Address): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      const counted = countedWorld(realWorld({ logger: createLogger({ level: 'fatal' }) }));
      const node = await Node.start({
        name,
        cookie: COOKIE,
        world: counted.world,
        plaintext: true,
        hidden: !settings.global,
        ...(settings.tls === undefined ? {} : { tls: settings.tls }),
        epmd: { port: settings.epmdPort, embedded: far === undefined ? 'never' : 'auto' },
        resolve: (name) => (name === SUBJECT ? far : undefined),
        // The subject is to notice first.
        tickTime: 4 * settings.tickTime,
        setupTime: 7000,
      });
      const global = settings.global ? await Global.start(node, { preventOverlappingPartitions: false }) : undefined;
      const groups = await Groups.start(node, SCOPE);
      const pubsub = await PubSub.start(node, PUBSUB);
      pubsub.subscribe('ping', (message) => pubsub.directBroadcast(SUBJECT, 'pong', message));
      await node.spawn(Echo, [groups, global], { name: 'echo' });
      node.runtime.spawn({ handle() {} }, { name: 'hole' });
      node.expose('torture', { live: () => new Promise<Term>((resolve) => void lives.add(() => resolve('over'))) });
      peers.push({ node, counted, global, groups, pubsub, census: {} });
    }),
  );
  for (const peer of peers) {
    // Who has asked its port mapper is gone.
    await eventually(() => !peer.counted.timers().some((where) => where.startsWith('epmd/server')), {
      timeout: 10_000,
    });
    peer.census = censusOf(peer);
  }
}

function find(name: string): Peer {
  const peer = peers.find(({ node }) => node.name === name);
  if (peer === undefined) throw new Error(`no node ${name} here`);
  return peer;
}

/** When the subject is gone for every node here: what is more than before it came. */
async function gone(): Promise<string[]> {
  for (const end of lives) end();
  lives.clear();
  const leaks = (): string[] =>
    peers.flatMap((peer) => differences(peer.census, censusOf(peer)).map((text) => `${peer.node.name}, ${text}`));
  await eventually(() => leaks().length === 0, { timeout: settings.patience, interval: 20 }).catch(() => {});
  return leaks();
}

/** Breaks off the connections to the subject below its node's feet; those to the port mapper stay. */
function sever(how: 'destroy' | 'reset', port: number): void {
  const isOurs = (remote: number | undefined, local: number | undefined): boolean =>
    remote === port || peers.some(({ node }) => node.address.port === local);
  if (how === 'destroy') {
    for (const { counted } of peers) {
      for (const socket of [...counted.open]) if (isOurs(socket.remote.port, socket.local.port)) socket.destroy();
    }
    return;
  }
  const { _getActiveHandles } = process as unknown as { _getActiveHandles: () => unknown[] };
  for (const handle of _getActiveHandles.call(process)) {
    if (handle instanceof Socket && isOurs(handle.remotePort, handle.localPort)) handle.resetAndDestroy();
  }
}

/** A name message as OTP 23 and later send it: flags, creation, name (protocols 2.2). */
function nameMessage(name: string): Buffer {
  const head = Buffer.alloc(17);
  head.writeUInt16BE(15 + name.length, 0);
  head.write('N', 2);
  head.writeBigUInt64BE(0x1_0d07_fb4ff7n | (1n << 26n), 3);
  head.writeUInt32BE(77, 11);
  head.writeUInt16BE(name.length, 15);
  return Buffer.concat([head, Buffer.from(name)]);
}

/**
 * Handshakes that stop: at once, within a message, after it, under names of others. Some are reset when they are answered; the
 * others stay open on this side when the other has said its end: it must let go by itself.
 */
async function half(port: number, names: readonly string[]): Promise<void> {
  const claimed = ['ghost1@127.0.0.1', ...names].map(nameMessage);
  const beginnings = [Buffer.alloc(0), Buffer.of(0), ...claimed, Buffer.from('GET / ')];
  await Promise.all(
    beginnings.map(
      (bytes, index) =>
        new Promise<void>((resolve) => {
          const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
          socket.on('error', () => {}).on('close', () => resolve());
          socket.on('end', () => resolve());
          socket.on('data', () => index % 2 === 0 && socket.resetAndDestroy());
          socket.write(bytes);
        }),
    ),
  );
}

/** A port that accepts and is silent. */
async function openMute(): Promise<number> {
  const mute = createServer({ allowHalfOpen: true }, (socket) => void socket.on('error', () => {}).resume());
  await new Promise<void>((resolve) => void mute.listen(0, '127.0.0.1', resolve));
  return (mute.address() as { port: number }).port;
}

const methods = {
  start,
  connect: async (name: string) => find(name).node.connect(SUBJECT),
  stop: async () => {
    await Promise.all(peers.splice(0).map(({ node }) => node.stop()));
  },
  disconnect: () => {
    for (const { node } of peers) node.disconnect(SUBJECT);
  },
  sever,
  gone,
  half,
  openMute,
};
export type PeerMethods = typeof methods;
serve(methods);
