/**
 * The messages between the processes `global_name_server` of all nodes, protocol version 8 (protocols 7.2; OTP 25
 * lib/kernel/src/global.erl). Reading is strict about shape: what is not understood is refused, and harms nobody.
 */
import { atom, atomName, isAtom, isTuple, Pid, tuple } from '../term/index.ts';
import type { Term, Tuple } from '../term/index.ts';

export const NAME_SERVER = 'global_name_server';
export const VERSION = 8;

/** The resource whose lock guards the names themselves. */
export const GLOBAL = atom('global');

/** One registered name, as it travels. */
export interface NameEntry {
  readonly name: Term;
  readonly pid: Pid;
  /** What settles a conflict; normally `fun global:random_exit_name/3`. */
  readonly method: Term;
}

export type Operation =
  | { readonly type: 'insert'; readonly entry: NameEntry }
  | { readonly type: 'delete'; readonly name: Term };

/** Registered by a node in the name of a process that has no global of its own (a C node). */
export interface ExternalName {
  readonly name: Term;
  readonly pid: Pid;
  readonly registeredBy: Term;
}

export interface KnownNode {
  readonly node: string;
  readonly version: number;
}

/** `{ResourceId, LockRequesterId}` */
export interface LockId {
  readonly resource: Term;
  readonly requester: Term;
}

export type PeerMessage =
  | {
      readonly type: 'init_connect';
      readonly version: number;
      readonly tag: Term;
      readonly node: string;
      readonly locker: Pid;
    }
  | { readonly type: 'init_connect_ack'; readonly node: string; readonly myTag: Term; readonly hisTag: Term }
  | { readonly type: 'cancel_connect'; readonly node: string; readonly tag: Term }
  | { readonly type: 'lock_set'; readonly locker: Pid; readonly set: boolean; readonly tag: Term | undefined }
  | { readonly type: 'exchange'; readonly node: string; readonly names: readonly NameEntry[]; readonly tag: Term }
  | ({ readonly type: 'resolved'; readonly node: string; readonly tag: Term } & Resolution)
  | ({ readonly type: 'new_nodes'; readonly node: string; readonly requester: Term } & Resolution)
  | { readonly type: 'in_sync'; readonly node: string }
  | ({ readonly type: 'lost_connection' } & LostConnection)
  | { readonly type: 'remove_connection'; readonly node: string };

/** What a node has to change, and whom it learns to know by it. */
export interface Resolution {
  readonly operations: readonly Operation[];
  readonly external: readonly ExternalName[];
  readonly nodes: readonly KnownNode[];
}

/** `nodeA` lost `nodeB`. Creation and number tell a new loss from one that was told before. */
export interface LostConnection {
  readonly nodeA: string;
  readonly creation: bigint;
  readonly number: bigint;
  readonly nodeB: string;
}

export type Request =
  | { readonly type: 'set_lock'; readonly id: LockId }
  | { readonly type: 'del_lock'; readonly id: LockId }
  | { readonly type: 'register'; readonly entry: NameEntry; readonly registeredBy: Term | undefined }
  | { readonly type: 'unregister'; readonly name: Term }
  | { readonly type: 'get_known' | 'get_synced' | 'get_protocol_version' | 'get_names_ext' };

// --- writing ---

const NO_LONGER_A_PID = atom('no_longer_a_pid');
const UNUSED = atom('unused');

export function cast(request: Term): Tuple {
  return tuple(atom('$gen_cast'), request);
}

/** The map of known nodes is not looked at by any version that speaks 8. */
export function initConnect(self: string, tag: Term, locker: Pid): Term {
  const initial = tuple(atom('locker'), NO_LONGER_A_PID, {}, locker);
  return cast(tuple(atom('init_connect'), tuple(VERSION, tag), atom(self), initial));
}

export function initConnectAck(self: string, hisTag: Term, myTag: Term): Term {
  return tuple(atom('init_connect_ack'), atom(self), hisTag, myTag);
}

export function cancelConnect(self: string, hisTag: Term): Term {
  return tuple(atom('cancel_connect'), atom(self), hisTag);
}

export function lockSet(locker: Pid, set: boolean, known: readonly string[], hisTag: Term): Term {
  return cast(tuple(atom('lock_set'), locker, set, known.map(atom), hisTag));
}

/** To a locker whose session is not known here: without tag, and to the process itself. */
export function lockRefused(locker: Pid, known: readonly string[]): Term {
  return tuple(atom('lock_set'), locker, false, known.map(atom));
}

