import { BeamishError } from '../error/index.ts';
import type { Clock, Timer } from '../world/index.ts';

/** Bytes that wait for a peer, in whatever queue. */
export interface Waiting {
  readonly queuedBytes: number;
  /** Those of large messages among them. */
  readonly largeBytes: number;
}

const NOTHING: Waiting = { queuedBytes: 0, largeBytes: 0 };

/**
 * A large message must fit into twice `maxQueuedBytes`, with what waits already: else it is its sender's, who can await
 * `drained()`, and the peer has done nothing wrong.
 * @throws BeamishError `queue_full`
 */
export function checkRoom(
  bytes: number,
  { queuedBytes }: Waiting = NOTHING,
  maxQueuedBytes: number,
  node: string,
): void {
  if (queuedBytes + bytes <= 2 * maxQueuedBytes) return;
  throw new BeamishError(
    'queue_full',
    `no room for ${bytes} bytes to ${node}: ${queuedBytes} wait for it, and all together may be twice maxQueuedBytes. Await node.at('${node}').drained(), then send again`,
    { retryable: true, details: { node, bytes, queuedBytes, maxQueuedBytes } },
  );
}

/** What is not large nobody can refuse. It has the same room, and beside large messages as much as `maxQueuedBytes`; more is the end. */
export function isTooMuch({ queuedBytes, largeBytes }: Waiting, maxQueuedBytes: number): boolean {
  return queuedBytes > Math.max(2 * maxQueuedBytes, largeBytes + maxQueuedBytes);
}

/** Times within `stallGrace` that are looked whether the peer takes something. */
const LOOKS = 4;
/** What it must take within `stallGrace`, as a share of `maxQueuedBytes`. */
const SHARE = 1 / 64;

export interface StallWatchOptions {
  readonly clock: Clock;
  readonly stallGrace: number;
  readonly maxQueuedBytes: number;
  /** Bytes that the peer has taken since the connection was made. */
  readonly taken: () => number;
  readonly onStalled: () => void;
}

/**
 * Tells a peer that is stalled from one that is slow, while too much waits for it. Looks are counted, not time: after a pause
 * of this program itself the peer gets its time to take something.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;
  #timer: Timer | undefined;
  #taken = 0;
  #looks = 0;

  constructor(options: StallWatchOptions) {
    this.#options = options;
  }

  /** @returns false when it has begun before */
  begin(): boolean {
    if (this.#timer !== undefined) return false;
    this.#looks = 0;
    this.#taken = this.#options.taken();
    this.#schedule();
    return true;
  }

  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #schedule(): void {
    const { clock, stallGrace } = this.#options;
    this.#timer = clock.setTimer(stallGrace / LOOKS, this.#look, { background: true });
  }

  readonly #look = (): void => {
    const { taken, maxQueuedBytes, onStalled } = this.#options;
    const now = taken();
    if (now - this.#taken >= maxQueuedBytes * SHARE) {
      this.#taken = now;
      this.#looks = 0;
    } else this.#looks += 1;
    if (this.#looks < LOOKS) this.#schedule();
    else onStalled();
  };
}
