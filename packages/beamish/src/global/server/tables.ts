import { phash2 } from '../../ring/index.ts';
import { keyOf, tuple } from '../../term/index.ts';
import type { Pid, Term } from '../../term/index.ts';
import { GLOBAL } from '../wire.ts';
import type { ExternalName, LockId, NameEntry } from '../wire.ts';

export interface TableLimits {
  /** Names of all nodes together; further ones are not recorded here. */
  readonly names: number;
  /** Locks of all nodes together; further ones are refused. */
  readonly locks: number;
}

/**
 * Who may change names: the process that holds the lock `global`, or whoever acts under its requester. OTP is less strict, and
 * takes a change when nobody holds the lock: then one that is late, and comes when its sender has been lost and met again, is
 * made on this node only.
 */
export type Authority = { readonly pid: Pid } | { readonly requester: Term };

interface Row extends NameEntry {
  readonly hash: number;
  readonly registeredBy: Term | undefined;
}

interface Lock extends LockId {
  readonly requesterKey: string;
  /** By pid key: one requester may be several processes. */
  readonly holders: Map<string, Pid>;
}

interface Owner {
  readonly pid: Pid;
  readonly names: Set<string>;
  readonly locks: Set<string>;
}

/**
 * The names and locks of one node, as its tables have them (OTP: `global_names`, `global_locks` and their helpers). A process is
 * watched from its first name or lock to its last; what ends with it is said by `down`.
 */
export class Tables {
  readonly #names = new Map<string, Row>();
  readonly #locks = new Map<string, Lock>();
  readonly #owners = new Map<string, Owner>();
  readonly #limits: TableLimits;
  #digest = 0;
  readonly #watch: (pid: Pid, wanted: boolean) => void;
  /** @param watch asked to watch a process, or to stop it; once each in turn. */
  constructor(limits: TableLimits, watch: (pid: Pid, wanted: boolean) => void) {
    this.#limits = limits;
    this.#watch = watch;
  }

  // --- names ---

  get(name: Term): NameEntry | undefined {
    return this.#names.get(keyOf(name));
  }

  entries(): NameEntry[] {
    return [...this.#names.values()].map(({ name, pid, method }) => ({ name, pid, method }));
  }

  get nameCount(): number {
    return this.#names.size;
  }

  /** The same for tables that give the same names to the same processes, and hardly ever for others. */
  get digest(): number {
    return this.#digest;
  }

  external(): ExternalName[] {
    const rows = [...this.#names.values()].filter(({ registeredBy }) => registeredBy !== undefined);
    return rows.map(({ name, pid, registeredBy }) => ({ name, pid, registeredBy }));
  }

  /** The names of a process: one, unless a node of the cluster allows more. */
  namesOf(pid: Pid): Term[] {
    return [...(this.#owners.get(pid.key)?.names ?? [])].map((key) => this.#names.get(key)?.name);
  }

  /**
   * Gives the name to a process, from whoever had it.
   * @param authority undefined: nobody needs to be asked
   * @returns false when it is not allowed, or there are too many names
   */
  insert({ name, pid, method }: NameEntry, authority: Authority | undefined, registeredBy?: Term): boolean {
    if (!this.#mayWrite(authority)) return false;
    const key = keyOf(name);
    this.#drop(key);
    if (this.#names.size >= this.#limits.names) return false;
    const hash = phash2(tuple(name, pid), 2 ** 32);
    this.#names.set(key, { name, pid, method, registeredBy, hash });
    this.#digest = (this.#digest + hash) >>> 0;
    this.#own(pid).names.add(key);
    return true;
  }

  delete(name: Term, authority: Authority): void {
    if (this.#mayWrite(authority)) this.#drop(keyOf(name));
  }

  #drop(key: string): void {
    const row = this.#names.get(key);
    if (row === undefined) return;
    this.#names.delete(key);
    this.#digest = (this.#digest - row.hash) >>> 0;
    this.#disown(row.pid, (owner) => owner.names.delete(key));
  }

  #mayWrite(authority: Authority | undefined): boolean {
    if (authority === undefined) return true;
    const lock = this.#locks.get(keyOf(GLOBAL));
    if (lock === undefined) return false;
    return 'pid' in authority ? lock.holders.has(authority.pid.key) : lock.requesterKey === keyOf(authority.requester);
  }

  // --- locks ---

  get lockCount(): number {
    return this.#locks.size;
  }

  locks(): readonly (LockId & { readonly holders: readonly Pid[] })[] {
    return [...this.#locks.values()].map(({ resource, requester, holders }) => ({
      resource,
      requester,
      holders: [...holders.values()],
    }));
  }

  isLocked(resource: Term): boolean {
    return this.#locks.has(keyOf(resource));
  }

  /** Whether the resource is free, or locked by this requester. */
  canLock({ resource, requester }: LockId): boolean {
    const lock = this.#locks.get(keyOf(resource));
    return lock === undefined ? this.#locks.size < this.#limits.locks : lock.requesterKey === keyOf(requester);
  }

  lock(id: LockId, holder: Pid): boolean {
    if (!this.canLock(id)) return false;
    const key = keyOf(id.resource);
    const lock = this.#locks.get(key) ?? { ...id, requesterKey: keyOf(id.requester), holders: new Map<string, Pid>() };
    this.#locks.set(key, lock);
    lock.holders.set(holder.key, holder);
    this.#own(holder).locks.add(key);
    return true;
  }

  unlock(id: LockId, holder: Pid): void {
    const key = keyOf(id.resource);
    if (this.#locks.get(key)?.requesterKey === keyOf(id.requester)) this.#release(key, holder);
  }

  #release(key: string, holder: Pid): void {
    const lock = this.#locks.get(key);
    if (lock?.holders.delete(holder.key) !== true) return;
    if (lock.holders.size === 0) this.#locks.delete(key);
    this.#disown(holder, (owner) => owner.locks.delete(key));
  }

  // --- processes ---

  /** The process ended, or is out of reach: its names and locks go. */
  down(pid: Pid): void {
    const owner = this.#owners.get(pid.key);
    if (owner === undefined) return;
    for (const key of [...owner.locks]) this.#release(key, pid);
    for (const key of [...owner.names]) this.#drop(key);
  }

  /** The node is of this partition no more: nor are its processes. */
  forget(node: string): void {
    for (const { pid } of [...this.#owners.values()]) if (pid.node === node) this.down(pid);
  }

  #own(pid: Pid): Owner {
    const known = this.#owners.get(pid.key);
    if (known !== undefined) return known;
    const owner: Owner = { pid, names: new Set(), locks: new Set() };
    this.#owners.set(pid.key, owner);
    this.#watch(pid, true);
    return owner;
  }

  #disown(pid: Pid, change: (owner: Owner) => void): void {
    const owner = this.#owners.get(pid.key);
    if (owner === undefined) return;
    change(owner);
    if (owner.names.size > 0 || owner.locks.size > 0) return;
    this.#owners.delete(pid.key);
    this.#watch(pid, false);
  }
}