export function exchange(self: string, names: readonly NameEntry[], hisTag: Term): Term {
  return cast(tuple(atom('exchange'), atom(self), names.map(entryTerm), [], hisTag));
}

export function resolved(self: string, { operations, nodes, external }: Resolution, hisTag: Term): Term {
  const ops = operations.map(operationTerm);
  return cast(
    tuple(atom('resolved'), atom(self), ops, nodes.map(nodeTerm), UNUSED, external.map(externalTerm), hisTag),
  );
}

/** @param requester under which the lock `global` is held meanwhile. */
export function newNodes(self: string, { operations, nodes, external }: Resolution, requester: Term): Term {
  const extra = [tuple(atom('vsn'), VERSION), tuple(atom('lock'), tuple(GLOBAL, requester))];
  const ops = operations.map(operationTerm);
  return cast(tuple(atom('new_nodes'), atom(self), ops, external.map(externalTerm), nodes.map(nodeTerm), extra));
}

export function inSync(self: string): Term {
  return cast(tuple(atom('in_sync'), atom(self), true));
}

export function lostConnection({ nodeA, creation, number, nodeB }: LostConnection): Term {
  return tuple(atom('lost_connection'), atom(nodeA), creation, number, atom(nodeB));
}

export function removeConnection(self: string): Term {
  return tuple(atom('remove_connection'), atom(self));
}

export function lockIdTerm({ resource, requester }: LockId): Term {
  return tuple(resource, requester);
}

export function nodeTerm({ node, version }: KnownNode): Term {
  return tuple(atom(node), version);
}

export function externalTerm({ name, pid, registeredBy }: ExternalName): Term {
  return tuple(name, pid, registeredBy);
}

export function entryTerm({ name, pid, method }: NameEntry): Term {
  return tuple(name, pid, method);
}

function operationTerm(operation: Operation): Term {
  return operation.type === 'insert'
    ? tuple(atom('insert'), entryTerm(operation.entry))
    : tuple(atom('delete'), operation.name);
}

// --- reading ---

/** What does not fit is thrown as this, inside this file only. */
class Unreadable extends Error {}

