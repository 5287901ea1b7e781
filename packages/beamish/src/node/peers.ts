import { BeamishError } from '../error/index.ts';
import type { Distribution, Signal } from '../process/index.ts';
import { atom, type Pid } from '../term/index.ts';
import type { Logger, Socket, TlsOptions, World } from '../world/index.ts';
import { Arrivals } from './arrivals.ts';
import { Attempts, withoutContent, type Outgoing } from './attempts.ts';
import { abortError, Connection, LOW_WATER, type Receiver } from './connection.ts';
import type { DialOptions } from './dial.ts';
import { ALIAS, CALLS } from './flags.ts';
import type { HandshakeHost } from './handshake/host.ts';
import type { HandshakeConfig, HandshakePeer } from './handshake/machine.ts';
import { compareNodeNames } from './names.ts';
import { checkRoom, isTooMuch } from './room.ts';
import type { Refusals } from './refusals.ts';
import type { NodeDownReason, NodeInfo } from './types.ts';
import { keep, SignalEncoder } from './wire/packets.ts';

export interface PeersOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly refusals: Refusals;
  readonly name: string;
  readonly creation: number;
  readonly flags: bigint;
  readonly cookieFor: (peer: string) => string;
  readonly tls: () => TlsOptions | undefined;
  readonly tickTime: number;
  readonly setupTime: number;
  readonly maxFrameBytes: number;
  readonly maxMessageBytes: number;
  readonly maxQueuedBytes: number;
  readonly stallGrace: number;
  readonly maxPending: number;
  /** Whether this node may be connected to that one. Never throws. */
  readonly allows: (nodeName: string) => boolean;
  readonly nameFault: DialOptions['nameFault'];
  /** The sender of messages that have none. */
  readonly anyone: Pid;
  readonly locate: DialOptions['locate'];
  readonly receiver: Receiver;
  readonly connectionLost: (nodeName: string) => void;
  readonly onUp: (info: NodeInfo) => void;
  readonly onDown: (info: NodeInfo, reason: NodeDownReason) => void;
}

/** What it costs to remember a signal until there is a connection, beside its bytes. */
const OVERHEAD = 512;

/** Signals that make a connection; the others would only tell a node what it has forgotten. */
const CONNECTING: ReadonlySet<Signal['type']> = new Set([
  'message',
  'link',
  'monitor',
  'exit',
  'spawnRequest',
  'groupLeader',
]);

/**
 * The connections to other nodes, at most one for each: made on first use, by whichever side dials first; told up and down
 * exactly once each (protocols 2.3, 3.5).
 */
