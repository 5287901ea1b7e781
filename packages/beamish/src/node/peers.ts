import { BeamishError } from '../error/index.ts';
import type { Distribution, Signal } from '../process/index.ts';
import { atom, type Pid } from '../term/index.ts';
import type { Logger, Socket, Timer, TlsOptions, World } from '../world/index.ts';
import { Connection, type Receiver } from './connection.ts';
import { dial, type Dial, type DialOptions } from './dial.ts';
import { ALIAS } from './flags.ts';
import { handshakeError, HandshakeHost } from './handshake/host.ts';
import type { HandshakeConfig, HandshakeDecision, HandshakePeer } from './handshake/machine.ts';
import { compareNodeNames, splitNodeName } from './names.ts';
import type { Refusals } from './refusals.ts';
import type { NodeDownReason, NodeInfo } from './types.ts';
import { keep, SignalEncoder, type EncodedSignal } from './wire/packets.ts';

export interface PeersOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly refusals: Refusals;
  readonly name: string;
  readonly creation: number;
  readonly flags: bigint;
  readonly cookieFor: (peer: string) => string;
  readonly tls: TlsOptions | undefined;
  readonly tickTime: number;
  readonly setupTime: number;
  readonly maxFrameBytes: number;
  readonly maxQueuedBytes: number;
  readonly stallGrace: number;
  readonly maxPending: number;
  /** The sender of messages that have none. */
  readonly anyone: Pid;
  readonly locate: DialOptions['locate'];
  readonly receiver: Receiver;
  readonly connectionLost: (nodeName: string) => void;
  readonly onUp: (info: NodeInfo) => void;
  readonly onDown: (info: NodeInfo, reason: NodeDownReason) => void;
}

/** Signals that make a connection; the others would only tell a node what it has forgotten. */
const CONNECTING: ReadonlySet<Signal['type']> = new Set([
  'message',
  'link',
  'monitor',
  'exit',
  'spawnRequest',
  'groupLeader',
]);

/** How long an incoming handshake of the same node holds back our own dial, in ms; see `#begin`. */
const HOLD_BACK = 1000;

/** Encoded when it was sent, so that it is what its sender meant, whatever happens to the value later. */
interface Outgoing {
  readonly encoded: EncodedSignal;
  readonly signal: Signal;
}

/** A connection that is wanted and not there yet. */
interface Attempt {
  readonly queue: Outgoing[];
  queuedBytes: number;
  readonly waiters: Set<PromiseWithResolvers<void>>;
  /** Dialling: what ends it. Absent while the other node's own dial is awaited. */
  dial: Dial | undefined;
  timer: Timer | undefined;
  /** Why the own dial failed, where the other's is still hoped for. */
  failure: BeamishError | undefined;
}

interface Incoming {
  readonly host: HandshakeHost;
  /** Set when the peer has told its name. */
  name: string | undefined;
  /** The connection that it will replace. */
  replaces: Connection | undefined;
}

/**
 * The connections to other nodes, at most one for each: made on first use, by whichever side dials first; told up and down
 * exactly once each (protocols 2.3, 3.5).
 */
