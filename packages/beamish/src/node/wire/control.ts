import { BeamishError } from '../../error/index.ts';
import type { Destination, NamedProcess, SharedBytes, Signal } from '../../process/signal.ts';
import { wireAtom } from '../../term/atom.ts';
import { Atom, atom, atomName, formatTerm, isTuple, Pid, Reference, tuple } from '../../term/index.ts';
import type { Encoder, Term } from '../../term/index.ts';
import { ALIAS, ALTACT_SIG, CALLS, SPAWN } from '../flags.ts';

/** Control messages of the distribution and the signals they are (protocols 3.4). */

const SMALL_TUPLE = 104;
const SMALL_INTEGER = 97;
/** Beamish's own operations, for who announces the flag CALLS: `{200, From, ToPidOrName, Reference}` and the request; `{201, Reference}` and the reply. */
const CALL = 200;
const REPLY = 201;
/** Flags of ALTACT_SIG_SEND; 1, a priority message, changes nothing here. */
const FLAG = { token: 2, alias: 4, name: 8, exit: 16 } as const;
const EMPTY_ATOM = Uint8Array.of(119, 0);

/** What follows a control message. */
export type Payload = { readonly term: Term; readonly shared?: SharedBytes | undefined } | undefined;

/**
 * Writes the control tuple of a signal, without a version byte.
 * @param anyone the sender of what has none, where the protocol wants one
 * @returns the payload to write after it
 */
export function writeControl(out: Encoder, signal: Signal, anyone: Pid): Payload {
  switch (signal.type) {
    case 'message':
      return writeMessage(out, signal, anyone);
    case 'call':
      write(out, CALL, signal.from, nameOrPid(signal.to), signal.reference);
      return { term: signal.request };
    case 'reply':
      write(out, REPLY, signal.to);
      return { term: signal.reply };
    case 'link':
      return write(out, 1, signal.from, signal.to);
    case 'unlink':
      return write(out, 35, signal.id, signal.from, signal.to);
    case 'unlinkAck':
      return write(out, 36, signal.id, signal.from, signal.to);
    case 'linkExit':
      write(out, 24, signal.from, signal.to);
      return { term: signal.reason };
    case 'exit':
      if (signal.to instanceof Pid) write(out, 26, signal.from, signal.to);
      else if (signal.to instanceof Reference) write(out, 37, FLAG.alias | FLAG.exit, signal.from, signal.to);
      else write(out, 37, FLAG.name | FLAG.exit, signal.from, nameOrPid(signal.to));
      return { term: signal.reason };
    case 'groupLeader':
      return write(out, 7, signal.from, signal.to);
    case 'monitor':
      return write(out, 19, signal.from, nameOrPid(signal.to), signal.reference);
    case 'demonitor':
      return write(out, 20, signal.from, nameOrPid(signal.to), signal.reference);
    case 'monitorExit':
      write(out, 28, nameOrPid(signal.from), signal.to, signal.reference);
      return { term: signal.reason };
    case 'spawnRequest': {
      const mfa = tuple(signal.module, signal.function, signal.arguments.length);
      const options: Atom[] = [];
      if (signal.options.link) options.push(atom('link'));
      if (signal.options.monitor) options.push(atom('monitor'));
      write(out, 29, signal.reference, signal.from, signal.groupLeader, mfa, options);
      return { term: signal.arguments };
    }
    case 'spawnReply': {
      const flags = (signal.link ? 1 : 0) | (signal.monitor ? 2 : 0);
      return write(out, 31, signal.reference, signal.to, flags, signal.result);
    }
  }
}

/** The flags without which the peer would not understand the signal. */
export function neededFlags(signal: Signal): bigint {
  if (signal.type === 'message') return signal.to instanceof Reference ? ALIAS : 0n;
  if (signal.type === 'call' || signal.type === 'reply') return CALLS;
  if (signal.type === 'exit') return signal.to instanceof Pid ? 0n : ALTACT_SIG;
  return signal.type === 'spawnRequest' ? SPAWN : 0n;
}

function writeMessage(out: Encoder, signal: Signal & { type: 'message' }, anyone: Pid): Payload {
  const { to, from } = signal;
  if (to instanceof Pid) {
    if (from === undefined) {
      head(out, 2, 3);
      out.writeBytes(EMPTY_ATOM);
      out.writeTerm(to);
    } else {
      write(out, 22, from, to);
    }
  } else if (to instanceof Reference) {
    write(out, 33, from ?? anyone, to);
  } else {
    head(out, 6, 4);
    out.writeTerm(from ?? anyone);
    out.writeBytes(EMPTY_ATOM);
    out.writeTerm(wireAtom(to.name));
  }
  return { term: signal.message, shared: signal.shared };
}

function head(out: Encoder, op: number, arity: number): void {
  out.writeByte(SMALL_TUPLE);
  out.writeByte(arity);
  out.writeByte(SMALL_INTEGER);
  out.writeByte(op);
}

function write(out: Encoder, op: number, ...fields: Term[]): undefined {
  head(out, op, fields.length + 1);
  for (const field of fields) out.writeTerm(field);
}

