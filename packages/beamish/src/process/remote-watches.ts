import type { Pid, Reference } from '../term/index.ts';
import type { Process } from './process.ts';
import type { NamedProcess } from './signal.ts';

/** A monitor that a process of another node has on one of ours. */
export interface RemoteWatch {
  /** Below 0, and nobody else's: its key among the watchers of the process. */
  readonly key: number;
  readonly process: Process;
  readonly watcher: Pid;
  readonly reference: Reference;
  /** What was monitored, pid or name: the answer repeats it (protocols 3.5). */
  readonly target: Pid | NamedProcess;
  /** Another whose reference has the same hash. */
  next: RemoteWatch | undefined;
}

/**
 * The monitors of other nodes on processes of this one, found by their reference. Every call from another node makes one
 * and takes it away, so there is no key as a string: a number of 32 bits finds it, and the whole reference is compared.
 */
export class RemoteWatches {
  readonly #byHash = new Map<number, RemoteWatch>();
  #keys = 0;

  add(process: Process, watcher: Pid, reference: Reference, target: Pid | NamedProcess): void {
    this.take(reference);
    const hash = hashOf(reference);
    const next = this.#byHash.get(hash);
    const watch: RemoteWatch = { key: --this.#keys, process, watcher, reference, target, next };
    this.#byHash.set(hash, watch);
    process.watchers.set(watch.key, watch);
  }

  /** Removes the one of that reference, here and from the process. */
  take(reference: Reference): void {
    const hash = hashOf(reference);
    let before: RemoteWatch | undefined;
    let watch = this.#byHash.get(hash);
    while (watch !== undefined && !isSame(watch.reference, reference)) {
      before = watch;
      watch = watch.next;
    }
    if (watch === undefined) return;
    if (before !== undefined) before.next = watch.next;
    else if (watch.next !== undefined) this.#byHash.set(hash, watch.next);
    else this.#byHash.delete(hash);
    watch.process.watchers.delete(watch.key);
  }

  /** Forgets those of a node. */
  connectionLost(node: string): void {
    const lost: Reference[] = [];
    for (let watch of this.#byHash.values()) {
      for (;;) {
        if (watch.watcher.node === node) lost.push(watch.reference);
        if (watch.next === undefined) break;
        watch = watch.next;
      }
    }
    for (const reference of lost) this.take(reference);
  }
}

/** Fits a small integer of the engine. Two nodes count alike, so what tells them apart is mixed in. */
function hashOf({ words, creation }: Reference): number {
  let hash = creation;
  for (let i = 0; i < words.length; i++) hash = (Math.imul(hash, 0x9e3779b1) + (words[i] as number)) | 0;
  return hash;
}

function isSame(a: Reference, b: Reference): boolean {
  if (a.creation !== b.creation || a.words.length !== b.words.length) return false;
  for (let i = 0; i < a.words.length; i++) if (a.words[i] !== b.words[i]) return false;
  return a.node === b.node;
}
