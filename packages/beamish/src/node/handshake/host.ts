import { BeamishError } from '../../error/index.ts';
import type { Clock, Socket, Timer } from '../../world/index.ts';
import type { Connection } from '../connection.ts';
import { FrameReader } from '../wire/frame-reader.ts';
import {
  accept,
  initiate,
  stepHandshake,
  type GivenName,
  type HandshakeConfig,
  type HandshakeDecision,
  type HandshakeEffect,
  type HandshakeFailure,
  type HandshakeInput,
  type HandshakePeer,
  type HandshakeState,
} from './machine.ts';
import { MAX_HANDSHAKE_BYTES } from './messages.ts';

export interface HandshakeHooks {
  /** Acceptor: what to answer to a node that says it is `name`. */
  decide(name: string, nameMe: boolean): HandshakeDecision;
  /** @returns the connection that takes the socket over; undefined: not wanted any more, it is closed. */
  established(peer: HandshakePeer, given?: GivenName): Connection | undefined;
  /** Initiator: the other side keeps its own attempt. */
  yielded(): void;
  failed(failure: HandshakeFailure): void;
}

export interface HandshakeOptions {
  readonly socket: Socket;
  readonly clock: Clock;
  readonly config: HandshakeConfig;
  /** Whom this side dials; absent: it was dialled. */
  readonly expected?: string;
  /** Over TLS lengths have 32 bits from the first message on (protocols 14). */
  readonly tls: boolean;
  readonly setupTime: number;
  readonly hooks: HandshakeHooks;
}

/** Runs the handshake over a socket, and hands the socket to the connection that comes of it. */
export class HandshakeHost {
  readonly #options: HandshakeOptions;
  readonly #prefix: 2 | 4;
  readonly reader: FrameReader;
  #state: HandshakeState;
  #timer: Timer | undefined;
  #connection: Connection | undefined;
  #over = false;

  constructor(options: HandshakeOptions) {
    this.#options = options;
    this.#prefix = options.tls ? 4 : 2;
    this.reader = new FrameReader(this.#prefix, MAX_HANDSHAKE_BYTES);
    const { socket, config, expected } = options;
    socket.handle({
      data: (chunk) =>
        this.#connection === undefined ? this.#contained(() => this.#data(chunk)) : this.#connection.data(chunk),
      drain: () => this.#connection?.drain(),
      close: (error) =>
        this.#connection === undefined
          ? this.#contained(() => this.#input({ type: 'closed' }))
          : this.#connection.ended(error),
    });
    const [state, effects] = expected === undefined ? [accept(), []] : initiate(config, expected);
    this.#state = state;
    this.#armTimer();
    for (const effect of effects) this.#carryOut(effect);
  }

  get socket(): Socket {
    return this.#options.socket;
  }

  /** Gives the attempt up without telling the hooks. */
  cancel(): void {
    if (this.#over) return;
    this.#finish();
    this.#options.socket.destroy();
  }

  #data(chunk: Uint8Array): void {
    if (this.#over) return;
    this.reader.push(chunk);
    while (!this.#over) {
      const body = this.reader.next();
      if (body === undefined) return;
      this.#armTimer();
      this.#input({ type: 'message', body });
    }
  }

  /** Whatever a peer's bytes lead to ends its connection, and nothing else. */
  #contained(step: () => void): void {
    try {
      step();
    } catch (error) {
      const { socket, hooks } = this.#options;
      if (this.#connection !== undefined) this.#connection.ended(error as Error);
      else {
        this.#finish();
        const message = `what came is no handshake: ${error instanceof Error ? error.message : String(error)}`;
        hooks.failed({ code: 'handshake_failed', cause: 'garbage', message });
      }
      socket.destroy();
    }
  }

  #input(input: HandshakeInput): void {
    if (this.#over) return;
    const [state, effects] = stepHandshake(this.#options.config, this.#state, input);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: HandshakeEffect): void {
    const { hooks } = this.#options;
    switch (effect.type) {
      case 'send':
        return this.#send(effect.body);
      case 'ask':
        return this.#input({ type: 'decide', decision: hooks.decide(effect.name, effect.nameMe) });
      case 'established':
        return this.#established(effect);
      case 'yield':
        this.#finish();
        this.#options.socket.end();
        return hooks.yielded();
      case 'failed':
        return this.#fail(effect.failure);
    }
  }

  #established({ peer, last, given }: Extract<HandshakeEffect, { type: 'established' }>): void {
    this.#finish();
    const connection = this.#options.hooks.established(peer, given);
    if (connection === undefined) {
      this.#options.socket.destroy();
      return;
    }
    // Before any frame of the connection, which gathers what it sends until later in this turn.
    if (last !== undefined) this.#send(last);
    this.#connection = connection;
    connection.start();
  }

  #send(body: Uint8Array): void {
    const frame = Buffer.alloc(this.#prefix + body.length);
    frame.writeUIntBE(body.length, 0, this.#prefix);
    frame.set(body, this.#prefix);
    this.#options.socket.write(frame);
  }

  #fail(failure: HandshakeFailure): void {
    if (this.#over) return;
    this.#finish();
    // The status that says why is still to be sent.
    this.#options.socket.end();
    this.#options.clock.setTimer(1000, () => this.#options.socket.destroy(), { background: true });
    this.#options.hooks.failed(failure);
  }

  #finish(): void {
    this.#over = true;
    this.#timer?.cancel();
  }

  /** As `net_setuptime`: armed again at each step (protocols 2.1). */
  #armTimer(): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(this.#options.setupTime, () =>
      this.#contained(() => this.#input({ type: 'timeout' })),
    );
  }
}

export function handshakeError(node: string, failure: HandshakeFailure): BeamishError {
  return new BeamishError(failure.code, `connecting to ${node}: ${failure.message}`, {
    details: failure.actual === undefined ? { node } : { node, actual: failure.actual },
    retryable: failure.code === 'timeout' || failure.cause === 'closed' || failure.cause === 'simultaneous',
  });
}
