import { BeamishError } from '../error/index.ts';
import type { Callable, Contract } from '../schema/index.ts';
import { formatTerm, keyOf } from '../term/index.ts';
import type { Pid, Term } from '../term/index.ts';
import type { Monitor } from './behaviour.ts';
import type { Runtime } from './runtime.ts';
import type { ServerRef } from './server-ref.ts';
import { Via } from './via.ts';

/** Of `new Registry` (Elixir `Registry.start_link/1`). */
export interface RegistryOptions {
  /** Whether a key has one process at a time, or many. */
  readonly keys: 'unique' | 'duplicate';
  /** What errors call it. @default 'registry' */
  readonly name?: string;
}

/** An entry with its key: what `select` goes through. */
export interface RegistryRow<V> extends RegistryEntry<V> {
  readonly key: Term;
}

/** A process under a key, and the value that it was registered with. */
export interface RegistryEntry<V> {
  readonly pid: Pid;
  readonly value: V;
}

/** An entry as it is kept: under its key, and with its process. */
interface Kept<V> {
  readonly key: Term;
  /** `keyOf(key)` */
  readonly text: string;
  readonly pid: Pid;
  value: V;
}

interface Owner<V> {
  readonly monitor: Monitor;
  readonly entries: Set<Kept<V>>;
}

/**
 * Processes of this node under keys of their choice (Elixir `Registry`): `unique` to name them by any term, `duplicate` for
 * local publish and subscribe. Keys are equal when they are the same term. An entry goes when its process ends.
 */
export class Registry<V = undefined> implements Disposable {
  readonly #runtime: Runtime;
  readonly #unique: boolean;
  readonly #name: string;
  readonly #meta = new Map<string, Term>();
  /** By the text of the key, in order of registration. */
  readonly #buckets = new Map<string, Set<Kept<V>>>();
  /** By the key of the pid. */
  readonly #owners = new Map<string, Owner<V>>();

  constructor(runtime: Runtime, options: RegistryOptions) {
    this.#runtime = runtime;
    this.#unique = options.keys === 'unique';
    this.#name = options.name ?? 'registry';
  }

