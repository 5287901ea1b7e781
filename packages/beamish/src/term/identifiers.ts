import { INSPECT, type InspectOptions } from './shown.ts';
import type { Term } from './types.ts';

/**
 * A process identifier. Opaque: it is only compared and sent back (pitfall 7 of
 * section 4); all four fields together say which process.
 */
export class Pid {
  /** Name of its node, `name@host`. */
  readonly node: string;
  readonly id: number;
  readonly serial: number;
  /** Tells this life of the node from earlier ones with the same name. */
  readonly creation: number;
  #key: string | undefined;

  constructor(node: string, id: number, serial: number, creation: number) {
    this.node = node;
    this.id = id;
    this.serial = serial;
    this.creation = creation;
  }

  /** Equal exactly for equal pids: what to use as a key of a `Map` or `Set`. */
  get key(): string {
    return (this.#key ??= `p${this.id}.${this.serial}.${this.creation}.${this.node.length}:${this.node}`);
  }

  /** The same process of the same life of its node. */
  equals(other: unknown): other is Pid {
    return (
      other instanceof Pid &&
      this.id === other.id &&
      this.serial === other.serial &&
      this.creation === other.creation &&
      this.node === other.node
    );
  }

  toString(): string {
    return `#PID<${this.node}.${this.id}.${this.serial}>`;
  }

  /** @internal */
  [INSPECT](_depth: number, options: InspectOptions): string {
    return options.stylize(this.toString(), 'special');
  }
}

/** A reference: unique among all nodes, made by `make_ref` or a monitor. */
export class Reference {
  readonly node: string;
  readonly creation: number;
  /** One to five 32-bit words. */
  readonly words: readonly number[];
  #key: string | undefined;

  constructor(node: string, creation: number, words: readonly number[]) {
    this.node = node;
    this.creation = creation;
    this.words = words;
  }

  /** Equal exactly for equal references: what to use as a key of a `Map` or `Set`. */
  get key(): string {
    return (this.#key ??= `r${this.words.join('.')}/${this.creation}.${this.node.length}:${this.node}`);
  }

  /** The same reference of the same life of its node. */
  equals(other: unknown): other is Reference {
    return other instanceof Reference && this.key === other.key;
  }

  toString(): string {
    return `#Reference<${this.node}.${[...this.words].reverse().join('.')}>`;
  }

  /** @internal */
  [INSPECT](_depth: number, options: InspectOptions): string {
    return options.stylize(this.toString(), 'special');
  }
}

/** A port of a BEAM node (a socket, a driver). Opaque. */
export class Port {
  readonly node: string;
  /** 64 bits. */
  readonly id: bigint;
  readonly creation: number;
  #key: string | undefined;

  constructor(node: string, id: bigint, creation: number) {
    this.node = node;
    this.id = id;
    this.creation = creation;
  }

  /** Equal exactly for equal ports: what to use as a key of a `Map` or `Set`. */
  get key(): string {
    return (this.#key ??= `o${this.id}.${this.creation}.${this.node.length}:${this.node}`);
  }

  /** The same port of the same life of its node. */
  equals(other: unknown): other is Port {
    return other instanceof Port && this.key === other.key;
  }

  toString(): string {
    return `#Port<${this.node}.${this.id}>`;
  }

  /** @internal */
  [INSPECT](_depth: number, options: InspectOptions): string {
    return options.stylize(this.toString(), 'special');
  }
}

/** A function named by its module: `fun module:function/arity`, `&Module.function/arity`. */
export class ExportFun {
  readonly module: string;
  readonly function: string;
  /** 0 to 255. */
  readonly arity: number;

  constructor(module: string, functionName: string, arity: number) {
    this.module = module;
    this.function = functionName;
    this.arity = arity;
  }

  /** The same function of the same module, with as many arguments. */
  equals(other: unknown): other is ExportFun {
    return (
      other instanceof ExportFun &&
      this.arity === other.arity &&
      this.function === other.function &&
      this.module === other.module
    );
  }

  toString(): string {
    return `&${this.module}.${this.function}/${this.arity}`;
  }

  /** @internal */
  [INSPECT](_depth: number, options: InspectOptions): string {
    return options.stylize(this.toString(), 'special');
  }
}

/** What an `OpaqueFun` lets one see: fields of NEW_FUN (tag 112, section 4). */
export interface OpaqueFunParts {
  /** Where its code is. */
  readonly module: string;
  readonly arity: number;
  readonly index: number;
  readonly oldIndex: number;
  readonly oldUniq: number;
  /** The values it closes over. */
  readonly free: readonly Term[];
}

/**
 * A closure of a BEAM node. It can only be called where its module is loaded, so
 * it is kept as the bytes it came in, and sent back unchanged.
 */
export class OpaqueFun implements OpaqueFunParts {
  /** The encoding as it was received, tag included. */
  readonly bytes: Uint8Array;
  readonly module: string;
  readonly arity: number;
  readonly index: number;
  readonly oldIndex: number;
  readonly oldUniq: number;
  readonly free: readonly Term[];

  /** @internal Only a decoder makes one. */
  constructor(bytes: Uint8Array, parts: OpaqueFunParts) {
    this.bytes = bytes;
    this.module = parts.module;
    this.arity = parts.arity;
    this.index = parts.index;
    this.oldIndex = parts.oldIndex;
    this.oldUniq = parts.oldUniq;
    this.free = parts.free;
  }

  toString(): string {
    return `#Function<${this.index}.${this.oldUniq}/${this.arity} in ${this.module}>`;
  }

  /** @internal */
  [INSPECT](_depth: number, options: InspectOptions): string {
    return options.stylize(this.toString(), 'special');
  }
}
