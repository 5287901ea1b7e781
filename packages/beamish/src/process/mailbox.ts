/** A deque in a ring: push, shift and unshift in constant time, without an allocation per message. */
export class Mailbox<T> {
  #ring: (T | undefined)[] = new Array<T | undefined>(8);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#ring.length) this.#resize(this.#length * 2);
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = item;
    this.#length++;
  }

  /** Puts `item` before all others. */
  unshift(item: T): void {
    if (this.#length === this.#ring.length) this.#resize(this.#length * 2);
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = item;
    this.#length++;
  }

  /** The oldest; only when `length` is not 0, for a message may itself be undefined. */
  shift(): T {
    const item = this.#ring[this.#head] as T;
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    // a burst must not hold its memory for ever
    if (this.#ring.length > 1024 && this.#length < this.#ring.length >> 3) this.#resize(this.#ring.length >> 1);
    return item;
  }

  /** Removes the first that fits. @returns whether there was one. */
  removeFirst(fits: (item: T) => boolean): boolean {
    const items = this.#items();
    const index = items.findIndex(fits);
    if (index === -1) return false;
    items.splice(index, 1);
    this.clear();
    for (const item of items) this.push(item);
    return true;
  }

  clear(): void {
    this.#ring = new Array<T | undefined>(8);
    this.#head = 0;
    this.#length = 0;
  }

  #items(): T[] {
    const items: T[] = [];
    for (let i = 0; i < this.#length; i++) items.push(this.#ring[(this.#head + i) & (this.#ring.length - 1)] as T);
    return items;
  }

  /** `size` is a power of two, so that the position is a mask. */
  #resize(size: number): void {
    const ring = new Array<T | undefined>(size);
    for (let i = 0; i < this.#length; i++) ring[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
    this.#ring = ring;
    this.#head = 0;
  }
}
