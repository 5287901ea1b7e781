import { Connection } from '../../../src/node/connection.ts';
import { OWN_FLAGS } from '../../../src/node/flags.ts';
import { HandshakeHost, type HandshakeHooks } from '../../../src/node/handshake/host.ts';
import type { HandshakeDecision, HandshakePeer } from '../../../src/node/handshake/machine.ts';
import { OWN, PEER } from '../control.ts';
import { FakeSocket, ManualClock, silent } from '../fakes.ts';
import { bytesOf, CHALLENGE, COOKIE, operations } from '../link.ts';
import { join } from '../mutate.ts';
import { cut, holds, otherCut, Script, type Cut, type Target } from '../target.ts';
import { shown } from './frames.ts';

const DECISIONS: readonly HandshakeDecision[] = [
  { status: 'ok' },
  { status: 'ok_simultaneous' },
  { status: 'alive' },
  { status: 'named', name: PEER, creation: 9 },
  { status: 'nok' },
  { status: 'not_allowed', fault: { cause: 'certificate', message: 'it is for another' } },
];
const WAIT = 255;
const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** The whole life of one connection: handshake in both roles and both framings, then frames, ticks, silence, the end. */
export const connection: Target = {
  name: 'connection',
  weight: 4,
  steps: (length) => 100_000 + 5_000 * length,
  bytes: (length) => 2 * 1024 * 1024 + 5_000 * length,
  make(chance) {
    const accepting = chance.oneIn(2);
    const setup = (accepting ? 0 : 1) | (chance.oneIn(3) ? 2 : 0) | (chance.below(4) << 2);
    return join(
      Uint8Array.of(setup),
      operations(chance, accepting),
      chance.oneIn(6) ? Uint8Array.of(WAIT) : new Uint8Array(0),
    );
  },
  run(input) {
    const script = new Script(input);
    const setup = script.byte();
    const accepting = (setup & 1) === 0;
    const prefix = (setup & 2) === 0 ? 2 : 4;
    const decision = DECISIONS[(setup >> 2) % DECISIONS.length] as HandshakeDecision;
    // Bytes that may be cut anyhow, and pauses in between in which a timer fires.
    const stretches: Uint8Array[][] = [[]];
    while (!script.done && stretches.length < 20) {
      const op = script.byte();
      if (op === WAIT) stretches.push([]);
      else stretches.at(-1)?.push(bytesOf(op, script, prefix));
    }
    const stream = stretches.map((parts) => join(...parts));
    const whole = new Life(accepting, prefix, decision).live(stream, 'whole');
    const other = new Life(accepting, prefix, decision).live(stream, otherCut(input));
    holds(other === whole, () => `cut otherwise, it goes otherwise: ${other}, not ${whole}`);
    return whole.replaceAll(/\d+/g, '#').slice(0, 80);
  },
};

class Life {
  readonly #clock = new ManualClock();
  readonly #socket = new FakeSocket();
  readonly #told: string[] = [];
  #up = 0;
  #down = 0;
  #ends = 0;
  readonly #host: HandshakeHost;

  constructor(accepting: boolean, prefix: 2 | 4, decision: HandshakeDecision) {
    const hooks: HandshakeHooks = {
      decide: () => decision,
      established: (peer) => this.#established(peer),
      yielded: () => this.#end('yield'),
      failed: ({ code, message }) => this.#end(`${code} ${message}`),
    };
    this.#host = new HandshakeHost({
      socket: this.#socket,
      clock: this.#clock,
      config: { name: OWN, flags: OWN_FLAGS, creation: 4, challenge: CHALLENGE, cookieFor: () => COOKIE },
      ...(accepting ? {} : { expected: PEER }),
      tls: prefix === 4,
      setupTime: 7000,
      hooks,
    });
  }

  #end(how: string): void {
    this.#ends += 1;
    this.#told.push(how);
  }

  #established(peer: HandshakePeer): Connection {
    this.#end(`established ${peer.name} ${peer.creation} ${peer.flags} ${peer.hidden}`);
    return new Connection({
      socket: this.#socket,
      reader: this.#host.reader,
      peer,
      direction: 'in',
      ownName: OWN,
      clock: this.#clock,
      logger: silent,
      tickTime: 60_000,
      maxFrameBytes: MAX_FRAME_BYTES,
      maxMessageBytes: MAX_FRAME_BYTES,
      maxQueuedBytes: 1024 * 1024,
      stallGrace: 1000,
      onUp: () => {
        this.#up += 1;
        this.#told.push('up');
      },
      receiver: {
        overloaded: false,
        onRelief() {},
        receive: (signal) => {
          holds(this.#up === 1 && this.#down === 0, 'a signal before nodeup or after nodedown');
          this.#told.push(shown(signal));
        },
      },
      onDown: (reason, error) => {
        this.#down += 1;
        this.#told.push(`down ${reason} ${error?.message ?? ''}`);
      },
    });
  }

  /** @returns all that was told, in order, and all that was sent */
  live(stream: readonly Uint8Array[], how: Cut): string {
    this.#clock.turn();
    for (const [index, bytes] of stream.entries()) {
      if (index > 0) this.#clock.fire();
      for (const chunk of cut(bytes, how)) this.#socket.receive(chunk);
      this.#clock.turn();
    }
    this.#socket.close();
    this.#clock.turn();
    holds(this.#ends === 1, () => `the handshake ended ${this.#ends} times: ${this.#told.join('; ')}`);
    holds(this.#up <= 1 && this.#down === this.#up, () => `${this.#up} nodeup, ${this.#down} nodedown`);
    // What is left may wait for the socket to close, as long as that is given (1 s), and for nothing else.
    holds(this.#clock.furthest <= 1000, () => `a timer of ${this.#clock.furthest} ms is left at the end`);
    const told = this.#told.join('; ');
    this.#clock.runOut();
    holds(this.#told.join('; ') === told, () => `told after the end: ${this.#told.join('; ')}`);
    return `${told} ${Buffer.from(this.#socket.sent).toString('latin1')}`;
  }
}
