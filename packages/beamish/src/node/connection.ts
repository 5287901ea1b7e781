import { BeamishError, isBeamishError } from '../error/index.ts';
import type { Signal } from '../process/signal.ts';
import type { Clock, Logger, Socket, Timer } from '../world/index.ts';
import { Feed } from './feed.ts';
import { FRAGMENTS, PROGRESS, usesHeader } from './flags.ts';
import type { HandshakePeer } from './handshake/machine.ts';
import { Outbox } from './outbox.ts';
import { isTooMuch, StallWatch } from './room.ts';
import type { NodeDownReason, NodeInfo, PeerStatistics } from './types.ts';
import type { FrameReader } from './wire/frame-reader.ts';
import { FrameWriter, PacketReader, type EncodedSignal, type Progress } from './wire/packets.ts';
import { READ_FRAGMENTS } from './wire/fragments.ts';
import { Window } from './wire/window.ts';

/** Where signals go: the runtime. */
export interface Receiver {
  /** @param node the one at the other end of the connection */
  receive(signal: Signal, node: string): void;
  /** See `Runtime.overloaded`. */
  readonly overloaded: boolean;
  onRelief(callback: () => void): void;
}

export interface ConnectionOptions {
  readonly socket: Socket;
  /** What the handshake read from; it may hold the first frames. */
  readonly reader: FrameReader;
  readonly peer: HandshakePeer;
  readonly direction: 'in' | 'out';
  readonly ownName: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tickTime: number;
  readonly maxFrameBytes: number;
  readonly maxMessageBytes: number;
  readonly maxQueuedBytes: number;
  readonly stallGrace: number;
  /** Called once, before the first signal. */
  readonly onUp: () => void;
  readonly receiver: Receiver;
  /** Called once, after the last signal to `receiver`. `lostBytes`: what waited to be sent, and will not be. */
  readonly onDown: (reason: NodeDownReason, error: Error | undefined, lostBytes: number) => void;
}

/** A sender that waits for room goes on when at most this much is queued: a BEAM's `+zdbbl` default. */
export const LOW_WATER = 1024 * 1024;
/** Milliseconds for a peer to take what is queued when this side closes. */
const LINGER = 1000;
const TICK = new Uint8Array(4);
/** After so many fragments the peer is told; fewer than fit into its window (`wire/window.ts`). */
const TOLD = 4;

/** An established connection to a node: frames in, frames out, ticks (protocols 2.7, 3). */
export class Connection {
  readonly info: NodeInfo;
  readonly #options: ConnectionOptions;
  readonly #outbox: Outbox;
  readonly #feed: Feed;
  readonly #writer: FrameWriter;
  readonly #packets: PacketReader;
  readonly #waiting = new Set<() => void>();
  readonly #stall: StallWatch;
  #tickTimer: Timer | undefined;
  #open = true;
  #reading = false;
  #lastRead: number;
  #lastWrite: number;
  #lastCheck: number;
  /** It seemed silent, and this program had stood still itself. */
  #pardoned = false;
  /** Ticks that came since something was written. */
  #unanswered = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #messagesIn = 0;
  #messagesOut = 0;
  #notSent = 0;
  #congestions = 0;

