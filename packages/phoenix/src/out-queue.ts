/**
 * What waits for a client that does not read fast enough: a bounded queue which gives up the oldest pushes first,
 * counts them by topic, and puts a `missed` notice where the gap is. Replies are never given up. Pure.
 */
import type { Frame } from './serializer.ts';

interface Waiting {
  readonly frame: Frame;
  readonly topic: string;
  readonly droppable: boolean;
}

/** What is to be sent next: a frame, or the notice that this many pushes of the topic are gone. */
export type Next =
  | { readonly type: 'frame'; readonly frame: Frame }
  | { readonly type: 'missed'; readonly topic: string; readonly count: number };

export class OutQueue {
  readonly #limit: number;
  // Dropping from the middle is rare (only undroppable frames stand before), so an array with a moving head suffices.
  #waiting: Waiting[] = [];
  #head = 0;
  readonly #missed = new Map<string, number>();
  #dropped = 0;

  /** @param limit frames that may wait */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#waiting.length - this.#head;
  }

  /** Nothing waits: no frame and no notice. */
  get empty(): boolean {
    return this.length === 0 && this.#missed.size === 0;
  }

  /** Pushes given up since the connection was made. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @returns false when the queue is full of frames that must not be dropped: the client is beyond help. */
  add(frame: Frame, topic: string, droppable: boolean): boolean {
    if (this.length >= this.#limit && !this.#dropOldest()) {
      if (!droppable) return false;
      this.#count(topic);
      return true;
    }
    this.#waiting.push({ frame, topic, droppable });
    return true;
  }

  next(): Next | undefined {
    // The oldest are dropped, so the gap is always before what still waits.
    for (const [topic, count] of this.#missed) {
      this.#missed.delete(topic);
      return { type: 'missed', topic, count };
    }
    const first = this.#waiting[this.#head];
    if (first === undefined) return undefined;
    this.#advance();
    return { type: 'frame', frame: first.frame };
  }

  /** The client has left the topic: what it missed there no longer concerns it. */
  forget(topic: string): void {
    this.#missed.delete(topic);
  }

  #dropOldest(): boolean {
    for (let index = this.#head; index < this.#waiting.length; index++) {
      const waiting = this.#waiting[index];
      if (waiting?.droppable) {
        this.#count(waiting.topic);
        if (index === this.#head) this.#advance();
        else this.#waiting.splice(index, 1);
        return true;
      }
    }
    return false;
  }

  #advance(): void {
    this.#head += 1;
    if (this.#head > 64 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  }

  #count(topic: string): void {
    this.#dropped += 1;
    this.#missed.set(topic, (this.#missed.get(topic) ?? 0) + 1);
  }
}
