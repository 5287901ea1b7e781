/** Bytes that may always be under way: less would make a fast line wait. */
const LEAST = 512 * 1024;
/** Nothing is gained beyond: 10 Gbit/s over 50 ms. */
const MOST = 64 * 1024 * 1024;
/** Milliseconds that fragments may wait on their way, beyond what the way itself takes. */
const TARGET = 2;

interface Sent {
  /** Of all fragments of the connection. */
  readonly number: number;
  readonly bytes: number;
  readonly at: number;
  /** Bytes that were under way with it. */
  readonly among: number;
}

/**
 * How many bytes of large messages are under way to a peer that tells what it has read. The kernels of both machines would take
 * megabytes more, and a small message would wait behind them: so only as many as arrive in the time that the way takes, and
 * `TARGET` (the idea of TCP Vegas, and of LEDBAT, RFC 6817).
 */
export class Window {
  readonly #sent: Sent[] = [];
  #bytes = 0;
  #size = LEAST;
  /** The shortest time in which a fragment was read. */
  #shortest = Infinity;

  get open(): boolean {
    return this.#bytes < this.#size;
  }

  /** @param number of the fragment, counted from 1 @param now in milliseconds */
  sent(number: number, bytes: number, now: number): void {
    this.#bytes += bytes;
    this.#sent.push({ number, bytes, at: now, among: this.#bytes });
  }

  /** The peer has read the first `count` fragments of the connection. */
  read(count: number, now: number): void {
    const left = this.#sent.findIndex(({ number }) => number > count);
    const read = this.#sent.splice(0, left < 0 ? this.#sent.length : left);
    const last = read.at(-1);
    if (last === undefined) return;
    for (const { bytes } of read) this.#bytes -= bytes;
    const { at, among } = last;
    const took = Math.max(now - at, 0.001);
    this.#shortest = Math.min(this.#shortest, took);
    const factor = took < this.#shortest * 1.25 ? 2 : (this.#shortest + TARGET) / took;
    this.#size = Math.min(Math.max(LEAST, among * factor), MOST);
  }
}
