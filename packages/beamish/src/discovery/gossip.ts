import { BeamishError, isBeamishError } from '../error/index.ts';
import type { DatagramSocket } from '../world/index.ts';
import { decryptPacket, encryptPacket, gossipKey, heartbeat, MAX_PACKET, parseHeartbeat } from './gossip-packet.ts';
import { isDialableName } from './node-name.ts';
import type { DiscoveryContext, DiscoveryStrategy } from './strategy.ts';
import { TokenBucket } from './token-bucket.ts';

/** Names and defaults are libcluster's, so that Elixir nodes need no setting of their own. */
export interface GossipOptions {
  /** The UDP port, the same on all nodes. @default 45892 */
  readonly port?: number;
  /** The local address to bind (libcluster's `if_addr`). @default '0.0.0.0' */
  readonly interface?: string;
  /** The multicast group or, with `broadcastOnly`, the address to send to. @default '233.252.1.32' */
  readonly address?: string;
  /** The address of the interface that joins the group. @default the system's choice */
  readonly multicastInterface?: string;
  /** Routers that a packet may pass, and one. @default 1 */
  readonly ttl?: number;
  /**
   * Shared by all nodes: packets are encrypted, others are dropped. It hides names and keeps strangers out by and large,
   * but a packet is not authenticated; what keeps a stranger out of the cluster is the cookie.
   */
  readonly secret?: string;
  /** Joins no multicast group. @default false */
  readonly broadcastOnly?: boolean;
  /** Milliseconds: the longest pause between two packets; each is a random part of it. @default 5000 */
  readonly interval?: number;
  /** Names not heard before that are taken in one minute. Above it they are dropped, and counted. @default 60 */
  readonly newNamesPerMinute?: number;
}

/** A name that never answered is dialled no longer than this after it was last heard, in ms. */
const EXPIRES_AFTER = 5 * 60_000;
const PACKETS_PER_SECOND = 200;
const REMEMBERED_NAMES = 1024;
const BIND_RETRY = 5000;

type Settings = Required<Omit<GossipOptions, 'secret' | 'multicastInterface'>> & GossipOptions;

/**
 * Nodes that tell their names by UDP multicast or broadcast: libcluster's `Cluster.Strategy.Gossip` (protocols 10).
 *
 * @throws BeamishError `option_invalid`.
 */
export function gossip(options: GossipOptions = {}): DiscoveryStrategy {
  const settings: Settings = {
    port: 45892,
    interface: '0.0.0.0',
    address: '233.252.1.32',
    ttl: 1,
    broadcastOnly: false,
    interval: 5000,
    newNamesPerMinute: 60,
    ...options,
  };
  const faults = [
    !inRange(settings.port, 1, 65535) && `port must be 1 to 65535, not ${settings.port}`,
    !inRange(settings.ttl, 0, 255) && `ttl must be 0 to 255, not ${settings.ttl}`,
    !inRange(settings.interval, 10, 3_600_000) && `interval must be 10 to 3600000 ms, not ${settings.interval}`,
    !inRange(settings.newNamesPerMinute, 1, 1_000_000) && 'newNamesPerMinute must be an integer of at least 1',
    settings.secret === '' && 'secret must not be empty; leave it out to send in the clear',
  ].filter((fault) => fault !== false);
  if (faults.length > 0) throw new BeamishError('option_invalid', faults.join('; '));
  return { name: 'gossip', run: (context) => new Gossip(settings, context).run() };
}

function inRange(value: number, lowest: number, highest: number): boolean {
  return Number.isSafeInteger(value) && value >= lowest && value <= highest;
}

class Gossip {
  readonly #settings: Settings;
  readonly #context: DiscoveryContext;
  readonly #key: Uint8Array | undefined;
  readonly #payload: Uint8Array;
  readonly #packets: TokenBucket;
  readonly #newNames: TokenBucket;
  /** Heard before, the least recent first. */
  readonly #known = new Set<string>();
  /** Kinds of trouble that were logged; each only once. */
  readonly #logged = new Set<string>();

