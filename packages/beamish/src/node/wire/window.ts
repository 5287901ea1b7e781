/** Bytes that may always be under way: less would make a fast line wait. */
const LEAST = 512 * 1024;
/** Nothing is gained beyond: 10 Gbit/s over 50 ms. */
const MOST = 64 * 1024 * 1024;
/** Milliseconds that fragments may wait on their way, beyond what the way itself takes. */
const TARGET = 2;

interface Sent {
  readonly sequence: bigint;
  readonly id: number;
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

  /** @param now in milliseconds */
  sent(sequence: bigint, id: number, bytes: number, now: number): void {
    this.#bytes += bytes;
    this.#sent.push({ sequence, id, bytes, at: now, among: this.#bytes });
  }

  /** The peer has read this fragment, and so all before it. One that is not known changes nothing. */
  read(sequence: bigint, id: bigint, now: number): void {
    const index = this.#sent.findIndex((sent) => sent.sequence === sequence && BigInt(sent.id) === id);
    if (index < 0) return;
    const read = this.#sent.splice(0, index + 1);
    for (const { bytes } of read) this.#bytes -= bytes;
    const { at, among } = read.at(-1) as Sent;
    const took = Math.max(now - at, 0.001);
    this.#shortest = Math.min(this.#shortest, took);
    const factor = took < this.#shortest * 1.25 ? 2 : (this.#shortest + TARGET) / took;
    this.#size = Math.min(Math.max(LEAST, among * factor), MOST);
  }
}
