import { ImproperList, Reference, atom, tuple } from '../term/index.ts';
import type { Atom, Pid, Term, Tuple } from '../term/index.ts';
import { NumberMap } from './number-map.ts';
import type { Process } from './process.ts';
import type { NamedProcess } from './signal.ts';

/** What a reference of this node stands for while it is in use: a call, a monitor, an alias, a spawn request. */
export interface Entry {
  readonly reference: Reference;
  /** Whose it is; given up when that process ends. */
  readonly owner: Process;
  /** What it watches, if it watches anything. */
  readonly to: Pid | NamedProcess | undefined;
  /** The same, when it is a process of this node. */
  readonly watched: Process | undefined;
  /** What it watches ended, or is out of reach. The entry has been removed. */
  down?(reason: Term): void;
  /** A message to the reference as an alias, or a reply that carries it. The call's entry has been removed. */
  message?(message: Term): void;
  /** The signal `reply`: as `message`, and who was called is not watched any more. Only a call has it. */
  replied?(reply: Term): void;
  /** The answer to a spawn request. The entry has been left in place: it may be a monitor from here on. */
  spawned?(result: Pid | Atom): void;
  /** Its owner ended. The entry has been removed. */
  abandoned?(): void;
}

const ALIAS = atom('alias');
const GEN_CALL = atom('$gen_call');
const LOW_BITS = 18;
const LOW = 2 ** LOW_BITS;
const CALL_BIT = 1;

/** The tag `[alias|Reference]` of OTP's gen. */
export function aliasTag(reference: Reference): ImproperList {
  return new ImproperList([ALIAS], reference);
}

/** The message that a call is (OTP gen:call/4). */
export function callMessage(
  from: Pid,
  tag: ImproperList | Reference,
  request: Term,
  label: Atom | Pid = GEN_CALL,
): Tuple {
  return tuple(label, tuple(from, tag), request);
}

/** The reference a reply is routed by: of `[alias|Ref]` and `[[alias|Ref]|_]` (OTP gen:reply/2, protocols 5.5). */
export function aliasOf(tag: Term): Reference | undefined {
  let inner = tag;
  if (Array.isArray(inner)) inner = inner[0] as Term;
  else if (inner instanceof ImproperList && inner.elements[0] instanceof ImproperList) inner = inner.elements[0];
  if (!(inner instanceof ImproperList) || inner.elements.length !== 1 || inner.elements[0] !== ALIAS) return undefined;
  return inner.tail instanceof Reference ? inner.tail : undefined;
}

/**
 * Makes references and remembers what the live ones are for. Theirs are three words: a counter of 50 bits (18 in the first
 * word, the older format's limit) and a salt, whose last bit marks references of calls: so a reply that comes
 * too late is known for what it is, and dropped.
 */
export class References {
  readonly #entries = new NumberMap<Entry>();
  readonly #salt: number;
  #counter = 0;

  constructor(salt: number) {
    this.#salt = (salt & ~CALL_BIT) >>> 0;
  }

  make(node: string, creation: number, forCall: boolean): Reference {
    const number = ++this.#counter;
    const salt = forCall ? this.#salt + CALL_BIT : this.#salt;
    return new Reference(node, creation, [number % LOW, Math.floor(number / LOW), salt]);
  }

  /** The number of a reference made here, by words alone; undefined when it was not. */
  numberOf(reference: Reference): number | undefined {
    const [low, high, salt] = reference.words;
    if (reference.words.length !== 3 || ((salt as number) & ~CALL_BIT) >>> 0 !== this.#salt) return undefined;
    return (low as number) + (high as number) * LOW;
  }

  isForCall(reference: Reference): boolean {
    return ((reference.words[2] as number) & CALL_BIT) === CALL_BIT;
  }

  /**
   * Whether the number stands for this very reference. A peer that changes the bit of a reference it has seen gets no
   * further: a reply is no message to an alias, and takes no monitor.
   */
  isLive(number: number, reference: Reference): boolean {
    const entry = this.#entries.get(number);
    return entry !== undefined && this.isForCall(entry.reference) === this.isForCall(reference);
  }

  get(number: number): Entry | undefined {
    return this.#entries.get(number);
  }

  set(number: number, entry: Entry): void {
    this.#entries.set(number, entry);
  }

  /** @returns the entry, unless it was taken before: what makes "exactly once" true. */
  take(number: number): Entry | undefined {
    return this.#entries.take(number);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Those of now, the oldest first. */
  all(): [number, Entry][] {
    return this.#entries.entries();
  }
}