  constructor(settings: Settings, context: DiscoveryContext) {
    const { clock } = context.world;
    this.#settings = settings;
    this.#context = context;
    this.#key = settings.secret === undefined ? undefined : gossipKey(settings.secret);
    this.#payload = heartbeat(context.nodeName);
    this.#packets = new TokenBucket(clock, PACKETS_PER_SECOND, PACKETS_PER_SECOND);
    this.#newNames = new TokenBucket(clock, settings.newNamesPerMinute, settings.newNamesPerMinute / 60);
  }

  async run(): Promise<void> {
    const { world, signal } = this.#context;
    let socket: DatagramSocket | undefined;
    try {
      while (!signal.aborted) {
        socket ??= await this.#bind();
        if (socket !== undefined) this.#send(socket);
        const pause = socket === undefined ? BIND_RETRY : 1 + world.random.below(this.#settings.interval);
        await world.clock.sleep(pause, { signal });
      }
    } catch (error) {
      if (!isBeamishError(error, 'aborted')) throw error;
    } finally {
      await socket?.close();
    }
  }

  async #bind(): Promise<DatagramSocket | undefined> {
    const { port, address, interface: host, broadcastOnly, multicastInterface, ttl } = this.#settings;
    const multicast = {
      group: address,
      ttl,
      loopback: true,
      ...(multicastInterface && { interface: multicastInterface }),
    };
    try {
      const socket = await this.#context.world.network.bindDatagram({
        host,
        port,
        reuseAddress: true,
        broadcast: true,
        ...(!broadcastOnly && { multicast }),
        onMessage: (packet, from) => this.#receive(packet, from.host),
        onError: (error) => this.#logOnce('socket', { err: error }, 'the gossip socket has trouble; going on'),
      });
      if (this.#logged.delete('bind')) this.#context.logger.info({ port }, 'the gossip socket is open now');
      return socket;
    } catch (error) {
      this.#logOnce('bind', { err: error, host, port, address }, 'cannot open the gossip socket; trying on');
      return undefined;
    }
  }

  #send(socket: DatagramSocket): void {
    const { address, port } = this.#settings;
    const packet =
      this.#key === undefined
        ? this.#payload
        : encryptPacket(this.#payload, this.#key, this.#context.world.random.bytes(16));
    socket.send(packet, { host: address, port });
  }

  #receive(packet: Uint8Array, from: string): void {
    if (!this.#packets.take()) {
      this.#logOnce(
        'flood',
        { from },
        `more than ${PACKETS_PER_SECOND} gossip packets in a second; the rest is dropped`,
      );
      return;
    }
    const payload = packet.length > MAX_PACKET ? undefined : this.#decrypt(packet);
    const name = payload && parseHeartbeat(payload);
    if (name === undefined) {
      this.#logOnce('packet', { from }, 'dropped a packet that is no gossip of this cluster; further ones too');
    } else if (name !== this.#context.nodeName) this.#heard(name, from);
  }

  #decrypt(packet: Uint8Array): Uint8Array | undefined {
    return this.#key === undefined ? packet : decryptPacket(packet, this.#key);
  }

  #heard(name: string, from: string): void {
    if (!isDialableName(name)) {
      this.#logOnce('name', { from, name: name.slice(0, 100) }, 'dropped gossip of a name that no node can have');
      return;
    }
    if (!this.#known.delete(name) && !this.#newNames.take()) {
      this.#logOnce('names', { from }, 'too many new names by gossip; further ones must wait');
      return;
    }
    this.#known.add(name);
    for (const oldest of this.#known) {
      if (this.#known.size <= REMEMBERED_NAMES) break;
      this.#known.delete(oldest);
    }
    this.#context.report([name], { complete: false, expiresAfter: EXPIRES_AFTER });
  }

  #logOnce(kind: string, fields: object, message: string): void {
    if (this.#logged.has(kind)) return;
    this.#logged.add(kind);
    this.#context.logger.warn(fields, message);
  }
}
