import { BeamishError, isBeamishError } from '../error/index.ts';
import { atom, Pid, tuple } from '../term/index.ts';
import { ExitWith, reasonOf } from './reason.ts';
import type { NamedProcess } from './signal.ts';

/** What stands behind a `Via`: whoever keeps the names. */
export interface ViaOptions {
  /** What people see in errors. */
  readonly title: string;
  /** Who has the name now. */
  readonly whereis: () => Pid | undefined;
  /**
   * Gives the name to a process that is about to start; absent when processes cannot be started under it. Where that takes time
   * `init` waits for it; `self.signal` fires when the process ends before. What it throws or rejects with is what the start fails with.
   */
  readonly register?: (pid: Pid, self: { readonly signal: AbortSignal }) => void | Promise<void>;
}

/**
 * A name that something else than the node's own table of names keeps (OTP: the `{via, Module, Name}` of
 * `gen_server:call/2`). It is looked up anew for every message, so it survives the restart of its process. Made by
 * `Registry.via`, `Global.via` and `PartitionSupervisorRef.via`; or with `new Via` for names of one's own.
 */
export class Via {
  readonly title: string;
  readonly #options: ViaOptions;

  constructor(options: ViaOptions) {
    this.title = options.title;
    this.#options = options;
  }

  /** Who has the name now. */
  whereis(): Pid | undefined {
    return this.#options.whereis();
  }

  /** @throws BeamishError `name_taken`; `option_invalid` when no process can be started under such a name. */
  check(): void {
    if (this.#options.register === undefined)
      throw new BeamishError('option_invalid', `${this.title}: no process can be started under this name`);
    const owner = this.whereis();
    if (owner !== undefined) throw this.taken(owner);
  }

  /** The error for who cannot have the name, with its owner in `details.pid` where that is known. */
  taken(owner: Pid | undefined): BeamishError {
    return new BeamishError('name_taken', `${this.title} is the name of ${owner?.toString() ?? 'another process'}`, {
      details: { name: this.title, ...(owner === undefined ? {} : { pid: owner }) },
    });
  }

  /** Gives the name to a process that starts. @returns when that takes time: rejects with `NotNamed` */
  register(pid: Pid, self: { readonly signal: AbortSignal }): Promise<void> | undefined {
    const named = this.#options.register?.(pid, self);
    return named?.catch((error: unknown) => {
      throw new NotNamed(error);
    });
  }

  toString(): string {
    return this.title;
  }
}

/** Where a message to a via name goes that nobody has. No registered name is equal to it, whatever its text. */
export class Nobody implements NamedProcess {
  readonly name: string;
  readonly node: string;
  constructor(name: string, node: string) {
    this.name = name;
    this.node = node;
  }
}

/** The end of a process that did not get its name (OTP: a start that gives `{error, {already_started, Pid}}`). */
export class NotNamed extends ExitWith {
  constructor(cause: unknown) {
    const owner = isBeamishError(cause, 'name_taken') ? cause.details['pid'] : undefined;
    const reason = owner instanceof Pid ? tuple(atom('already_started'), owner) : reasonOf(cause);
    super(reason, cause instanceof Error ? cause.message : String(cause), cause);
  }
}