  constructor(options: ConnectionOptions) {
    const { socket, peer, direction, clock, ownName, maxMessageBytes: maxBytes } = options;
    const { stallGrace, maxQueuedBytes } = options;
    this.#options = options;
    this.#outbox = new Outbox(socket, clock);
    this.#writer = new FrameWriter(usesHeader(peer.flags), (peer.flags & FRAGMENTS) !== 0n);
    const sink = { append: this.#append, give: this.#give };
    const progress = (peer.flags & PROGRESS) === 0n ? undefined : this.#progress();
    this.#feed = new Feed({ clock, socket, writer: this.#writer, sink, window: progress?.window, onFed: this.#fed });
    this.#stall = new StallWatch({
      clock,
      stallGrace,
      maxQueuedBytes,
      taken: () => this.#bytesOut - this.#outbox.queuedBytes,
      onStalled: this.#stalled,
    });
    this.#packets = new PacketReader({ own: ownName, peer: peer.name }, { maxBytes }, progress);
    this.#lastRead = this.#lastWrite = this.#lastCheck = clock.monotonicTime();
    const { name, creation, flags, hidden } = peer;
    const connectedAt = clock.wallTime();
    this.info = { name, creation, flags, hidden, direction, connectedAt, address: socket.remote };
  }

  /** Begins to deliver: first what came right behind the handshake. */
  start(): void {
    this.#options.reader.become(4, this.#options.maxFrameBytes);
    this.#scheduleTick();
    this.#options.onUp();
    this.#drainReader();
  }

  get queuedBytes(): number {
    return this.#outbox.queuedBytes + this.#feed.bytes;
  }

  get largeBytes(): number {
    return this.#feed.largeBytes;
  }

  get statistics(): PeerStatistics {
    return {
      name: this.info.name,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      messagesIn: this.#messagesIn,
      messagesOut: this.#messagesOut,
      queuedBytes: this.queuedBytes,
      congestions: this.#congestions,
      notSent: this.#notSent,
    };
  }

  /**
   * @param signal what is encoded: whom it is from and for decides whether it passes a large one
   * @returns false when the peer lacks the ability that the signal needs; nothing is sent then
   */
  send(encoded: EncodedSignal, signal: Signal): boolean {
    if ((encoded.needs & ~this.info.flags) !== 0n) {
      this.#notSent += 1;
      return false;
    }
    if (!this.#open) return true;
    this.#messagesOut += 1;
    // Once per batch: the clock costs as much as a tenth of the frame.
    if (this.#outbox.empty) this.#wrote();
    if (encoded.rest === undefined && this.#feed.idle) this.#writer.write(encoded, this.#append);
    else this.#feed.send(encoded, signal);
    if (this.queuedBytes > this.#options.maxQueuedBytes) this.#congested();
    return true;
  }

  /** Resolves when little is queued, or the connection has ended. */
  drained(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(abortError(signal));
    if (!this.#open || this.queuedBytes <= LOW_WATER) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => {
      this.#waiting.delete(done);
      reject(abortError(signal));
    };
    const done = (): void => {
      signal?.removeEventListener('abort', abort);
      resolve();
    };
    this.#waiting.add(done);
    signal?.addEventListener('abort', abort, { once: true });
    return promise;
  }

  /** Sends what is queued, then ends; a peer that does not take it in time is cut off. */
  close(reason: NodeDownReason): void {
    if (!this.#open) return;
    this.#feed.flush();
    this.#outbox.flush();
    const { socket, clock } = this.#options;
    clock.setTimer(LINGER, () => socket.destroy(), { background: true });
    this.#down(reason, undefined, 0);
    socket.end();
  }

  // --- what the socket tells; the handshake passes it on once it is over ---

  data(chunk: Uint8Array): void {
    if (!this.#open) return;
    this.#bytesIn += chunk.length;
    // Bytes count, not packets: a slow large frame is no silence (protocols 2.7).
    this.#lastRead = this.#options.clock.monotonicTime();
    this.#pardoned = false;
    this.#options.reader.push(chunk);
    this.#drainReader();
    if (this.#options.receiver.overloaded) this.#pause();
  }

  /** The peer, and in the end who sends there, is held back by the stream itself (protocols 3, a BEAM's busy port). */
  #pause(): void {
    const { receiver, socket } = this.#options;
    socket.pause();
    receiver.onRelief(() => socket.resume());
  }

  drain(): void {
    this.#outbox.drained();
    this.#feed.relieved();
    this.#relieved();
  }

  /** Each side tells the other how much of its large messages it has read. */
  #progress(): Progress & { readonly window: Window } {
    const window = new Window();
    const told = Buffer.of(0, 0, 0, 10, 131, READ_FRAGMENTS, ...new Uint8Array(8));
    let read = 0;
    return {
      window,
      onFragment: () => {
        if (++read % TOLD !== 0) return;
        told.writeBigUInt64BE(BigInt(read), 6);
        this.#append(told);
      },
      onRead: (count) => {
        window.read(count, this.#options.clock.monotonicTime());
        this.#feed.relieved();
      },
    };
  }

  readonly #fed = (): void => {
    this.#wrote();
    this.#relieved();
  };

  #relieved(): void {
    if (this.queuedBytes <= this.#options.maxQueuedBytes) this.#stall.end();
    if (this.queuedBytes <= LOW_WATER) this.#wake();
  }

  ended(error: Error | undefined): void {
    this.#down(error === undefined ? 'closed' : 'network', error, this.queuedBytes);
  }

  #drainReader(): void {
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (this.#open) {
        const signal = this.#next();
        if (signal === undefined) break;
        this.#options.receiver.receive(signal, this.info.name);
      }
    } finally {
      this.#reading = false;
    }
  }

  #next(): Signal | undefined {
    const { reader } = this.#options;
    try {
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        if (frame.length === 0) {
          this.#ticked();
          continue;
        }
        const signal = this.#packets.read(frame);
        if (signal === undefined) continue;
        this.#messagesIn += 1;
        return signal;
      }
    } catch (error) {
      // Whatever a peer's bytes lead to ends its connection, and nothing else.
      this.#broken(
        error instanceof BeamishError
          ? error
          : new BeamishError('frame_malformed', 'a frame could not be read', { cause: error }),
      );
    }
    return undefined;
  }

  #broken(error: BeamishError): void {
    const { logger, socket } = this.#options;
    const address = `${socket.remote.host}:${socket.remote.port}`;
    logger.error({ node: this.info.name, address, err: error }, `connection closed: ${error.message}`);
    this.#kill('frame_malformed', error);
  }

  #kill(reason: NodeDownReason, error: Error | undefined): void {
    this.#down(reason, error, this.queuedBytes);
    this.#options.socket.destroy();
  }

  #down(reason: NodeDownReason, error: Error | undefined, lostBytes: number): void {
    if (!this.#open) return;
    this.#open = false;
    this.#tickTimer?.cancel();
    this.#stall.end();
    this.#feed.close();
    this.#outbox.close();
    this.#wake();
    this.#options.onDown(reason, error, lostBytes);
  }

  #wake(): void {
    for (const done of this.#waiting) done();
    this.#waiting.clear();
  }

  readonly #append = (bytes: Uint8Array): void => {
    this.#bytesOut += bytes.length;
    this.#outbox.append(bytes);
  };

  readonly #give = (bytes: Uint8Array): void => {
    this.#bytesOut += bytes.length;
    this.#outbox.give(bytes);
  };

  /** Nothing is dropped in silence: a peer that does not read for too long loses the connection, and everybody hears it. */
  #congested(): void {
    if (this.#stall.begin()) this.#congestions += 1;
    if (isTooMuch(this, this.#options.maxQueuedBytes)) this.#stalled();
  }

  readonly #stalled = (): void => {
    const { logger, maxQueuedBytes } = this.#options;
    const { queuedBytes } = this;
    logger.error(
      { node: this.info.name, queuedBytes, maxQueuedBytes },
      `connection closed: ${this.info.name} does not take what is sent to it`,
    );
    this.#kill('stalled', new BeamishError('queue_full', `${queuedBytes} bytes were queued for ${this.info.name}`));
  };

  // --- ticks ---

  #scheduleTick(): void {
    const { clock, tickTime } = this.#options;
    this.#tickTimer = clock.setTimer(tickTime / 4, () => this.#checkTicks(), { background: true });
  }

  #checkTicks(): void {
    const { clock, tickTime, logger } = this.#options;
    const now = clock.monotonicTime();
    const late = now - this.#lastCheck > tickTime / 2;
    this.#lastCheck = now;
    const silentFor = now - this.#lastRead;
    // Timers may come before sockets: what came while this program stood still is read before the next check.
    if (silentFor > tickTime * 1.25 && late && !this.#pardoned) this.#pardoned = true;
    else if (silentFor > tickTime * 1.25) {
      logger.warn({ node: this.info.name, silentFor: Math.round(silentFor) }, 'connection closed: the node is silent');
      this.#kill('tick_timeout', undefined);
      return;
    }
    // Half of the interval: what was written just after the last check is a whole interval old at the next.
    if (now - this.#lastWrite >= tickTime / 8) this.#tick();
    this.#scheduleTick();
  }

  /**
   * A BEAM ticks a hidden node and wants an answer in its own tick time, which may be shorter than ours (protocols 2.7).
   * Every second tick is answered: in time for four in a tick time, and two nodes never answer each other's answers.
   */
  #ticked(): void {
    this.#unanswered += 1;
    if (this.#unanswered >= 2) this.#tick();
  }

  #tick(): void {
    this.#wrote();
    this.#append(TICK);
  }

  #wrote(): void {
    this.#lastWrite = this.#options.clock.monotonicTime();
    this.#unanswered = 0;
  }
}

export function abortError(signal: AbortSignal | undefined): BeamishError {
  return isBeamishError(signal?.reason)
    ? signal.reason
    : new BeamishError('aborted', 'the wait was aborted', { cause: signal?.reason });
}
