import type { Signal } from '../process/signal.ts';
import type { Clock, Socket } from '../world/index.ts';
import type { Cut, Sink } from './wire/cut.ts';
import { Lanes } from './wire/lanes.ts';
import { keep, type EncodedSignal, type FrameWriter } from './wire/packets.ts';
import type { Window } from './wire/window.ts';

/** Nothing more is written while so many bytes wait for the operating system: what is sent then is behind no more than that. */
const ENOUGH = 128 * 1024;
/** What one turn of the event loop writes at most: about a tenth of a millisecond. */
const PER_TURN = 256 * 1024;
/** What it costs to remember a signal that waits, beside its bytes. */
const OVERHEAD = 256;

export interface FeedOptions {
  readonly clock: Clock;
  readonly socket: Socket;
  readonly writer: FrameWriter;
  readonly sink: Sink;
  /** Undefined: the peer does not tell what it has read. */
  readonly window: Window | undefined;
  /** After each turn that has written something. */
  readonly onFed: () => void;
}

interface Item {
  readonly encoded: EncodedSignal;
  /** Undefined: small, it waits for a large one. */
  readonly cut: Cut | undefined;
}

/** Sends large signals in parts, a few in each turn of the event loop, so that others, and ticks, come through in between. */
export class Feed {
  readonly #options: FeedOptions;
  readonly #lanes = new Lanes<Item>();
  #bytes = 0;
  #largeBytes = 0;
  #scheduled = false;
  #closed = false;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Whether no large signal is under way. */
  get idle(): boolean {
    return this.#lanes.empty;
  }

  /** Bytes that wait here, before the socket's queue. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Those of large signals among them. */
  get largeBytes(): number {
    return this.#largeBytes;
  }

  /** Sends a signal that is large, or while one is under way. */
  send(encoded: EncodedSignal, signal: Signal): void {
    const { writer, sink } = this.#options;
    if (encoded.rest === undefined) {
      if (this.#lanes.holds(signal)) this.#add(signal, { encoded: keep(encoded), cut: undefined });
      else writer.write(encoded, sink.append);
      return;
    }
    const cut = writer.cut(encoded);
    if (cut === undefined) return writer.writeWhole(encoded, sink);
    this.#add(signal, { encoded, cut });
    this.#schedule();
  }

  /** The socket's queue has emptied, or the peer has read. Goes on in a later turn: who writes in this one keeps the loop from everything else. */
  relieved(): void {
    if (!this.idle) this.#schedule();
  }

  /** Writes all there is, now. */
  flush(): void {
    while (!this.idle && !this.#closed) this.#step();
  }

  /** Forgets what waits. */
  close(): void {
    this.#closed = true;
    this.#lanes.clear();
    this.#bytes = this.#largeBytes = 0;
  }

  #add(signal: Signal, item: Item): void {
    const bytes = item.encoded.length + OVERHEAD;
    this.#bytes += bytes;
    if (item.cut !== undefined) this.#largeBytes += bytes;
    this.#lanes.add(signal, item);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.clock.defer(this.#turn);
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    let left = PER_TURN;
    while (left > 0 && this.#mayWrite()) left -= this.#step();
    if (this.#closed || left === PER_TURN) return;
    if (this.#mayWrite()) this.#schedule();
    this.#options.onFed();
  };

  /** When not, `relieved` tells when it may again. */
  #mayWrite(): boolean {
    const { socket, window } = this.#options;
    return !this.idle && socket.bufferedBytes < ENOUGH && window?.open !== false;
  }

  /** @returns bytes written */
  #step(): number {
    const { next } = this.#lanes;
    if (next === undefined) return 0;
    const { encoded, cut } = next;
    const written = cut === undefined ? this.#writeSmall(encoded) : this.#writeFragment(cut);
    const done = cut === undefined || cut.id === 0;
    const bytes = written + (done ? OVERHEAD : 0);
    this.#bytes -= bytes;
    if (cut !== undefined) this.#largeBytes -= bytes;
    this.#lanes.written(done);
    return written;
  }

  #writeSmall(encoded: EncodedSignal): number {
    const { writer, sink } = this.#options;
    writer.write(encoded, sink.append);
    return encoded.length;
  }

  #writeFragment(cut: Cut): number {
    const { writer, sink, window, clock } = this.#options;
    const written = writer.writeNext(cut, sink);
    window?.sent(writer.written, written, clock.monotonicTime());
    return written;
  }
}