export class Peers implements Distribution {
  readonly #options: PeersOptions;
  readonly #encoder: SignalEncoder;
  readonly #connections = new Map<string, Connection>();
  readonly #attempts: Attempts;
  readonly #arrivals: Arrivals;
  #stopped = false;
  /** See `NodeStatistics`. */
  readonly ended: Partial<Record<NodeDownReason, number>> = {};
  lostBytes = 0;
  /** Who answers the output of what this node starts elsewhere. */
  groupLeader: Pid | undefined;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#encoder = new SignalEncoder(options.anyone, 2 * options.maxQueuedBytes);
    const { world, logger, refusals, name, tls, setupTime, locate, maxPending, allows, nameFault } = options;
    const config = (): HandshakeConfig => this.#config();
    this.#attempts = new Attempts({
      world,
      logger,
      refusals,
      name,
      tls,
      setupTime,
      locate,
      config,
      allows,
      nameFault,
      isArriving: (nodeName) => this.#arrivals.has(nodeName),
      established: (socket, host, peer) => this.#admit(socket, host, peer, 'out', undefined),
      lost: (nodeName, { queuedBytes, refusedBytes }) => {
        this.lostBytes += queuedBytes + refusedBytes;
        options.connectionLost(nodeName);
      },
    });
    this.#arrivals = new Arrivals({
      clock: world.clock,
      random: world.random,
      refusals,
      tls: tls() !== undefined,
      setupTime,
      maxPending,
      config,
      allows: (nodeName) => nodeName !== name && allows(nodeName),
      nameFault,
      connected: (nodeName) => this.#connections.get(nodeName),
      isDialling: (nodeName) => this.#attempts.isDialling(nodeName),
      keepsOwnDial: (nodeName) => this.#keepsOwnDial(nodeName),
      established: (socket, host, peer, replaces) => this.#admit(socket, host, peer, 'in', replaces),
      ended: (nodeName) => this.#attempts.arrivalEnded(nodeName),
    });
  }

  /** Connections whose handshake goes on. */
  get pending(): number {
    return this.#arrivals.size + this.#attempts.size;
  }

  get(nodeName: string): Connection | undefined {
    return this.#connections.get(nodeName);
  }

  all(): Connection[] {
    return [...this.#connections.values()];
  }

  // --- Distribution ---

  /**
   * Hands a signal to the connection, connecting first if need be.
   * @throws BeamishError `term_not_encodable`, `term_too_large` when a message cannot be sent: its sender's mistake;
   * `queue_full` when a large one finds no room: its sender's to wait.
   */
  route(signal: Signal, nodeName: string): void {
    // OTP before UNLINK_ID wants no acknowledgement.
    if (signal.type === 'unlinkAck' && signal.id === 0n) return;
    const connection = this.#connections.get(nodeName);
    if (connection === undefined && this.#attempts.get(nodeName) === undefined && !CONNECTING.has(signal.type)) return;
    const leader = this.groupLeader;
    const defaulted = signal.type === 'spawnRequest' && signal.groupLeader === this.#options.anyone;
    const sent = defaulted && leader !== undefined ? { ...signal, groupLeader: leader } : signal;
    const { maxQueuedBytes } = this.#options;
    const encoded = this.#encoder.encode(sent, (bytes) =>
      checkRoom(bytes, connection ?? this.#attempts.get(nodeName), maxQueuedBytes, nodeName),
    );
    if (connection !== undefined) {
      this.#send(connection, { encoded, signal });
      return;
    }
    const attempt = this.#stopped ? undefined : this.#attempts.begin(nodeName, false);
    if (attempt === undefined) {
      this.#options.world.clock.defer(() => this.#options.connectionLost(nodeName));
      return;
    }
    const cost = encoded.length + OVERHEAD;
    const largeBytes = attempt.largeBytes + (encoded.rest === undefined ? 0 : cost);
    const waiting = { queuedBytes: attempt.queuedBytes + cost, largeBytes };
    if (attempt.refusedBytes === 0 && !isTooMuch(waiting, maxQueuedBytes)) {
      Object.assign(attempt, waiting);
      attempt.queue.push({ encoded: keep(encoded), signal: withoutContent(signal) });
      return;
    }
    attempt.refusedBytes += cost;
    if (attempt.refusedBytes > cost) return;
    const error = new BeamishError('queue_full', `too much was sent to ${nodeName} before it was connected`);
    this.#options.logger.error({ node: nodeName, queuedBytes: attempt.queuedBytes }, error.message);
    // A later turn: who sends now must not be told inside of sending.
    this.#options.world.clock.defer(() => this.#attempts.giveUp(nodeName, attempt, error));
  }

  isConnected(nodeName: string): boolean {
    return this.#connections.has(nodeName);
  }

  takesAlias(nodeName: string): boolean | undefined {
    const connection = this.#connections.get(nodeName);
    return connection === undefined ? undefined : (connection.info.flags & ALIAS) !== 0n;
  }

  takesCalls(nodeName: string): boolean {
    const connection = this.#connections.get(nodeName);
    return connection !== undefined && (connection.info.flags & CALLS) !== 0n;
  }

  #send(connection: Connection, { encoded, signal }: Outgoing): void {
    if (connection.send(encoded, signal)) return;
    // The peer lacks SPAWN or ALIAS (protocols 2.4): say so to who waits for an answer.
    this.#options.logger.debug(
      { node: connection.info.name, signal: signal.type },
      'not sent: the node does not know this kind of signal',
    );
    if (signal.type !== 'spawnRequest') return;
    const { reference, from: to, node } = signal;
    this.#options.world.clock.defer(() =>
      this.#options.receiver.receive(
        { type: 'spawnReply', node, reference, to, link: false, monitor: false, result: atom('notsup') },
        node,
      ),
    );
  }

  // --- connecting ---

  /** @throws BeamishError what the attempt failed with */
  async connect(nodeName: string, signal?: AbortSignal): Promise<void> {
    if (nodeName === this.#options.name || this.#connections.has(nodeName)) return;
    if (signal?.aborted === true) throw aborted(nodeName, signal);
    if (this.#stopped) throw new BeamishError('closed', 'this node was stopped');
    if (!this.#options.allows(nodeName))
      throw new BeamishError('noconnection', `${nodeName} is none of the nodes that \`allow\` of this node names`);
    const attempt = this.#attempts.begin(nodeName, true);
    if (attempt === undefined)
      throw new BeamishError('option_invalid', `${JSON.stringify(nodeName)} is no name of a node`);
    const waiter = Promise.withResolvers<void>();
    attempt.waiters.add(waiter);
    const abort = (): void => {
      const error = aborted(nodeName, signal);
      waiter.reject(error);
      attempt.waiters.delete(waiter);
      // Nobody wants it any more.
      if (attempt.waiters.size === 0 && attempt.queue.length === 0) this.#attempts.giveUp(nodeName, attempt, error);
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await waiter.promise;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  accept(socket: Socket): void {
    if (!this.#stopped) {
      this.#arrivals.accept(socket);
      return;
    }
    socket.handle({ data() {}, close() {} });
    socket.destroy();
  }

  /** Of two dials that cross, that of the greater name stays (protocols 2.3). */
  #keepsOwnDial(name: string): boolean {
    return this.#attempts.isDialling(name) && compareNodeNames(this.#options.name, name) > 0;
  }

  // --- connected ---

  /** The connection on which this node got its name. */
  adopt(socket: Socket, host: HandshakeHost, peer: HandshakePeer): Connection | undefined {
    return this.#admit(socket, host, peer, 'out', undefined);
  }

  #admit(
    socket: Socket,
    host: HandshakeHost,
    peer: HandshakePeer,
    direction: 'in' | 'out',
    replaces: Connection | undefined,
  ): Connection | undefined {
    const { name } = peer;
    const current = this.#connections.get(name);
    if (this.#stopped) return undefined;
    if (current !== undefined && current !== replaces) return this.#notWanted(socket, name, 'it is connected already');
    if (direction === 'in' && replaces === undefined && this.#keepsOwnDial(name)) {
      return this.#notWanted(socket, name, 'the own connection to it comes first');
    }
    current?.close('replaced');
    const attempt = this.#attempts.take(name, direction === 'out');
    const { world, logger, name: ownName, tickTime, maxQueuedBytes, stallGrace } = this.#options;
    const { maxFrameBytes, maxMessageBytes } = this.#options;
    const connection: Connection = new Connection({
      socket,
      reader: host.reader,
      peer,
      direction,
      ownName,
      clock: world.clock,
      logger,
      tickTime,
      maxFrameBytes,
      maxMessageBytes,
      maxQueuedBytes,
      stallGrace,
      onUp: () => {
        for (const outgoing of attempt?.queue ?? []) this.#send(connection, outgoing);
        for (const waiter of attempt?.waiters ?? []) waiter.resolve();
        this.#options.onUp(connection.info);
      },
      receiver: this.#options.receiver,
      onDown: (reason, _error, lostBytes) => this.#down(connection, reason, lostBytes),
    });
    this.#connections.set(name, connection);
    return connection;
  }

  #notWanted(socket: Socket, name: string, message: string): undefined {
    this.#options.refusals.refuse('simultaneous', socket.remote, `${name}: ${message}`, { node: name });
    this.#attempts.arrivalEnded(name);
  }

  #down(connection: Connection, reason: NodeDownReason, lostBytes: number): void {
    this.ended[reason] = (this.ended[reason] ?? 0) + 1;
    this.lostBytes += lostBytes;
    const { name } = connection.info;
    if (this.#connections.get(name) === connection) this.#connections.delete(name);
    this.#options.connectionLost(name);
    this.#options.onDown(connection.info, reason);
  }

  /** See `RemoteNode.queuedBytes`. */
  queuedBytes(nodeName: string): number {
    return this.#connections.get(nodeName)?.queuedBytes ?? this.#attempts.get(nodeName)?.queuedBytes ?? 0;
  }

  /** See `RemoteNode.drained`. */
  async drained(nodeName: string, signal: AbortSignal | undefined): Promise<void> {
    const attempt = this.#attempts.get(nodeName);
    if (attempt !== undefined && attempt.queuedBytes > LOW_WATER) {
      const over = Promise.withResolvers<void>();
      const abort = (): void => over.reject(abortError(signal));
      signal?.addEventListener('abort', abort, { once: true });
      // Failed or not, nothing waits any more.
      const waiter = { ...over, reject: () => over.resolve() };
      attempt.waiters.add(waiter);
      if (signal?.aborted === true) abort();
      await over.promise.finally(() => {
        attempt.waiters.delete(waiter);
        signal?.removeEventListener('abort', abort);
      });
    }
    await this.#connections.get(nodeName)?.drained(signal);
  }

  /** @returns whether it was connected or about to be. */
  disconnect(nodeName: string): boolean {
    const attempt = this.#attempts.get(nodeName);
    if (attempt !== undefined) {
      this.#attempts.giveUp(nodeName, attempt, new BeamishError('aborted', `${nodeName} was disconnected`));
      return true;
    }
    const connection = this.#connections.get(nodeName);
    connection?.close('disconnected');
    return connection !== undefined;
  }

  /** Ends every attempt and every connection, after what is queued was sent. */
  stop(): void {
    this.#stopped = true;
    this.#attempts.stop();
    this.#arrivals.stop();
    for (const connection of this.all()) connection.close('stopped');
  }

  #config(): HandshakeConfig {
    const { name, creation, flags, cookieFor, world } = this.#options;
    const hasSet = (challenge: number): boolean => this.#arrivals.hasSet(challenge);
    return { name, creation, flags, cookieFor, challenge: world.random.uint32(), hasSet };
  }
}

function aborted(nodeName: string, signal: AbortSignal | undefined): BeamishError {
  return new BeamishError('aborted', `connecting to ${nodeName} was aborted`, { cause: signal?.reason });
}
