/**
 * The messages of `:pg` (protocols 6; OTP 25 lib/kernel/src/pg.erl). Reading is strict about shape and lenient about what
 * follows from it; writing is exact, because a message that pg does not know ends the scope of a BEAM, and with it every
 * membership it held.
 */
import { atom, isAtom, isTuple, Pid, tuple } from '../term/index.ts';
import type { Term, Tuple } from '../term/index.ts';

/** One group and its members on the announcing node; a process that joined twice is there twice. */
export interface GroupMembers {
  readonly group: Term;
  readonly pids: readonly Pid[];
}

export type ScopeMessage =
  | { readonly type: 'discover'; readonly peer: Pid }
  | { readonly type: 'sync'; readonly peer: Pid; readonly groups: readonly GroupMembers[] }
  | { readonly type: 'join'; readonly peer: Pid; readonly group: Term; readonly pids: readonly Pid[] }
  | { readonly type: 'leave'; readonly peer: Pid; readonly pids: readonly Pid[]; readonly groups: readonly Term[] };

const DISCOVER = atom('discover');
const GEN_CAST = atom('$gen_cast');
const SYNC = atom('sync');
const JOIN = atom('join');
const LEAVE = atom('leave');

export function discoverMessage(self: Pid): Tuple {
  return tuple(DISCOVER, self);
}

/** `groups` names each group once, and none without members: pg stores what it is given. */
export function syncMessage(self: Pid, groups: readonly GroupMembers[]): Tuple {
  return tuple(
    GEN_CAST,
    tuple(
      SYNC,
      self,
      groups.map(({ group, pids }) => tuple(group, pids)),
    ),
  );
}

export function joinMessage(self: Pid, group: Term, pids: readonly Pid[]): Tuple {
  return tuple(JOIN, self, group, pidOrPids(pids));
}

export function leaveMessage(self: Pid, pids: readonly Pid[], groups: readonly Term[]): Tuple {
  return tuple(LEAVE, self, pidOrPids(pids), groups);
}

function pidOrPids(pids: readonly Pid[]): Term {
  return pids.length === 1 ? pids[0] : pids;
}

/** The message, or undefined when `term` is none of pg's. */
export function parseScopeMessage(term: Term): ScopeMessage | undefined {
  if (!isTuple(term)) return undefined;
  const [tag, first, second, third] = term.elements;
  if (isAtom(tag, '$gen_cast') && term.length === 2) return parseSync(first);
  if (!(first instanceof Pid)) return undefined;
  // A third element is the version of a later protocol (accepted from OTP 26 on).
  if (isAtom(tag, 'discover') && (term.length === 2 || term.length === 3)) return { type: 'discover', peer: first };
  if (term.length !== 4) return undefined;
  if (isAtom(tag, 'join')) {
    const pids = parsePids(third);
    return pids && { type: 'join', peer: first, group: second, pids };
  }
  if (isAtom(tag, 'leave')) {
    const pids = parsePids(second);
    return pids && Array.isArray(third)
      ? { type: 'leave', peer: first, pids, groups: third as readonly Term[] }
      : undefined;
  }
  return undefined;
}

function parseSync(request: Term): ScopeMessage | undefined {
  if (!isTuple(request, 3)) return undefined;
  const [tag, peer, list] = request.elements;
  if (!isAtom(tag, 'sync') || !(peer instanceof Pid) || !Array.isArray(list)) return undefined;
  const groups: GroupMembers[] = [];
  for (const entry of list as readonly Term[]) {
    if (!isTuple(entry, 2)) return undefined;
    const pids = parsePids(entry.elements[1]);
    if (pids === undefined) return undefined;
    groups.push({ group: entry.elements[0], pids });
  }
  return { type: 'sync', peer, groups };
}

function parsePids(term: Term): readonly Pid[] | undefined {
  if (term instanceof Pid) return [term];
  if (!Array.isArray(term)) return undefined;
  return (term as readonly Term[]).every((element) => element instanceof Pid) ? (term as readonly Pid[]) : undefined;
}
