import { Crowd } from '../world/index.ts';
import type { Clock, Random, Socket } from '../world/index.ts';
import type { Connection } from './connection.ts';
import type { DialOptions } from './dial.ts';
import { HandshakeHost } from './handshake/host.ts';
import type { HandshakeConfig, HandshakeDecision, HandshakeFault, HandshakePeer } from './handshake/machine.ts';
import type { Refusals } from './refusals.ts';

export interface ArrivalsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly refusals: Refusals;
  readonly tls: boolean;
  readonly setupTime: number;
  readonly maxPending: number;
  readonly config: () => HandshakeConfig;
  /** Whether a node of that name may connect at all. */
  readonly allows: (nodeName: string) => boolean;
  readonly nameFault: DialOptions['nameFault'];
  /** The connection that stands already. */
  readonly connected: (nodeName: string) => Connection | undefined;
  readonly isDialling: (nodeName: string) => boolean;
  /** Whether this node's own dial is the one that stays. */
  readonly keepsOwnDial: (nodeName: string) => boolean;
  /** @returns the connection that takes the socket over */
  readonly established: (
    socket: Socket,
    host: HandshakeHost,
    peer: HandshakePeer,
    replaces: Connection | undefined,
  ) => Connection | undefined;
  /** A handshake that the node began has failed. */
  readonly ended: (nodeName: string) => void;
}

interface Arrival {
  readonly host: HandshakeHost;
  readonly challenge: number;
  /** Set when the peer has told its name. */
  name: string | undefined;
  /** The connection that it will replace. */
  replaces: Connection | undefined;
}

/** Those who connect to this node and have not proved yet who they are. */
export class Arrivals {
  readonly #options: ArrivalsOptions;
  readonly #arrivals: Crowd<Arrival>;

  constructor(options: ArrivalsOptions) {
    this.#options = options;
    this.#arrivals = new Crowd(options.maxPending);
  }

  get size(): number {
    return this.#arrivals.size;
  }

  has(nodeName: string): boolean {
    for (const { name } of this.#arrivals) if (name === nodeName) return true;
    return false;
  }

  /** Whether somebody here is to answer that challenge. */
  hasSet(challenge: number): boolean {
    for (const arrival of this.#arrivals) if (arrival.challenge === challenge) return true;
    return false;
  }

  accept(socket: Socket): void {
    const { refusals, established } = this.#options;
    const config = this.#options.config();
    const host: HandshakeHost = new HandshakeHost({
      socket,
      clock: this.#options.clock,
      config,
      tls: this.#options.tls,
      setupTime: this.#options.setupTime,
      hooks: {
        decide: (name, nameMe) => this.#decide(arrival, name, nameMe),
        established: (peer) => {
          this.#arrivals.delete(socket.remote.host, arrival);
          return established(socket, host, peer, arrival.replaces);
        },
        yielded() {},
        failed: (failure) => {
          const fields = arrival.name === undefined ? {} : { node: arrival.name };
          refusals.refuse(failure.cause, socket.remote, failure.message, fields);
          this.#over(arrival);
        },
      },
    });
    const arrival: Arrival = { host, challenge: config.challenge, name: undefined, replaces: undefined };
    const gone = this.#arrivals.add(socket.remote.host, arrival);
    if (gone !== undefined) this.#makeRoom(gone);
  }

  stop(): void {
    for (const { host } of this.#arrivals) host.cancel();
    this.#arrivals.clear();
  }

  #makeRoom(gone: Arrival): void {
    const { refusals, maxPending } = this.#options;
    const message = `more than ${maxPending} connections at one time that prove nothing; the oldest of this address is closed`;
    refusals.refuse('limit', gone.host.socket.remote, message);
    gone.host.cancel();
    this.#over(gone);
  }

  #over(arrival: Arrival): void {
    this.#arrivals.delete(arrival.host.socket.remote.host, arrival);
    if (arrival.name !== undefined) this.#options.ended(arrival.name);
  }

  /** Nothing is kept for the name, which is not proved: it is only noted with the connection. */
  #decide(arrival: Arrival, claimed: string, nameMe: boolean): HandshakeDecision {
    const { connected, keepsOwnDial, isDialling } = this.#options;
    const given = nameMe ? this.#newName(claimed) : undefined;
    const fault = this.#fault(arrival.host.socket, given?.name ?? claimed);
    if (fault !== undefined) return { status: 'not_allowed', fault };
    if (given !== undefined) return given;
    const connection = connected(claimed);
    if (connection === undefined && keepsOwnDial(claimed)) return { status: 'nok' };
    arrival.name = claimed;
    if (connection !== undefined) {
      arrival.replaces = connection;
      return { status: 'alive' };
    }
    // The own dial goes on until this one has proved who it is: the other side ends it with `nok`.
    return { status: isDialling(claimed) ? 'ok_simultaneous' : 'ok' };
  }

  #fault(socket: Socket, nodeName: string): HandshakeFault | undefined {
    const { allows, nameFault } = this.#options;
    if (!allows(nodeName)) return { cause: 'not_allowed', message: `${nodeName} is not allowed to connect` };
    const message = nameFault(socket, nodeName);
    return message === undefined ? undefined : { cause: 'certificate', message };
  }

  /** For a node that has only a host (protocols 2.6). */
  #newName(host: string): HandshakeDecision & { readonly status: 'named' } {
    const { random } = this.#options;
    const unique = Buffer.from(random.bytes(8)).readBigUInt64BE().toString(36).toUpperCase();
    return { status: 'named', name: `${unique}@${host}`, creation: (random.uint32() | 4) >>> 0 };
  }
}