/** A peer may have made the name up, and many of them (in monitors of nobody): none stays in memory for it. */
function nameOrPid(process: Pid | NamedProcess): Pid | Atom {
  return process instanceof Pid ? process : wireAtom(process.name);
}

/** Both ends of a connection. */
export interface Ends {
  readonly own: string;
  readonly peer: string;
}

/**
 * The signal that a control message is. `payload` reads the term that follows; it is called only for messages that have one.
 * @throws BeamishError `frame_malformed`: unknown operation, wrong shape, a sender that is not of the peer's node or a
 * receiver that is not of this one, where a BEAM looks at them
 */
export function readSignal(control: Term, payload: () => Term, ends: Ends): Signal {
  if (!isTuple(control)) return malformed('a control message that is no tuple');
  const fields = new Fields(control.elements, ends);
  const op = control.elements[0];
  switch (op) {
    case 1:
      return { type: 'link', from: fields.sender(1), to: fields.receiver(2, 3) };
    case 2:
    case 12:
      return { type: 'message', from: undefined, to: fields.pid(2, op === 2 ? 3 : 4), message: payload() };
    case 22:
    case 23:
      return { type: 'message', from: fields.pid(1), to: fields.pid(2, op === 22 ? 3 : 4), message: payload() };
    case 6:
    case 16:
      return {
        type: 'message',
        from: fields.pid(1),
        to: { name: fields.atom(3, op === 6 ? 4 : 5), node: ends.own },
        message: payload(),
      };
    case 33:
    case 34:
      return { type: 'message', from: fields.pid(1), to: fields.reference(2, op === 33 ? 3 : 4), message: payload() };
    case 3:
      return { type: 'linkExit', from: fields.sender(1), to: fields.receiver(2, 4), reason: fields.term(3) };
    case 13:
      return { type: 'linkExit', from: fields.sender(1), to: fields.receiver(2, 5), reason: fields.term(4) };
    case 24:
    case 25:
      return { type: 'linkExit', from: fields.sender(1), to: fields.receiver(2, op === 24 ? 3 : 4), reason: payload() };
    case 8:
      return { type: 'exit', from: fields.sender(1), to: fields.receiver(2, 4), reason: fields.term(3) };
    case 18:
      return { type: 'exit', from: fields.sender(1), to: fields.receiver(2, 5), reason: fields.term(4) };
    case 26:
    case 27:
      return { type: 'exit', from: fields.sender(1), to: fields.receiver(2, op === 26 ? 3 : 4), reason: payload() };
    case 4:
      // Before UNLINK_ID (OTP 23 and older); id 0 asks for no acknowledgement.
      return { type: 'unlink', from: fields.sender(1), to: fields.receiver(2, 3), id: 0n };
    case 35:
      return { type: 'unlink', id: fields.id(1), from: fields.sender(2), to: fields.receiver(3, 4) };
    case 36:
      return { type: 'unlinkAck', id: fields.id(1), from: fields.sender(2), to: fields.receiver(3, 4) };
    case 7:
      return { type: 'groupLeader', from: fields.pid(1), to: fields.pid(2, 3) };
    case 19:
    case 20:
      return {
        type: op === 19 ? 'monitor' : 'demonitor',
        from: fields.sender(1),
        to: fields.receiverOrName(2),
        reference: fields.reference(3, 4),
      };
    case 21:
      return fields.monitorExit(5, fields.term(4));
    case 28:
      return fields.monitorExit(4, payload());
    case 29:
    case 30:
      return fields.spawnRequest(op === 29 ? 6 : 7, payload);
    case 31:
    case 32:
      return fields.spawnReply(op === 31 ? 5 : 6);
    case CALL:
      return {
        type: 'call',
        from: fields.sender(1),
        to: fields.receiverOrName(2),
        reference: fields.ownReference(3, ends.peer, 4),
        request: payload(),
      };
    case REPLY:
      return { type: 'reply', node: ends.peer, to: fields.reference(1, 2), reply: payload() };
    case 37:
      return fields.alternative(payload);
    default:
      return malformed(`the unknown control operation ${typeof op === 'number' ? op : '(no number)'}`);
  }
}

/** Reads fields of a control tuple; the last read of a kind may name the arity the tuple must have. */
class Fields {
  readonly #fields: readonly Term[];
  readonly #ends: Ends;

  constructor(fields: readonly Term[], ends: Ends) {
    this.#fields = fields;
    this.#ends = ends;
  }

  term(index: number): Term {
    return this.#fields[index];
  }

  pid(index: number, arity?: number): Pid {
    this.#arity(arity);
    const field = this.#fields[index];
    return field instanceof Pid ? field : this.#wrong(index, 'a pid');
  }

  /** A pid that must be of the peer's own node (protocols 3.4). */
  sender(index: number): Pid {
    const pid = this.pid(index);
    return pid.node === this.#ends.peer
      ? pid
      : malformed(`a signal of ${this.#ends.peer} from a process of ${pid.node}`);
  }

  /** A pid that must be of this node, of whatever life of it: nothing is passed on. */
  receiver(index: number, arity?: number): Pid {
    const pid = this.pid(index, arity);
    return pid.node === this.#ends.own ? pid : malformed(`a signal of ${this.#ends.peer} to a process of ${pid.node}`);
  }

