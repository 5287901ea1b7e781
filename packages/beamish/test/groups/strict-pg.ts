/**
 * A model of a BEAM's pg server (OTP 25 lib/kernel/src/pg.erl, handle_info/handle_cast) that does what the real one does
 * with a wrong message: it crashes. Stricter still, it refuses what pg would store wrongly: a sync with a group twice or
 * without members, a join of nobody, a leave of somebody who is not there.
 */
import { isAtom, isTuple, keyOf, Pid, atom, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';

export class PgCrash extends Error {}

export interface StrictSent {
  readonly to: Pid | string;
  readonly message: Term;
}

export class StrictPg {
  self: Pid;
  /** By peer key: its members by group key. */
  readonly remote = new Map<string, Map<string, string[]>>();
  readonly local = new Map<string, { group: Term; pids: Pid[] }>();
  readonly sent: StrictSent[] = [];

  constructor(self: Pid) {
    this.self = self;
  }

  members(group: Term): string[] {
    const key = keyOf(group);
    const found = (this.local.get(key)?.pids ?? []).map((pid) => pid.key);
    for (const groups of this.remote.values()) found.push(...(groups.get(key) ?? []));
    return found.toSorted();
  }

  join(group: Term, pid: Pid): void {
    const entry = this.local.get(keyOf(group)) ?? { group, pids: [] };
    entry.pids.push(pid);
    this.local.set(keyOf(group), entry);
    this.#broadcast(tuple(atom('join'), this.self, group, pid));
  }

  leave(group: Term, pid: Pid): void {
    const entry = this.local.get(keyOf(group));
    const index = entry?.pids.findIndex((other) => other.equals(pid)) ?? -1;
    if (entry === undefined || index < 0) return;
    entry.pids.splice(index, 1);
    if (entry.pids.length === 0) this.local.delete(keyOf(group));
    this.#broadcast(tuple(atom('leave'), this.self, pid, [group]));
  }

  /** Ends and is started again by its supervisor: a new pid, nothing remembered. */
  restart(self: Pid): void {
    this.self = self;
    this.remote.clear();
    this.local.clear();
  }

  down(peer: Pid): void {
    this.remote.delete(peer.key);
  }

  receive(term: Term): void {
    if (!isTuple(term)) throw new PgCrash('no tuple');
    const [tag, first, second, third] = term.elements;
    if (isAtom(tag, '$gen_cast') && term.length === 2 && isTuple(first, 3) && isAtom(first.elements[0], 'sync')) {
      this.#sync(this.#pid(first.elements[1]), first.elements[2]);
    } else if (isAtom(tag, 'discover') && term.length === 2) this.#discover(this.#pid(first));
    else if (isAtom(tag, 'join') && term.length === 4)
      this.#join(this.#pid(first), second, this.#pids(third, first as Pid));
    else if (isAtom(tag, 'leave') && term.length === 4)
      this.#leave(this.#pid(first), this.#pids(second, first as Pid), third);
    else throw new PgCrash('unknown message');
  }

  #discover(peer: Pid): void {
    const list = [...this.local.values()].map(({ group, pids }) => tuple(group, [...pids]));
    this.sent.push({ to: peer, message: tuple(atom('$gen_cast'), tuple(atom('sync'), this.self, list)) });
    if (this.remote.has(peer.key)) return;
    this.remote.set(peer.key, new Map());
    this.sent.push({ to: peer, message: tuple(atom('discover'), this.self) });
  }

  #sync(peer: Pid, list: Term): void {
    if (!Array.isArray(list)) throw new PgCrash('sync without list');
    const groups = new Map<string, string[]>();
    for (const entry of list as readonly Term[]) {
      if (!isTuple(entry, 2)) throw new PgCrash('sync entry');
      const key = keyOf(entry.elements[0]);
      if (groups.has(key)) throw new PgCrash('a group twice in a sync');
      groups.set(
        key,
        this.#pids(entry.elements[1], peer).map((pid) => pid.key),
      );
    }
    this.remote.set(peer.key, groups);
  }

  #join(peer: Pid, group: Term, pids: readonly Pid[]): void {
    const groups = this.remote.get(peer.key);
    if (groups === undefined) return;
    const key = keyOf(group);
    groups.set(key, [...pids.map((pid) => pid.key), ...(groups.get(key) ?? [])]);
  }

  #leave(peer: Pid, pids: readonly Pid[], groups: Term): void {
    if (!Array.isArray(groups) || groups.length === 0) throw new PgCrash('leave without groups');
    const known = this.remote.get(peer.key);
    if (known === undefined) return;
    for (const group of groups as readonly Term[]) {
      const key = keyOf(group);
      const members = known.get(key);
      if (members === undefined) throw new PgCrash('badkey: leave for a group that is not recorded');
      for (const pid of pids) {
        const index = members.indexOf(pid.key);
        if (index < 0) throw new PgCrash('leave of a process that is not in the group');
        members.splice(index, 1);
      }
      if (members.length === 0) known.delete(key);
    }
  }

  #pid(term: Term): Pid {
    if (!(term instanceof Pid)) throw new PgCrash('peer is no pid');
    return term;
  }

  #pids(term: Term, peer: Pid): readonly Pid[] {
    const pids = term instanceof Pid ? [term] : term;
    if (!Array.isArray(pids) || pids.length === 0) throw new PgCrash('no pids');
    for (const pid of pids as readonly Term[]) {
      if (!(pid instanceof Pid) || pid.node !== peer.node) throw new PgCrash('not a pid of the announcing node');
    }
    return pids as readonly Pid[];
  }

  #broadcast(message: Term): void {
    for (const peer of this.remote.keys()) this.sent.push({ to: peer, message });
  }
}
