import type { Pid, Reference } from '../term/index.ts';
import { NumberMap } from './number-map.ts';
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
  /** Of the signal `call`: the reply ends it. */
  readonly forCall: boolean;
  /** Another whose reference has the same hash. */
  next: RemoteWatch | undefined;
}

/**
 * The monitors of other nodes on processes of this one, found by their reference. Every call from another node makes one
 * and takes it away, so there is no key as a string: a number of 32 bits finds it, and the whole reference is compared.
 */
export class RemoteWatches {
  readonly #byHash = new NumberMap<RemoteWatch>();
  #keys = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(process: Process, watcher: Pid, reference: Reference, target: Pid | NamedProcess, forCall: boolean): void {
    const hash = hashOf(reference);
    this.#take(hash, reference, watcher.node);
    const next = this.#byHash.get(hash);
    const watch: RemoteWatch = { key: --this.#keys, process, watcher, reference, target, forCall, next };
    this.#byHash.set(hash, watch);
    this.#size++;
    process.watchers.set(watch.key, watch);
  }

  /** Removes the one of that reference, here and from the process; only its own node may. */
  take(reference: Reference, node: string): void {
    this.#take(hashOf(reference), reference, node);
  }

  /** Removes the one of a call that is to be answered. @returns whether there was one */
  takeCall(reference: Reference): boolean {
    return this.#take(hashOf(reference), reference, reference.node, true) !== undefined;
  }

  #take(hash: number, reference: Reference, node: string, forCall = false): RemoteWatch | undefined {
    let before: RemoteWatch | undefined;
    let watch = this.#byHash.get(hash);
    while (watch !== undefined && !(isSame(watch.reference, reference) && watch.watcher.node === node)) {
      before = watch;
      watch = watch.next;
    }
    if (watch === undefined || (forCall && !watch.forCall)) return undefined;
    if (before !== undefined) before.next = watch.next;
    else if (watch.next !== undefined) this.#byHash.set(hash, watch.next);
    else this.#byHash.take(hash);
    this.#size--;
    watch.process.watchers.take(watch.key);
    return watch;
  }

  /** Forgets those of a node. */
  connectionLost(node: string): void {
    const lost: RemoteWatch[] = [];
    for (const [, first] of this.#byHash.entries()) {
      for (let watch = first; ; watch = watch.next) {
        if (watch.watcher.node === node) lost.push(watch);
        if (watch.next === undefined) break;
      }
    }
    for (const watch of lost) this.take(watch.reference, node);
  }
}

/** Of 32 bits and not 0. Two nodes count alike, so what tells them apart is mixed in. */
function hashOf({ words, creation }: Reference): number {
  let hash = creation;
  for (let i = 0; i < words.length; i++) hash = (Math.imul(hash, 0x9e3779b1) + (words[i] as number)) | 0;
  return hash || 1;
}

function isSame(a: Reference, b: Reference): boolean {
  if (a.creation !== b.creation || a.words.length !== b.words.length) return false;
  for (let i = 0; i < a.words.length; i++) if (a.words[i] !== b.words[i]) return false;
  return a.node === b.node;
}