  /**
   * Under duplicate keys a process may have several entries of one key, and is then sent what is dispatched as often.
   * @throws BeamishError `name_taken` when the key is unique and taken; `noproc` when `pid` is not alive on this node.
   */
  register(key: Term, pid: Pid, ...value: V extends undefined ? [value?: V] : [value: V]): void {
    if (!this.#runtime.isAlive(pid))
      throw new BeamishError('noproc', `${pid.toString()} cannot be registered: it is not alive on this node`);
    const text = keyOf(key);
    if (this.#unique) this.#vacate(key, text);
    const entry: Kept<V> = { key, text, pid, value: value[0] as V };
    const bucket = this.#buckets.get(text);
    if (bucket === undefined) this.#buckets.set(text, new Set([entry]));
    else bucket.add(entry);
    this.#ownerOf(pid).entries.add(entry);
  }

  /** Takes away what a process left that has just ended. @throws BeamishError `name_taken` */
  #vacate(key: Term, text: string): void {
    for (const entry of this.#buckets.get(text) ?? []) {
      const { pid } = entry;
      if (this.#runtime.isAlive(pid))
        throw new BeamishError('name_taken', `the key is registered for ${pid.toString()}`, { details: { key, pid } });
      this.#drop(entry);
    }
  }

  /** Takes the entries of `pid` away; nothing happens when there are none. */
  unregister(key: Term, pid: Pid): void {
    this.unregisterMatch(key, pid, () => true);
  }

  /** All processes under the key that are alive, in order of their registration. */
  lookup(key: Term): readonly RegistryEntry<V>[] {
    return Array.from(this.#alive(keyOf(key)), ({ pid, value }) => ({ pid, value }));
  }

  /** The one process under a unique key. */
  whereis(key: Term): Pid | undefined {
    const [first] = this.#alive(keyOf(key));
    return first?.pid;
  }

  /**
   * The key as a name for calls, sends, monitors and starts (Elixir `{:via, Registry, {Registry, Key}}`):
   * `runtime.startServer(Device, [], { via: registry.via(1) })`, then `registry.ref<Device>(1)`. A process that is
   * started under it has the value `value`.
   * @throws BeamishError `option_invalid` when the keys are duplicate, as in Elixir
   */
  via(key: Term, ...value: V extends undefined ? [value?: V] : [value: V]): Via {
    return this.#viaOf(key, (pid) => this.register(key, pid, ...value));
  }

  #viaOf(key: Term, register?: (pid: Pid) => void): Via {
    if (!this.#unique)
      throw new BeamishError('option_invalid', `${this.#name}: a via name needs a registry with unique keys`);
    const title = `${this.#name}/${formatTerm(key, { maxLength: 100 })}`;
    return new Via({ title, whereis: () => this.whereis(key), ...(register === undefined ? {} : { register }) });
  }

  /** A typed reference to whoever has the key when it is used; `contract` as for `Runtime.ref`. @throws as `via` */
  ref<C>(key: Term): ServerRef<C>;
  ref<const K extends Contract>(key: Term, contract: K): ServerRef<Callable<K>>;
  ref(key: Term, contract: Contract = {}): ServerRef<unknown> {
    return this.#runtime.ref(this.#viaOf(key), contract);
  }

  /** The values of `pid` under the key (Elixir `Registry.values/3`). */
  values(key: Term, pid: Pid): readonly V[] {
    const text = keyOf(key);
    return this.#of(pid).flatMap((entry) => (entry.text === text ? [entry.value] : []));
  }

  /** The entries of the key that `fits` (Elixir `Registry.match/4`). */
  match(key: Term, fits: (value: V, pid: Pid) => boolean): readonly RegistryEntry<V>[] {
    return this.lookup(key).filter(({ value, pid }) => fits(value, pid));
  }

  /** Elixir `Registry.count_match/4`. */
  countMatch(key: Term, fits: (value: V, pid: Pid) => boolean): number {
    return this.match(key, fits).length;
  }

  /** Takes the entries of `pid` under the key away whose value fits (Elixir `Registry.unregister_match/4`). */
  unregisterMatch(key: Term, pid: Pid, fits: (value: V) => boolean): void {
    const owner = this.#owners.get(pid.key);
    if (owner === undefined) return;
    const text = keyOf(key);
    for (const entry of owner.entries) if (entry.text === text && fits(entry.value)) this.#drop(entry);
    if (owner.entries.size > 0) return;
    owner.monitor.cancel();
    this.#owners.delete(pid.key);
  }

  /** All entries that fit, of all keys (Elixir `Registry.select/2`). */
  select(fits: (row: RegistryRow<V>) => boolean = () => true): readonly RegistryRow<V>[] {
    const rows: RegistryRow<V>[] = [];
    for (const text of this.#buckets.keys()) {
      for (const { key, pid, value } of this.#alive(text)) rows.push({ key, pid, value });
    }
    return rows.filter(fits);
  }

  /** What was put for the whole registry under `key`; undefined when nothing was (Elixir `Registry.meta/2`). */
  meta(key: Term): Term {
    return this.#meta.get(keyOf(key));
  }

  /** Keeps something under a key that is no process (Elixir `Registry.put_meta/3`). */
  putMeta(key: Term, value: Term): void {
    this.#meta.set(keyOf(key), value);
  }

  /** Takes it away; nothing happens when there is none. */
  deleteMeta(key: Term): void {
    this.#meta.delete(keyOf(key));
  }

  /** Replaces the values of the process under the key. @returns whether there was one. */
  update(key: Term, pid: Pid, change: (value: V) => V): boolean {
    const text = keyOf(key);
    const own = this.#of(pid).filter((entry) => entry.text === text);
    for (const entry of own) entry.value = change(entry.value);
    return own.length > 0;
  }

  /** Sends `message` to every process under the key, or calls a function with the entries. */
  dispatch(key: Term, deliver: Term | ((entries: readonly RegistryEntry<V>[]) => void)): void {
    const entries = this.lookup(key);
    if (typeof deliver === 'function') {
      if (entries.length > 0) deliver(entries);
      return;
    }
    for (const { pid } of entries) this.#runtime.send(pid, deliver);
  }

  /** The keys of a process, one as often as it has entries of it. */
  keys(pid: Pid): readonly Term[] {
    return this.#of(pid).map(({ key }) => key);
  }

  /** How many entries there are. */
  count(): number {
    let count = 0;
    for (const text of this.#buckets.keys()) for (const _ of this.#alive(text)) count++;
    return count;
  }

  [Symbol.dispose](): void {
    for (const { monitor } of this.#owners.values()) monitor.cancel();
    this.#owners.clear();
    this.#buckets.clear();
    this.#meta.clear();
  }

  /** The end of a process is told in a later turn: until then its entries are there, but not shown. */
  *#alive(text: string): Iterable<Kept<V>> {
    for (const entry of this.#buckets.get(text) ?? []) if (this.#runtime.isAlive(entry.pid)) yield entry;
  }

  /** The entries of a process that is alive. */
  #of(pid: Pid): Kept<V>[] {
    return this.#runtime.isAlive(pid) ? [...(this.#owners.get(pid.key)?.entries ?? [])] : [];
  }

  #ownerOf(pid: Pid): Owner<V> {
    const known = this.#owners.get(pid.key);
    if (known !== undefined) return known;
    const entries = new Set<Kept<V>>();
    const monitor = this.#runtime.monitor(pid, () => {
      this.#owners.delete(pid.key);
      for (const entry of entries) this.#drop(entry);
    });
    const owner = { monitor, entries };
    this.#owners.set(pid.key, owner);
    return owner;
  }

  #drop(entry: Kept<V>): void {
    this.#owners.get(entry.pid.key)?.entries.delete(entry);
    const bucket = this.#buckets.get(entry.text);
    if (bucket?.delete(entry) === true && bucket.size === 0) this.#buckets.delete(entry.text);
  }
}
