import { BeamishError } from '../error/index.ts';
import { formatTerm, keyOf } from '../term/index.ts';
import type { Pid, Term } from '../term/index.ts';
import type { Monitor } from './behaviour.ts';
import type { Runtime } from './runtime.ts';
import type { ServerRef } from './server-ref.ts';
import { Via } from './via.ts';

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

export interface RegistryEntry<V> {
  readonly pid: Pid;
  readonly value: V;
}

interface Bucket<V> {
  readonly key: Term;
  readonly entries: RegistryEntry<V>[];
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
  readonly #buckets = new Map<string, Bucket<V>>();
  /** By pid: the monitor, and the keys that the process has. */
  readonly #owners = new Map<string, { readonly monitor: Monitor; readonly keys: Set<string> }>();

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
    const alive = this.#alive(text);
    const taken = this.#unique ? alive[0] : undefined;
    if (taken !== undefined) {
      throw new BeamishError('name_taken', `the key is registered for ${taken.pid.toString()}`, {
        details: { key, pid: taken.pid },
      });
    }
    this.#buckets.set(text, { key, entries: [...alive, { pid, value: value[0] as V }] });
    this.#ownerOf(pid).keys.add(text);
  }

  /** Takes the entries of `pid` away; nothing happens when there are none. */
  unregister(key: Term, pid: Pid): void {
    this.unregisterMatch(key, pid, () => true);
  }

  /** All processes under the key that are alive, in order of their registration. */
  lookup(key: Term): readonly RegistryEntry<V>[] {
    return this.#alive(keyOf(key));
  }

  /** The one process under a unique key. */
  whereis(key: Term): Pid | undefined {
    return this.lookup(key)[0]?.pid;
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

  /** A typed reference to whoever has the key when it is used. @throws as `via` */
  ref<C>(key: Term): ServerRef<C> {
    return this.#runtime.ref<C>(this.#viaOf(key));
  }

  /** The values of `pid` under the key (Elixir `Registry.values/3`). */
  values(key: Term, pid: Pid): readonly V[] {
    return this.lookup(key)
      .filter((entry) => entry.pid.equals(pid))
      .map(({ value }) => value);
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
    const text = keyOf(key);
    this.#remove(text, (entry) => entry.pid.equals(pid) && fits(entry.value));
    const owner = this.#owners.get(pid.key);
    if (owner === undefined || this.values(key, pid).length > 0) return;
    owner.keys.delete(text);
    if (owner.keys.size > 0) return;
    owner.monitor.cancel();
    this.#owners.delete(pid.key);
  }

  /** All entries that fit, of all keys (Elixir `Registry.select/2`). */
  select(fits: (row: RegistryRow<V>) => boolean = () => true): readonly RegistryRow<V>[] {
    const rows: RegistryRow<V>[] = [];
    for (const [text, { key }] of this.#buckets) {
      for (const { pid, value } of this.#alive(text)) rows.push({ key, pid, value });
    }
    return rows.filter(fits);
  }

  /** What was put for the whole registry under `key`; undefined when nothing was (Elixir `Registry.meta/2`). */
  meta(key: Term): Term {
    return this.#meta.get(keyOf(key));
  }

  putMeta(key: Term, value: Term): void {
    this.#meta.set(keyOf(key), value);
  }

  deleteMeta(key: Term): void {
    this.#meta.delete(keyOf(key));
  }

  /** Replaces the values of the process under the key. @returns whether there was one. */
  update(key: Term, pid: Pid, change: (value: V) => V): boolean {
    const bucket = this.#buckets.get(keyOf(key));
    if (bucket?.entries.some((entry) => entry.pid.equals(pid)) !== true) return false;
    for (const [index, entry] of bucket.entries.entries()) {
      if (entry.pid.equals(pid)) bucket.entries[index] = { pid, value: change(entry.value) };
    }
    return true;
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
    return [...(this.#owners.get(pid.key)?.keys ?? [])].flatMap((text) =>
      this.#alive(text)
        .filter((entry) => entry.pid.equals(pid))
        .map(() => this.#buckets.get(text)?.key),
    );
  }

  /** How many entries there are. */
  count(): number {
    let count = 0;
    for (const text of this.#buckets.keys()) count += this.#alive(text).length;
    return count;
  }

  [Symbol.dispose](): void {
    for (const { monitor } of this.#owners.values()) monitor.cancel();
    this.#owners.clear();
    this.#buckets.clear();
    this.#meta.clear();
  }

  /** The end of a process is told in a later turn: until then its entries are there, but not shown. */
  #alive(text: string): RegistryEntry<V>[] {
    return (this.#buckets.get(text)?.entries ?? []).filter((entry) => this.#runtime.isAlive(entry.pid));
  }

  #ownerOf(pid: Pid): { readonly keys: Set<string> } {
    const known = this.#owners.get(pid.key);
    if (known !== undefined) return known;
    const keys = new Set<string>();
    const monitor = this.#runtime.monitor(pid, () => {
      this.#owners.delete(pid.key);
      for (const text of keys) this.#remove(text, (entry) => entry.pid.equals(pid));
    });
    const owner = { monitor, keys };
    this.#owners.set(pid.key, owner);
    return owner;
  }

  #remove(text: string, gone: (entry: RegistryEntry<V>) => boolean): void {
    const bucket = this.#buckets.get(text);
    if (bucket === undefined) return;
    const rest = bucket.entries.filter((entry) => !gone(entry));
    if (rest.length === 0) this.#buckets.delete(text);
    else this.#buckets.set(text, { key: bucket.key, entries: rest });
  }
}
