import { BeamishError } from '../error/index.ts';
import type { Signal } from '../process/index.ts';
import type { Logger, Socket, Timer, TlsOptions, World } from '../world/index.ts';
import type { Connection } from './connection.ts';
import { dial, type Dial, type DialOptions } from './dial.ts';
import { handshakeError, type HandshakeHost } from './handshake/host.ts';
import type { HandshakeConfig, HandshakePeer } from './handshake/machine.ts';
import { splitNodeName } from './names.ts';
import type { Refusals } from './refusals.ts';
import type { EncodedSignal } from './wire/packets.ts';

export interface AttemptsOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly refusals: Refusals;
  /** This node's. */
  readonly name: string;
  readonly tls: () => TlsOptions | undefined;
  readonly setupTime: number;
  readonly nameFault: DialOptions['nameFault'];
  readonly locate: DialOptions['locate'];
  readonly config: () => HandshakeConfig;
  readonly allows: (nodeName: string) => boolean;
  /** Whether the node shakes hands with this one just now, on a connection that it has made. */
  readonly isArriving: (nodeName: string) => boolean;
  /** @returns the connection that takes the socket over */
  readonly established: (socket: Socket, host: HandshakeHost, peer: HandshakePeer) => Connection | undefined;
  /** What waited to be sent to the node is lost. */
  readonly lost: (nodeName: string, attempt: Attempt) => void;
}

/** Encoded when it was sent, so that it is what its sender meant, whatever happens to the value later. */
export interface Outgoing {
  readonly encoded: EncodedSignal;
  readonly signal: Signal;
}

/** What is left to know of a signal when it has been encoded: its content may be large, and is not kept. */
export function withoutContent(signal: Signal): Signal {
  switch (signal.type) {
    case 'message':
      return { ...signal, message: undefined, shared: undefined };
    case 'call':
      return { ...signal, request: undefined };
    case 'reply':
      return { ...signal, reply: undefined };
    case 'exit':
    case 'linkExit':
    case 'monitorExit':
      return { ...signal, reason: undefined };
    case 'spawnRequest':
      return { ...signal, arguments: [] };
    default:
      return signal;
  }
}

/** A connection that is wanted and not there yet. */
export interface Attempt {
  readonly queue: Outgoing[];
  queuedBytes: number;
  largeBytes: number;
  /** What was too much to be queued: it is given up then. */
  refusedBytes: number;
  readonly waiters: Set<PromiseWithResolvers<void>>;
  /** Dialling: what ends it. Absent while something else is awaited: `timer` ends that. */
  dial: Dial | undefined;
  timer: Timer | undefined;
  /** The last dial failed a moment ago, and nobody asked for this one expressly: `timer` begins it. */
  paced: boolean;
  /** Why the own dial failed, where the other's is still hoped for. */
  failure: BeamishError | undefined;
}

/** How long an incoming handshake of the same node holds back our own dial, in ms; see `#begin`. */
const HOLD_BACK = 1000;
/**
 * Milliseconds from a dial that failed to the next that a mere signal causes: who sends to a dead node in a loop must not dial
 * in a loop. A BEAM has no such rest; there the sender is suspended while the node is dialled.
 */
const REST = 250;
/** Nodes whose last failure is remembered; names come from others, too. */
const MAX_REMEMBERED = 1024;

