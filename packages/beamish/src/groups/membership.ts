import { keyOf } from '../term/index.ts';
import type { Pid, Term } from '../term/index.ts';
import type { GroupMembers } from './groups-wire.ts';

interface Members {
  readonly group: Term;
  /** By pid key; `count` for a process that joined several times. */
  readonly pids: Map<string, { readonly pid: Pid; count: number }>;
}

/** What one scope process announces: groups with at least one member, members counted. Bounded when limits are given. */
export class Membership {
  readonly #groups = new Map<string, Members>();
  /** The keys of each process' groups, by pid key. */
  readonly #byPid = new Map<string, Set<string>>();
  readonly #limits: MembershipLimits;
  #entries = 0;
  #nameLength = 0;

  constructor(limits: MembershipLimits = { entries: Infinity, nameLength: Infinity }) {
    this.#limits = limits;
  }

  /** Memberships, each occurrence counted. */
  get entries(): number {
    return this.#entries;
  }

  /** @returns false when a limit does not allow it. */
  add(group: Term, key: string, pid: Pid): boolean {
    if (this.#entries >= this.#limits.entries) return false;
    let members = this.#groups.get(key);
    if (members === undefined) {
      if (this.#nameLength + key.length > this.#limits.nameLength) return false;
      members = { group, pids: new Map() };
      this.#groups.set(key, members);
      this.#nameLength += key.length;
    }
    const member = members.pids.get(pid.key);
    if (member === undefined) {
      members.pids.set(pid.key, { pid, count: 1 });
      const keys = this.#byPid.get(pid.key);
      if (keys === undefined) this.#byPid.set(pid.key, new Set([key]));
      else keys.add(key);
    } else member.count++;
    this.#entries++;
    return true;
  }

  /** Takes one occurrence away. @returns false when there was none. */
  remove(key: string, pid: Pid): boolean {
    const members = this.#groups.get(key);
    const member = members?.pids.get(pid.key);
    if (members === undefined || member === undefined) return false;
    this.#entries--;
    if (--member.count === 0) {
      members.pids.delete(pid.key);
      const keys = this.#byPid.get(pid.key);
      keys?.delete(key);
      if (keys?.size === 0) this.#byPid.delete(pid.key);
    }
    if (members.pids.size === 0) {
      this.#groups.delete(key);
      this.#nameLength -= key.length;
    }
    return true;
  }

  /**
   * Takes processes out of groups, as often as both are named. Costs what is named and what these processes are in, not the
   * product of the two, which a peer could make as large as it likes.
   * @returns what was taken, by group
   */
  removeAll(groups: readonly Term[], pids: readonly Pid[]): GroupMembers[] {
    const named = new Map<string, { readonly group: Term; times: number; readonly pids: Pid[] }>();
    for (const group of groups) {
      const key = keyOf(group);
      const known = named.get(key);
      if (known === undefined) named.set(key, { group, times: 1, pids: [] });
      else known.times++;
    }
    const occurrences = new Map<string, { readonly pid: Pid; times: number }>();
    for (const pid of pids) {
      const known = occurrences.get(pid.key);
      if (known === undefined) occurrences.set(pid.key, { pid, times: 1 });
      else known.times++;
    }
    for (const [pidKey, { pid, times }] of occurrences) {
      const own = this.#byPid.get(pidKey);
      if (own === undefined) continue;
      // A copy: both change.
      const [fewer, more] = own.size < named.size ? [[...own], named] : [[...named.keys()], own];
      for (const key of fewer) {
        const gone = more.has(key) ? named.get(key) : undefined;
        if (gone === undefined) continue;
        for (let left = times * gone.times; left > 0 && this.remove(key, pid); left--) gone.pids.push(pid);
      }
    }
    return [...named.values()].filter((gone) => gone.pids.length > 0);
  }

  /** How often `pid` is in the group. */
  count(key: string, pid: Pid): number {
    return this.#groups.get(key)?.pids.get(pid.key)?.count ?? 0;
  }

  members(key: string): Pid[] {
    const members = this.#groups.get(key);
    return members === undefined ? [] : expand(members);
  }

  /** Every group with its members; the form `sync` announces. */
  list(): GroupMembers[] {
    return [...this.#groups.values()].map((members) => ({ group: members.group, pids: expand(members) }));
  }

  groups(): Map<string, Term> {
    return new Map([...this.#groups].map(([key, members]) => [key, members.group]));
  }

  /** The groups of one process; one that it joined twice is there twice. */
  groupsOf(pid: Pid): Term[] {
    const found: Term[] = [];
    for (const key of this.#byPid.get(pid.key) ?? []) {
      const members = this.#groups.get(key);
      for (let left = members?.pids.get(pid.key)?.count ?? 0; left > 0; left--) found.push(members?.group);
    }
    return found;
  }

  /** Whether the process is in any group. */
  has(pid: Pid): boolean {
    return this.#byPid.has(pid.key);
  }
}

export interface MembershipLimits {
  readonly entries: number;
  /** Total length of the groups' names, in characters of their keys. */
  readonly nameLength: number;
}

function expand(members: Members): Pid[] {
  const pids: Pid[] = [];
  for (const { pid, count } of members.pids.values()) {
    for (let left = count; left > 0; left--) pids.push(pid);
  }
  return pids;
}

/** What must join and leave so that `before` becomes `after`, by group. */
export function difference(before: Membership, after: Membership): { joined: GroupMembers[]; left: GroupMembers[] } {
  return { joined: missing(after, before), left: missing(before, after) };
}

function missing(from: Membership, other: Membership): GroupMembers[] {
  const found: GroupMembers[] = [];
  for (const { group, pids } of from.list()) {
    const key = keyOf(group);
    const spare = new Map<string, number>();
    const gone = pids.filter((pid) => {
      const left = spare.get(pid.key) ?? other.count(key, pid);
      spare.set(pid.key, left - 1);
      return left <= 0;
    });
    if (gone.length > 0) found.push({ group, pids: gone });
  }
  return found;
}
