import type { Disk, FileStatus } from '../world/index.ts';
import type { Host } from './host.ts';
import type { Life } from './life.ts';
import type { SeededRandom } from './random.ts';

interface File {
  readonly content: Uint8Array;
  readonly mode: number;
  readonly modifiedAt: number;
}

/** What may be wrong with a disk; all off to begin with. Stays until it is set otherwise. */
export interface DiskFaults {
  /** Writes fail, as with ENOSPC. */
  full: boolean;
  /** Milliseconds that each operation takes longer. */
  slow: number;
  /** Probability (0 to 1) that a sync says that it is done and is not: a power cut then tears the file. */
  lostSync: number;
  /** Probability (0 to 1) that one bit of what is read is wrong. */
  bitFlip: number;
}

/** Milliseconds until a change of a directory is on the disk by itself (ext4's `commit`). */
const COMMIT = 5000;
/** Milliseconds of one operation. */
const OPERATION = 0.1;
const SYNC = 2;

/**
 * The disk of a host, which outlives its crashes. `writeFile` writes aside, syncs and renames: the content is safe then, the
 * rename only when the directory has been written back, so a power cut in between brings the old file back (Pillai et al., "All File
 * Systems Are Not Created Equal", OSDI 2014). With a lost sync the new name may hold a torn file.
 */
export class SimulatedDisk {
  readonly faults: DiskFaults = { full: false, slow: 0, lostSync: 0, bitFlip: 0 };
  readonly #host: Host;
  readonly #random: SeededRandom;
  readonly #files = new Map<string, File>();
  /** What a power cut may bring back, by path: the file before the changes that are not safe, and since when. */
  readonly #unsafe = new Map<string, { readonly before: File | undefined; at: number; torn: boolean }>();

  constructor(host: Host) {
    this.#host = host;
    this.#random = host.simulation.random.fork(`${host.name}/disk`);
  }

  /** For tests: what is in a file now; undefined when there is none. */
  read(path: string): Uint8Array | undefined {
    return this.#files.get(path)?.content;
  }

  /** For tests: puts a file there, safely. */
  put(path: string, content: Uint8Array | string, mode = 0o600): void {
    this.#files.set(path, this.#file(content, mode));
  }

  powerCut(): void {
    for (const [path, { before, at, torn }] of this.#unsafe) {
      if (torn) {
        const file = this.#files.get(path);
        if (file !== undefined) this.#files.set(path, { ...file, content: this.#torn(file.content) });
      } else if (this.#now - at < COMMIT && this.#random.chance(0.5)) {
        if (before === undefined) this.#files.delete(path);
        else this.#files.set(path, before);
      }
    }
    this.#unsafe.clear();
  }

  forLife(life: Life): Disk {
    const act = <T>(milliseconds: number, action: () => T): Promise<T> =>
      new Promise((resolve) => {
        life.later(Math.round((milliseconds + this.faults.slow) * 1000), () => resolve((async () => action())()));
      });
    return {
      homeDirectory: '/home/simulated',
      status: (path) => act(OPERATION, () => this.#status(path)),
      readFile: (path) => act(OPERATION, () => this.#read(path)),
      writeFile: (path, content, options) =>
        act(SYNC, () => this.#write(path, this.#file(content, options?.mode ?? 0o666))),
      remove: (path) => act(OPERATION, () => this.#change(path, undefined, false)),
    };
  }

  get #now(): number {
    return this.#host.simulation.scheduler.now / 1000;
  }

  #file(content: Uint8Array | string, mode: number): File {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content.slice();
    return { content: bytes, mode, modifiedAt: this.#host.oscillator.wall };
  }

  #status(path: string): FileStatus | undefined {
    const file = this.#files.get(path);
    return file && { size: file.content.length, mode: file.mode, modifiedAt: file.modifiedAt, kind: 'file' };
  }

  #read(path: string): Uint8Array {
    const file = this.#files.get(path);
    if (file === undefined) throw failure('ENOENT', `no such file or directory, open '${path}'`);
    const content = file.content.slice();
    if (content.length > 0 && this.#random.chance(this.faults.bitFlip)) {
      const at = this.#random.below(content.length);
      content[at] = (content[at] as number) ^ (1 << this.#random.below(8));
    }
    return content;
  }

  #write(path: string, file: File): void {
    if (this.faults.full) throw failure('ENOSPC', `no space left on device, write '${path}'`);
    this.#change(path, file, this.#random.chance(this.faults.lostSync));
  }

  #change(path: string, file: File | undefined, torn: boolean): void {
    const unsafe = this.#unsafe.get(path);
    const safe = unsafe === undefined || this.#now - unsafe.at >= COMMIT;
    this.#unsafe.set(path, { before: safe ? this.#files.get(path) : unsafe.before, at: this.#now, torn });
    if (file === undefined) this.#files.delete(path);
    else this.#files.set(path, file);
  }

  #torn(content: Uint8Array): Uint8Array {
    const torn = content.slice(0, this.#random.below(content.length + 1));
    // A part of the last block is of what was there before.
    for (let i = Math.max(0, torn.length - this.#random.below(16)); i < torn.length; i++)
      torn[i] = this.#random.below(256);
    return torn;
  }
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
