/** What happened, as a hash always and as lines when somebody will read them. */
export interface TraceLine {
  /** Microseconds. */
  readonly at: number;
  /** Names of hosts. `to` absent: something that concerns one host, or none. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly text: string;
  /** How the arrow ends: it arrived, it was lost, it is no arrow. */
  readonly kind: 'sent' | 'lost' | 'note' | 'fault' | 'log';
}

/** Lines kept; the last ones are those that explain. */
const KEPT = 100_000;
/** Bytes from which on a view of words costs less than it saves. */
const WORDWISE = 256;

/**
 * Two FNV-1a lanes over everything that happens, bytes of packets included. Equal hashes: the same run, whichever process, machine
 * or version of Node made it.
 */
export class Trace {
  readonly #lines: TraceLine[] | undefined;
  #low = 0x811c9dc5 | 0;
  #high = 0x9e3779b9 | 0;

  /** @param reading whether lines are kept; the hash is the same with and without */
  constructor(reading: boolean) {
    this.#lines = reading ? [] : undefined;
  }

  get reading(): boolean {
    return this.#lines !== undefined;
  }

  get lines(): readonly TraceLine[] {
    return this.#lines ?? [];
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    const digits = (lane: number): string => (lane >>> 0).toString(16).padStart(8, '0');
    return digits(this.#high) + digits(this.#low);
  }

  number(value: number): void {
    this.#low = Math.imul(this.#low ^ (value | 0), 0x01000193);
    this.#low ^= this.#low >>> 15;
    this.#high = Math.imul(this.#high ^ (value / 0x1_0000_0000) ^ this.#low, 0x85ebca6b | 1);
  }

  text(value: string): void {
    for (let i = 0; i < value.length; i++) this.#low = Math.imul(this.#low ^ value.charCodeAt(i), 0x01000193);
    this.number(value.length);
  }

  bytes(value: Uint8Array): void {
    const { length } = value;
    let lane = this.#low;
    let at = 0;
    if (length >= WORDWISE) {
      const words = new DataView(value.buffer, value.byteOffset, length);
      for (const end = length - 4; at <= end; at += 4) {
        lane = Math.imul(lane ^ words.getInt32(at, true), 0x01000193);
        // A multiplication carries upwards only: the upper bytes of a word must count below, too.
        lane ^= lane >>> 15;
      }
    }
    for (; at < length; at++) lane = Math.imul(lane ^ (value[at] as number), 0x01000193);
    this.#low = lane;
    this.number(length);
  }

  /** Only for readers: what is told here is hashed already, or follows from what is. */
  line(at: number, kind: TraceLine['kind'], from: string | undefined, to: string | undefined, text: string): void {
    const lines = this.#lines;
    if (lines === undefined) return;
    lines.push({ at, kind, from, to, text });
    if (lines.length > 2 * KEPT) lines.splice(0, KEPT);
  }
}