  receiverOrName(index: number): Pid | NamedProcess {
    return this.#fields[index] instanceof Pid ? this.receiver(index) : { name: this.atom(index), node: this.#ends.own };
  }

  reference(index: number, arity?: number): Reference {
    this.#arity(arity);
    const field = this.#fields[index];
    return field instanceof Reference ? field : this.#wrong(index, 'a reference');
  }

  /** A reference that must be one of `node`. */
  ownReference(index: number, node: string, arity?: number): Reference {
    const reference = this.reference(index, arity);
    return reference.node === node ? reference : this.#wrong(index, `a reference of ${node}`);
  }

  atom(index: number, arity?: number): string {
    this.#arity(arity);
    return atomName(this.#fields[index]) ?? this.#wrong(index, 'an atom');
  }

  id(index: number): bigint {
    const field = this.#fields[index];
    const id = typeof field === 'number' && Number.isSafeInteger(field) ? BigInt(field) : field;
    return typeof id === 'bigint' && id > 0n && id < 1n << 64n ? id : this.#wrong(index, 'a number of 64 bits');
  }

  monitorExit(arity: number, reason: Term): Signal {
    const { peer } = this.#ends;
    const from = this.#fields[1] instanceof Pid ? this.sender(1) : { name: this.atom(1), node: peer };
    return { type: 'monitorExit', from, to: this.receiver(2), reference: this.reference(3, arity), reason };
  }

  spawnRequest(arity: number, payload: () => Term): Signal {
    const reference = this.reference(1, arity);
    const mfa = this.#fields[4];
    if (!isTuple(mfa, 3)) return this.#wrong(4, 'a module, function and arity');
    const [module, functionName, count] = mfa.elements;
    const moduleName = atomName(module);
    const name = atomName(functionName);
    const options = this.#fields[5];
    if (moduleName === undefined || name === undefined || !Array.isArray(options)) return this.#wrong(4, 'atoms');
    const values = payload();
    if (!Array.isArray(values) || values.length !== count)
      return malformed('a spawn request with other arguments than it says');
    const given = (options as readonly Term[]).map(atomName);
    return {
      type: 'spawnRequest',
      reference,
      from: this.sender(2),
      groupLeader: this.pid(3),
      module: asAtom(module, moduleName),
      function: asAtom(functionName, name),
      arguments: values as readonly Term[],
      options: { link: given.includes('link'), monitor: given.includes('monitor') },
      node: this.#ends.own,
    };
  }

  spawnReply(arity: number): Signal {
    const flags = this.#fields[3];
    const result = this.#fields[4];
    if (typeof flags !== 'number') return this.#wrong(3, 'flags');
    const outcome = result instanceof Pid ? this.sender(4) : asAtom(result, this.atom(4));
    return {
      type: 'spawnReply',
      node: this.#ends.peer,
      reference: this.ownReference(1, this.#ends.own, arity),
      to: this.receiver(2),
      link: (flags & 1) !== 0,
      monitor: (flags & 2) !== 0,
      result: outcome,
    };
  }

  /**
   * ALTACT_SIG_SEND of OTP 28: a message or an exit to a process, a name or an alias, by flags. Flags and fields that are
   * not known are left alone, as OTP's own reader does. A priority message is one like any other here.
   */
  alternative(payload: () => Term): Signal {
    const flags = this.#fields[1];
    if (!isNatural(flags)) return this.#wrong(1, 'flags');
    const has = (flag: number): boolean => (BigInt(flags) & BigInt(flag)) !== 0n;
    if (this.#fields.length < (has(FLAG.token) ? 5 : 4)) return this.#wrong(3, 'complete');
    const to = this.#alternativeTo(has(FLAG.alias), has(FLAG.name));
    if (has(FLAG.exit)) return { type: 'exit', from: this.sender(2), to, reason: payload() };
    return { type: 'message', from: this.pid(2), to, message: payload() };
  }

  #alternativeTo(alias: boolean, name: boolean): Destination {
    if (alias && name) return this.#wrong(1, 'one kind of receiver');
    if (alias) return this.reference(3);
    return name ? { name: this.atom(3), node: this.#ends.own } : this.pid(3);
  }

  #arity(arity: number | undefined): void {
    if (arity !== undefined && this.#fields.length !== arity) {
      malformed(`control operation ${formatTerm(this.#fields[0])} with ${this.#fields.length} fields, not ${arity}`);
    }
  }

  #wrong(index: number, what: string): never {
    return malformed(`control operation ${formatTerm(this.#fields[0])}: field ${index + 1} is not ${what}`);
  }
}

function isNatural(term: Term): term is number | bigint {
  return typeof term === 'bigint' ? term >= 0n : typeof term === 'number' && Number.isSafeInteger(term) && term >= 0;
}

/** `true`, `nil` and the like are atoms too, and are JavaScript's own values. */
function asAtom(term: Term, name: string): Atom {
  return term instanceof Atom ? term : wireAtom(name);
}

function malformed(message: string): never {
  throw new BeamishError('frame_malformed', message);
}
