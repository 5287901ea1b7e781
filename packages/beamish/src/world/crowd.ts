/**
 * Connections that have proved nothing yet, no more than so many. For one that is too much the oldest goes of the place that has
 * most of them: whoever floods keeps out itself, and not somebody slow from elsewhere. A place is an IPv4 address, or a network
 * of IPv6 (the first 64 bits), since who has one of its addresses has all of them.
 */
export class Crowd<T> implements Iterable<T> {
  readonly limit: number;
  readonly #places = new Map<string, Set<T>>();
  #size = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** @returns who must go for it, and is forgotten */
  add(host: string, one: T): T | undefined {
    const gone = this.#size >= this.limit ? this.#takeFirst() : undefined;
    const place = placeOf(host);
    const there = this.#places.get(place);
    if (there === undefined) this.#places.set(place, new Set([one]));
    else there.add(one);
    this.#size++;
    return gone;
  }

  /** One that has proved itself, or is gone. */
  delete(host: string, one: T): void {
    const place = placeOf(host);
    const there = this.#places.get(place);
    if (there?.delete(one) !== true) return;
    this.#size--;
    if (there.size === 0) this.#places.delete(place);
  }

  /** Forgets all. */
  clear(): void {
    this.#places.clear();
    this.#size = 0;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const there of this.#places.values()) yield* there;
  }

  #takeFirst(): T | undefined {
    let most: [string, Set<T>] | undefined;
    for (const each of this.#places) if (most === undefined || each[1].size > most[1].size) most = each;
    if (most === undefined) return undefined;
    const [host, there] = most;
    const [first] = there;
    this.delete(host, first as T);
    return first;
  }
}

function placeOf(host: string): string {
  if (!host.includes(':') || host.includes('.')) return host;
  const [head = '', tail] = host.split('::');
  const groups = head === '' ? [] : head.split(':');
  const behind = tail === undefined || tail === '' ? [] : tail.split(':');
  while (groups.length + behind.length < 8) groups.push('0');
  return `${[...groups, ...behind].slice(0, 4).join(':')}::`;
}
