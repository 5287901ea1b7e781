/** What happens to a message that finds the queue of its subscriber full. */
export type Overflow =
  /** The oldest waiting message goes. */
  | 'dropOldest'
  /** The new message goes. */
  | 'dropNewest'
  /** The subscription ends, with everything that waits. */
  | 'disconnect';

/** First in, first out, never longer than its capacity. */
export class BoundedQueue<T> {
  readonly capacity: number;
  #items: T[] = [];
  #head = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  get full(): boolean {
    return this.length >= this.capacity;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined as T;
    // Taking from the front of an array moves the rest: done seldom, so that a shift costs the same at any length.
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
