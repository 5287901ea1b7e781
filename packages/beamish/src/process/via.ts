import { BeamishError } from '../error/index.ts';
import type { Pid } from '../term/index.ts';
import type { NamedProcess } from './signal.ts';

export interface ViaOptions {
  /** What people see in errors. */
  readonly title: string;
  /** Who has the name now. */
  readonly whereis: () => Pid | undefined;
  /** Gives the name to a process that is about to start; absent when processes cannot be started under it. */
  readonly register?: (pid: Pid) => void;
}

/**
 * A name that something else than the node's own table of names keeps (OTP: the `{via, Module, Name}` of
 * `gen_server:call/2`). It is looked up anew for every message, so it survives the restart of its process. Made by
 * `Registry.via` and `PartitionSupervisorRef.via`; or with `new Via` for names of one's own.
 */
export class Via {
  readonly title: string;
  readonly #options: ViaOptions;

  constructor(options: ViaOptions) {
    this.title = options.title;
    this.#options = options;
  }

  whereis(): Pid | undefined {
    return this.#options.whereis();
  }

  /** @throws BeamishError `name_taken`; `option_invalid` when no process can be started under such a name. */
  check(): void {
    if (this.#options.register === undefined)
      throw new BeamishError('option_invalid', `${this.title}: no process can be started under this name`);
    const owner = this.whereis();
    if (owner === undefined) return;
    throw new BeamishError('name_taken', `${this.title} is the name of ${owner.toString()}`, {
      details: { name: this.title, pid: owner },
    });
  }

  /** Gives the name to a process that starts. */
  register(pid: Pid): void {
    this.#options.register?.(pid);
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