/** The dials of a node, at most one towards each other node. */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #attempts = new Map<string, Attempt>();
  /** Monotonic time of the last dial that failed. */
  readonly #failedAt = new Map<string, number>();

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#attempts.size;
  }

  get(nodeName: string): Attempt | undefined {
    return this.#attempts.get(nodeName);
  }

  isDialling(nodeName: string): boolean {
    return this.#attempts.get(nodeName)?.dial !== undefined;
  }

  /** The attempt to connect to the node, which begins if there is none. @param now dial without a rest after a failure */
  begin(nodeName: string, now: boolean): Attempt | undefined {
    const current = this.#attempts.get(nodeName);
    if (current !== undefined) {
      if (now && current.paced) this.#dial(nodeName, current);
      return current;
    }
    if (nodeName === this.#options.name || splitNodeName(nodeName) === undefined) return undefined;
    if (!this.#options.allows(nodeName)) return undefined;
    const attempt: Attempt = {
      queue: [],
      queuedBytes: 0,
      largeBytes: 0,
      refusedBytes: 0,
      waiters: new Set(),
      dial: undefined,
      timer: undefined,
      paced: false,
      failure: undefined,
    };
    this.#attempts.set(nodeName, attempt);
    const rest = now ? 0 : this.#restOf(nodeName);
    // The node is connecting to us: wait for that, and not for long, since it has proved nothing yet.
    if (this.#options.isArriving(nodeName)) this.#dialAfter(HOLD_BACK, nodeName, attempt);
    else if (rest > 0) {
      attempt.paced = true;
      this.#dialAfter(rest, nodeName, attempt);
    } else this.#dial(nodeName, attempt);
    return attempt;
  }

  /** The connection is there. @param dialled by this node; otherwise its own dial is of no use any more. */
  take(nodeName: string, dialled: boolean): Attempt | undefined {
    const attempt = this.#attempts.get(nodeName);
    this.#attempts.delete(nodeName);
    this.#failedAt.delete(nodeName);
    attempt?.timer?.cancel();
    if (!dialled) attempt?.dial?.cancel();
    return attempt;
  }

  /** A handshake that the node began has failed. */
  arrivalEnded(nodeName: string): void {
    const attempt = this.#attempts.get(nodeName);
    if (attempt === undefined || attempt.dial !== undefined || attempt.paced) return;
    if (this.#options.isArriving(nodeName)) return;
    if (attempt.failure === undefined) this.#dial(nodeName, attempt);
    else this.#failed(nodeName, attempt, attempt.failure);
  }

  giveUp(nodeName: string, attempt: Attempt, error: BeamishError): void {
    if (this.#attempts.get(nodeName) !== attempt) return;
    this.#attempts.delete(nodeName);
    attempt.timer?.cancel();
    attempt.dial?.cancel();
    this.#options.logger.debug({ node: nodeName, err: error }, 'no connection');
    for (const waiter of attempt.waiters) waiter.reject(error);
    if (attempt.queuedBytes + attempt.refusedBytes > 0) this.#options.lost(nodeName, attempt);
  }

  stop(): void {
    for (const [name, attempt] of [...this.#attempts]) {
      this.giveUp(name, attempt, new BeamishError('closed', 'this node was stopped'));
    }
  }

  #restOf(nodeName: string): number {
    const failedAt = this.#failedAt.get(nodeName);
    return failedAt === undefined ? 0 : failedAt + REST - this.#options.world.clock.monotonicTime();
  }

  #dialAfter(delay: number, nodeName: string, attempt: Attempt): void {
    attempt.timer = this.#options.world.clock.setTimer(delay, () => this.#dial(nodeName, attempt));
  }

  #dial(nodeName: string, attempt: Attempt): void {
    attempt.timer?.cancel();
    attempt.timer = undefined;
    attempt.paced = false;
    const { world, tls, setupTime, nameFault, locate, name, logger, refusals, config, established } = this.#options;
    attempt.dial = dial({
      world,
      nodeName,
      config: config(),
      tls: tls(),
      setupTime,
      nameFault,
      locate,
      established,
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
      this.#failed(nodeName, attempt, error);
    });
  }

  #dialFailed(nodeName: string, attempt: Attempt, error: BeamishError): void {
    if (this.#attempts.get(nodeName) !== attempt) return;
    // Of two handshakes at one time one is ended by either side: the other may still be good.
    if (this.#options.isArriving(nodeName)) {
      attempt.dial = undefined;
      attempt.failure = error;
      attempt.timer = this.#options.world.clock.setTimer(HOLD_BACK, () => this.#failed(nodeName, attempt, error));
      return;
    }
    this.#failed(nodeName, attempt, error);
  }

  #failed(nodeName: string, attempt: Attempt, error: BeamishError): void {
    this.#failedAt.delete(nodeName);
    this.#failedAt.set(nodeName, this.#options.world.clock.monotonicTime());
    const oldest = this.#failedAt.keys().next();
    if (this.#failedAt.size > MAX_REMEMBERED && oldest.done !== true) this.#failedAt.delete(oldest.value);
    this.giveUp(nodeName, attempt, error);
  }
}
