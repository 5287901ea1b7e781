/** A child's log on disk: bounded, and never the reason why something ends. */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/** Bytes after which a log is moved to `.1`, over the one before. */
const largest = 10_000_000;

export class LogFile {
  readonly #path: string;
  readonly #say: (line: string) => void;
  readonly #largest: number;
  #descriptor: number | undefined;
  #size = 0;
  #failing = false;

  /** @param say told once when it cannot be written (a full disk), and once when it can again. */
  constructor(path: string, say: (line: string) => void, limit = largest) {
    this.#path = path;
    this.#say = say;
    this.#largest = limit;
  }

  /** What cannot be written is lost: the parts go on without a log. */
  write(text: string): void {
    try {
      const descriptor = this.#open();
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
      this.#size += bytes.length;
      if (this.#failing) this.#say(`${this.#path} is written again`);
      this.#failing = false;
    } catch (error) {
      this.close();
      if (!this.#failing) this.#say(`${this.#path} cannot be written, its lines are lost: ${(error as Error).message}`);
      this.#failing = true;
    }
  }

  #open(): number {
    if (this.#descriptor !== undefined && this.#size < this.#largest) return this.#descriptor;
    for (;;) {
      const descriptor = (this.#descriptor ??= openSync(this.#path, 'a', 0o600));
      this.#size = fstatSync(descriptor).size;
      if (this.#size < this.#largest) return descriptor;
      this.close();
      renameSync(this.#path, `${this.#path}.1`);
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}
