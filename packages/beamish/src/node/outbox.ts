import type { Clock, Socket } from '../world/index.ts';

/**
 * Bytes gathered before they go to the socket within one turn: little at first, so that the peer begins while this side
 * goes on (two nodes that answer each other would else work by turns), then twice as much each time.
 */
const SMALLEST_BATCH = 4 * 1024;
const LARGEST_BATCH = 64 * 1024;
const FIRST_ALLOCATION = 1024;
/**
 * While so much waits for the operating system, no small batch joins it: in many small pieces of memory a queue takes several
 * times its bytes.
 */
const BUSY = 128 * 1024;

/** Gathers what is sent in one turn of the event loop into few writes: many small frames cost one system call. */
export class Outbox {
  readonly #socket: Socket;
  readonly #clock: Clock;
  #batch: Buffer = Buffer.alloc(0);
  #length = 0;
  #lastLength = 0;
  #enough = SMALLEST_BATCH;
  #scheduled = false;
  #closed = false;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
  }

  /** Bytes that the operating system has not taken. */
  get queuedBytes(): number {
    return this.#length + this.#socket.bufferedBytes;
  }

  /** Whether nothing waits for the end of this turn. */
  get empty(): boolean {
    return this.#length === 0;
  }

  /** Copies `bytes`. */
  append(bytes: Uint8Array): void {
    if (this.#closed) return;
    const needed = this.#length + bytes.length;
    if (needed > this.#batch.length) this.#grow(needed);
    this.#batch.set(bytes, this.#length);
    this.#length = needed;
    if (needed >= this.#enough) {
      this.flush();
      this.#enough = Math.min(this.#enough * 2, LARGEST_BATCH);
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.defer(this.#turnOver);
  }

  /** Takes `bytes`, which must not change any more; few are copied all the same. */
  give(bytes: Uint8Array): void {
    if (bytes.length < SMALLEST_BATCH) return this.append(bytes);
    if (this.#closed) return;
    this.flush();
    this.#socket.write(bytes);
  }

  readonly #turnOver = (): void => {
    this.#scheduled = false;
    const busy = this.#socket.bufferedBytes >= BUSY;
    this.#enough = busy ? LARGEST_BATCH : SMALLEST_BATCH;
    if (!busy) this.flush();
  };

  /** The socket's queue has emptied. */
  drained(): void {
    this.flush();
  }

  flush(): void {
    if (this.#length === 0 || this.#closed) return;
    const batch = this.#batch.subarray(0, this.#length);
    this.#lastLength = this.#length;
    this.#batch = Buffer.alloc(0);
    this.#length = 0;
    this.#socket.write(batch);
  }

  /** Forgets what waits; nothing is written any more. */
  close(): void {
    this.#closed = true;
    this.#batch = Buffer.alloc(0);
    this.#length = 0;
  }

  /** The socket owns what it was given, so every batch is new memory: of the size the last one had, to begin with. */
  #grow(needed: number): void {
    // An eighth more, for batches are not quite alike: to grow by a few bytes would double the memory.
    const first = this.#length === 0 ? this.#lastLength * 1.125 : this.#batch.length * 2;
    const grown = Buffer.allocUnsafe(Math.max(needed, Math.floor(first), FIRST_ALLOCATION));
    this.#batch.copy(grown, 0, 0, this.#length);
    this.#batch = grown;
  }
}