/** A plain message or a cast of a peer; undefined when it is none of global's. */
export function parsePeerMessage(message: Term): PeerMessage | undefined {
  const isCast = isTuple(message, 2) && isAtom(message.at(0), '$gen_cast');
  const body = isCast ? message.at(1) : message;
  if (!isTuple(body)) return undefined;
  try {
    return isCast ? castOf(body) : infoOf(body);
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

/** The request of a `$gen_call`; undefined when it is none of global's. */
export function parseRequest(term: Term): Request | undefined {
  const plain = atomName(term);
  if (plain === 'get_known' || plain === 'get_synced' || plain === 'get_protocol_version' || plain === 'get_names_ext')
    return { type: plain };
  if (!isTuple(term)) return undefined;
  const { elements } = term;
  const kind = `${atomName(elements[0]) ?? ''}/${elements.length}`;
  try {
    switch (kind) {
      case 'set_lock/2':
        return { type: 'set_lock', id: lockIdOf(elements[1]) };
      case 'del_lock/2':
        return { type: 'del_lock', id: lockIdOf(elements[1]) };
      case 'register/4':
        return { type: 'register', entry: entryOf(elements.slice(1)), registeredBy: undefined };
      case 'register_ext/5':
        return { type: 'register', entry: entryOf(elements.slice(1, 4)), registeredBy: elements[4] };
      case 'unregister/2':
        return { type: 'unregister', name: elements[1] };
      default:
        return undefined;
    }
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

/** The names of a table, as `entryTerm` writes each; undefined when they are none. */
export function parseEntries(term: Term): NameEntry[] | undefined {
  try {
    return listOf(term).map((name) => entryOf(elementsOf(name, 3)));
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

function castOf({ elements }: Tuple): PeerMessage | undefined {
  switch (`${atomName(elements[0]) ?? ''}/${elements.length}`) {
    case 'init_connect/4': {
      const version = elements[1];
      const initial = elements[3];
      // Later versions may append to both tuples.
      if (!isTuple(version) || version.length < 2 || !isTuple(initial, 4)) return undefined;
      const [number, tag] = version.elements;
      if (typeof number !== 'number') return undefined;
      return { type: 'init_connect', version: number, tag, node: nodeOf(elements[2]), locker: pidOf(initial.at(3)) };
    }
    case 'lock_set/4':
    case 'lock_set/5':
      return {
        type: 'lock_set',
        locker: pidOf(elements[1]),
        set: elements[2] === true,
        tag: elements.length === 5 ? elements[4] : undefined,
      };
    case 'exchange/5': {
      const names = listOf(elements[2]).map((name) => entryOf(elementsOf(name, 3)));
      return { type: 'exchange', node: nodeOf(elements[1]), names, tag: elements[4] };
    }
    case 'resolved/7':
      return {
        type: 'resolved',
        node: nodeOf(elements[1]),
        operations: listOf(elements[2]).map(operationOf),
        nodes: listOf(elements[3]).map(knownOf),
        external: listOf(elements[5]).map(externalOf),
        tag: elements[6],
      };
    case 'new_nodes/6': {
      const extra = listOf(elements[5]).find((each) => isTuple(each, 2) && isAtom(each.at(0), 'lock'));
      const lock = isTuple(extra, 2) ? extra.at(1) : undefined;
      return {
        type: 'new_nodes',
        node: nodeOf(elements[1]),
        operations: listOf(elements[2]).map(operationOf),
        external: listOf(elements[3]).map(externalOf),
        nodes: listOf(elements[4]).map(knownOf),
        requester: isTuple(lock, 2) && isAtom(lock.at(0), 'global') ? lock.at(1) : undefined,
      };
    }
    case 'in_sync/3':
      return { type: 'in_sync', node: nodeOf(elements[1]) };
    default:
      return undefined;
  }
}

function infoOf({ elements }: Tuple): PeerMessage | undefined {
  switch (`${atomName(elements[0]) ?? ''}/${elements.length}`) {
    case 'init_connect_ack/4':
      return { type: 'init_connect_ack', node: nodeOf(elements[1]), myTag: elements[2], hisTag: elements[3] };
    case 'cancel_connect/3':
      return { type: 'cancel_connect', node: nodeOf(elements[1]), tag: elements[2] };
    case 'lock_set/4':
      return { type: 'lock_set', locker: pidOf(elements[1]), set: elements[2] === true, tag: undefined };
    case 'lost_connection/5':
      return {
        type: 'lost_connection',
        nodeA: nodeOf(elements[1]),
        creation: integerOf(elements[2]),
        number: integerOf(elements[3]),
        nodeB: nodeOf(elements[4]),
      };
    case 'remove_connection/2':
      return { type: 'remove_connection', node: nodeOf(elements[1]) };
    default:
      return undefined;
  }
}

function listOf(term: Term): readonly Term[] {
  if (!Array.isArray(term)) throw new Unreadable();
  return term as readonly Term[];
}

function elementsOf(term: Term, arity: number): readonly Term[] {
  if (!isTuple(term, arity)) throw new Unreadable();
  return term.elements;
}

function nodeOf(term: Term): string {
  const name = atomName(term);
  if (name === undefined) throw new Unreadable();
  return name;
}

function pidOf(term: Term): Pid {
  if (!(term instanceof Pid)) throw new Unreadable();
  return term;
}

function integerOf(term: Term): bigint {
  if (typeof term === 'bigint') return term;
  if (typeof term !== 'number' || !Number.isSafeInteger(term)) throw new Unreadable();
  return BigInt(term);
}

function lockIdOf(term: Term): LockId {
  const [resource, requester] = elementsOf(term, 2);
  return { resource, requester };
}

function entryOf([name, pid, method]: readonly Term[]): NameEntry {
  return { name, pid: pidOf(pid), method };
}

function operationOf(term: Term): Operation {
  const [kind, what] = elementsOf(term, 2);
  if (isAtom(kind, 'insert')) return { type: 'insert', entry: entryOf(elementsOf(what, 3)) };
  if (isAtom(kind, 'delete')) return { type: 'delete', name: what };
  throw new Unreadable();
}

/** `{Node, Version}`, of version 7 on; before it `Node`. */
function knownOf(term: Term): KnownNode {
  if (!isTuple(term, 2)) return { node: nodeOf(term), version: 0 };
  const version = term.at(1);
  if (typeof version !== 'number') throw new Unreadable();
  return { node: nodeOf(term.at(0)), version };
}

function externalOf(term: Term): ExternalName {
  const [name, pid, registeredBy] = elementsOf(term, 3);
  return { name, pid: pidOf(pid), registeredBy };
}