export class Peers implements Distribution {
  readonly #options: PeersOptions;
  readonly #encoder: SignalEncoder;
  readonly #connections = new Map<string, Connection>();
  readonly #attempts = new Map<string, Attempt>();
  readonly #incoming = new Set<Incoming>();
  #stopped = false;
  /** Who answers the output of what this node starts elsewhere. */
  groupLeader: Pid | undefined;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#encoder = new SignalEncoder(options.anyone);
  }

  /** Connections whose handshake goes on. */
  get pending(): number {
    return this.#incoming.size + this.#attempts.size;
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
   * @throws BeamishError `term_not_encodable`, `term_too_large` when a message cannot be sent: its sender's mistake.
   */
  route(signal: Signal, nodeName: string): void {
    // OTP before UNLINK_ID wants no acknowledgement.
    if (signal.type === 'unlinkAck' && signal.id === 0n) return;
    const connection = this.#connections.get(nodeName);
    let attempt = this.#attempts.get(nodeName);
    if (connection === undefined && attempt === undefined && !CONNECTING.has(signal.type)) return;
    const leader = this.groupLeader;
    const sent = signal.type === 'spawnRequest' && leader !== undefined ? { ...signal, groupLeader: leader } : signal;
    const encoded = this.#encoder.encode(sent);
    if (connection !== undefined) {
      this.#send(connection, { encoded, signal });
      return;
    }
    attempt ??= this.#begin(nodeName);
    if (attempt === undefined) {
      this.#options.world.clock.defer(() => this.#options.connectionLost(nodeName));
      return;
    }
    attempt.queue.push({ encoded: keep(encoded), signal });
    attempt.queuedBytes += encoded.bytes.length;
    if (attempt.queuedBytes <= this.#options.maxQueuedBytes) return;
    const error = new BeamishError('queue_full', `too much was sent to ${nodeName} before it was connected`);
    this.#options.logger.error({ node: nodeName, queuedBytes: attempt.queuedBytes }, error.message);
    // A later turn: who sends now must not be told inside of sending.
    this.#options.world.clock.defer(() => this.#giveUp(nodeName, attempt, error));
  }

  takesAlias(nodeName: string): boolean | undefined {
    const connection = this.#connections.get(nodeName);
    return connection === undefined ? undefined : (connection.info.flags & ALIAS) !== 0n;
  }

  #send(connection: Connection, { encoded, signal }: Outgoing): void {
    if (connection.send(encoded)) return;
    // The peer lacks SPAWN or ALIAS (protocols 2.4): say so to who waits for an answer.
    this.#options.logger.debug(
      { node: connection.info.name, signal: signal.type },
      'not sent: the node does not know this kind of signal',
    );
    if (signal.type !== 'spawnRequest') return;
    const { reference, from: to } = signal;
    this.#options.world.clock.defer(() =>
      this.#options.receiver.receive({
        type: 'spawnReply',
        reference,
        to,
        link: false,
        monitor: false,
        result: atom('notsup'),
      }),
    );
  }

  // --- connecting ---

  /** @throws BeamishError what the attempt failed with */
  async connect(nodeName: string, signal?: AbortSignal): Promise<void> {
    if (nodeName === this.#options.name || this.#connections.has(nodeName)) return;
    if (signal?.aborted === true) throw aborted(nodeName, signal);
    if (this.#stopped) throw new BeamishError('closed', 'this node was stopped');
    const attempt = this.#attempts.get(nodeName) ?? this.#begin(nodeName);
    if (attempt === undefined)
      throw new BeamishError('option_invalid', `${JSON.stringify(nodeName)} is no name of a node`);
    const waiter = Promise.withResolvers<void>();
    attempt.waiters.add(waiter);
    const abort = (): void => waiter.reject(aborted(nodeName, signal));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await waiter.promise;
    } finally {
      attempt.waiters.delete(waiter);
      signal?.removeEventListener('abort', abort);
      // Nobody wants it any more.
      if (attempt.waiters.size === 0 && attempt.queue.length === 0) {
        this.#giveUp(nodeName, attempt, aborted(nodeName, signal));
      }
    }
  }

  #begin(nodeName: string): Attempt | undefined {
    if (this.#stopped || nodeName === this.#options.name || splitNodeName(nodeName) === undefined) return undefined;
    const attempt: Attempt = {
      queue: [],
      queuedBytes: 0,
      waiters: new Set(),
      dial: undefined,
      timer: undefined,
      failure: undefined,
    };
    this.#attempts.set(nodeName, attempt);
    // The node is connecting to us: wait for that, and not for long, since it has proved nothing yet.
    if (this.#isIncoming(nodeName)) {
      attempt.timer = this.#options.world.clock.setTimer(HOLD_BACK, () => this.#dial(nodeName, attempt));
    } else {
      this.#dial(nodeName, attempt);
    }
    return attempt;
  }

  #isIncoming(nodeName: string): boolean {
    for (const { name } of this.#incoming) if (name === nodeName) return true;
    return false;
  }

  #dial(nodeName: string, attempt: Attempt): void {
    attempt.timer?.cancel();
    attempt.timer = undefined;
    const { world, tls, setupTime, locate, name, logger, refusals } = this.#options;
    attempt.dial = dial({
      world,
      nodeName,
      config: this.#config(),
      tls,
      setupTime,
      locate,
      established: (socket, host, peer) => this.#admit(socket, host, peer, 'out', undefined),
      yielded: () => this.#yielded(nodeName, attempt),
      refused: (socket, failure) => {
        // Told on this side too: often only one of the two logs is read.
        refusals.refuse(failure.cause, socket.remote, failure.message, { node: nodeName, direction: 'out' });
        this.#dialFailed(nodeName, attempt, handshakeError(nodeName, failure));
      },
      unreachable: (error) => {
        if (error.code === 'tls_failed') {
          logger.warn(
            { node: nodeName, cause: 'tls', err: error },
            `no TLS connection from ${name} to ${nodeName}: ${error.message}`,
          );
        }
        this.#dialFailed(nodeName, attempt, error);
      },
    });
  }

  /** Both dial, and the other's dial is the one that stays: it comes in a moment (protocols 2.3, `nok`). */
  #yielded(nodeName: string, attempt: Attempt): void {
    if (this.#attempts.get(nodeName) !== attempt) return;
    attempt.dial = undefined;
    attempt.timer?.cancel();
    attempt.timer = this.#options.world.clock.setTimer(this.#options.setupTime, () => {
      const error = new BeamishError('timeout', `${nodeName} preferred its own connection, and that did not come`, {
        retryable: true,
      });
      this.#giveUp(nodeName, attempt, error);
    });
  }

  #dialFailed(nodeName: string, attempt: Attempt, error: BeamishError): void {
    if (this.#attempts.get(nodeName) !== attempt) return;
    // Of two handshakes at one time one is ended by either side: the other may still be good.
    if (this.#isIncoming(nodeName)) {
      attempt.dial = undefined;
      attempt.failure = error;
      attempt.timer = this.#options.world.clock.setTimer(HOLD_BACK, () => this.#giveUp(nodeName, attempt, error));
      return;
    }
    this.#giveUp(nodeName, attempt, error);
  }

  #giveUp(nodeName: string, attempt: Attempt, error: BeamishError): void {
    if (this.#attempts.get(nodeName) !== attempt) return;
    this.#attempts.delete(nodeName);
    attempt.timer?.cancel();
    attempt.dial?.cancel();
    this.#options.logger.debug({ node: nodeName, err: error }, 'no connection');
    for (const waiter of attempt.waiters) waiter.reject(error);
    if (attempt.queue.length > 0) this.#options.connectionLost(nodeName);
  }

  // --- being connected to ---

  accept(socket: Socket): void {
    const { maxPending, refusals } = this.#options;
    if (this.#stopped || this.#incoming.size >= maxPending) {
      socket.handle({ data() {}, close() {} });
      if (!this.#stopped)
        refusals.refuse('limit', socket.remote, `more than ${maxPending} connections at one time that prove nothing`);
      socket.destroy();
      return;
    }
    const host: HandshakeHost = new HandshakeHost({
      socket,
      clock: this.#options.world.clock,
      config: this.#config(),
      tls: this.#options.tls !== undefined,
      setupTime: this.#options.setupTime,
      hooks: {
        decide: (name, nameMe) => this.#decide(incoming, name, nameMe),
        established: (peer) => {
          this.#incoming.delete(incoming);
          return this.#admit(socket, host, peer, 'in', incoming.replaces);
        },
        yielded() {},
        failed: (failure) => {
          this.#incoming.delete(incoming);
          refusals.refuse(
            failure.cause,
            socket.remote,
            failure.message,
            incoming.name === undefined ? {} : { node: incoming.name },
          );
          if (incoming.name !== undefined) this.#incomingEnded(incoming.name);
        },
      },
    });
    const incoming: Incoming = { host, name: undefined, replaces: undefined };
    this.#incoming.add(incoming);
  }

  /** Nothing is kept for the name, which is not proved: it is only noted with the connection. */
  #decide(incoming: Incoming, name: string, nameMe: boolean): HandshakeDecision {
    const { world } = this.#options;
    if (nameMe) {
      const random = Buffer.from(world.random.bytes(8)).readBigUInt64BE().toString(36).toUpperCase();
      const creation = (world.random.uint32() | 4) >>> 0;
      return { status: 'named', name: `${random}@${name}`, creation };
    }
    if (this.#stopped || name === this.#options.name) return { status: 'not_allowed' };
    const connection = this.#connections.get(name);
    if (connection === undefined && this.#keepsOwnDial(name)) return { status: 'nok' };
    incoming.name = name;
    if (connection !== undefined) {
      incoming.replaces = connection;
      return { status: 'alive' };
    }
    // The own dial goes on until this one has proved who it is: the other side ends it with `nok`.
    return { status: this.#attempts.get(name)?.dial === undefined ? 'ok' : 'ok_simultaneous' };
  }

  /** Of two dials that cross, that of the greater name stays (protocols 2.3). */
  #keepsOwnDial(name: string): boolean {
    return this.#attempts.get(name)?.dial !== undefined && compareNodeNames(this.#options.name, name) > 0;
  }

  /** Somebody waited for that handshake, which failed. */
  #incomingEnded(name: string): void {
    const attempt = this.#attempts.get(name);
    if (attempt === undefined || attempt.dial !== undefined || attempt.timer === undefined) return;
    if (this.#isIncoming(name)) return;
    if (attempt.failure === undefined) this.#dial(name, attempt);
    else this.#giveUp(name, attempt, attempt.failure);
  }

  // --- connected ---

  #admit(
    socket: Socket,
    host: HandshakeHost,
    peer: HandshakePeer,
    direction: 'in' | 'out',
    replaces: Connection | undefined,
  ): Connection | undefined {
    const { name } = peer;
    const attempt = this.#attempts.get(name);
    const current = this.#connections.get(name);
    if (this.#stopped) return undefined;
    if (current !== undefined && current !== replaces) return this.#notWanted(socket, name, 'it is connected already');
    if (direction === 'in' && replaces === undefined && this.#keepsOwnDial(name)) {
      return this.#notWanted(socket, name, 'the own connection to it comes first');
    }
    current?.close('replaced');
    this.#attempts.delete(name);
    attempt?.timer?.cancel();
    if (direction === 'in') attempt?.dial?.cancel();
    const { world, logger, name: ownName, tickTime, maxFrameBytes, maxQueuedBytes, stallGrace } = this.#options;
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
      maxQueuedBytes,
      stallGrace,
      onUp: () => {
        for (const outgoing of attempt?.queue ?? []) this.#send(connection, outgoing);
        for (const waiter of attempt?.waiters ?? []) waiter.resolve();
        this.#options.onUp(connection.info);
      },
      receiver: this.#options.receiver,
      onDown: (reason) => this.#down(connection, reason),
    });
    this.#connections.set(name, connection);
    return connection;
  }

  #notWanted(socket: Socket, name: string, message: string): undefined {
    this.#options.refusals.refuse('simultaneous', socket.remote, `${name}: ${message}`, { node: name });
    this.#incomingEnded(name);
  }

  #down(connection: Connection, reason: NodeDownReason): void {
    const { name } = connection.info;
    if (this.#connections.get(name) === connection) this.#connections.delete(name);
    this.#options.connectionLost(name);
    this.#options.onDown(connection.info, reason);
  }

  /** @returns whether it was connected or about to be. */
  disconnect(nodeName: string): boolean {
    const attempt = this.#attempts.get(nodeName);
    if (attempt !== undefined) {
      this.#giveUp(nodeName, attempt, new BeamishError('aborted', `${nodeName} was disconnected`));
      return true;
    }
    const connection = this.#connections.get(nodeName);
    connection?.close('disconnected');
    return connection !== undefined;
  }

  /** Ends every attempt and every connection, after what is queued was sent. */
  stop(): void {
    this.#stopped = true;
    for (const [name, attempt] of [...this.#attempts]) {
      this.#giveUp(name, attempt, new BeamishError('closed', 'this node was stopped'));
    }
    for (const { host } of this.#incoming) host.cancel();
    this.#incoming.clear();
    for (const connection of this.all()) connection.close('stopped');
  }

  #config(): HandshakeConfig {
    const { name, creation, flags, cookieFor, world } = this.#options;
    return { name, creation, flags, cookieFor, challenge: world.random.uint32() };
  }
}

function aborted(nodeName: string, signal: AbortSignal | undefined): BeamishError {
  return new BeamishError('aborted', `connecting to ${nodeName} was aborted`, { cause: signal?.reason });
}
