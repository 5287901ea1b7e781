import { BeamishError } from '../error/index.ts';
import type { Runtime } from '../process/index.ts';
import { Reference, atom, tuple } from '../term/index.ts';
import type { Atom, Pid, Term } from '../term/index.ts';
import type { Row, Rows } from './rows.ts';

/** Who gets a table when its owner ends: it is sent `{'ETS-TRANSFER', Table, FromPid, data}`. */
export interface Heir {
  readonly pid: Pid;
  readonly data: Term;
}

/** A table of this runtime, whoever looks at it. */
export interface TableState {
  readonly id: Reference;
  readonly name: string | undefined;
  readonly type: 'set' | 'ordered_set' | 'bag' | 'duplicate_bag';
  readonly protection: 'public' | 'protected' | 'private';
  readonly keyPosition: number;
  readonly rows: Rows<Row>;
  owner: Pid;
  heir: Heir | undefined;
  deleted: boolean;
  /** Stops watching the owner. */
  release: (() => void) | undefined;
}

const TRANSFER = atom('ETS-TRANSFER');

/** The tables of one runtime: names, owners, heirs. */
export class Tables {
  readonly #runtime: Runtime;
  readonly #byName = new Map<string, TableState>();
  readonly #byId = new Map<string, TableState>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** @throws BeamishError `name_taken`, `noproc` when the owner is not alive */
  add(state: TableState): void {
    const { name } = state;
    if (name !== undefined && this.#byName.has(name))
      throw new BeamishError('name_taken', `there is a table ${name}`, { details: { name } });
    this.#ownedBy(state, state.owner);
    if (name !== undefined) this.#byName.set(name, state);
    this.#byId.set(state.id.key, state);
  }

  find(table: string | Atom | Reference): TableState | undefined {
    if (table instanceof Reference) return this.#byId.get(table.key);
    return this.#byName.get(typeof table === 'string' ? table : table.name);
  }

  all(): readonly TableState[] {
    return [...this.#byId.values()];
  }

  delete(state: TableState): void {
    state.deleted = true;
    state.release?.();
    state.rows.clear();
    this.#byId.delete(state.id.key);
    if (state.name !== undefined) this.#byName.delete(state.name);
  }

  /** `{'ETS-TRANSFER', Table, FromPid, Data}` to the new owner (ets:give_away/3, and option `heir`). */
  transfer(state: TableState, to: Pid, data: Term): void {
    const { owner: from, release } = state;
    this.#ownedBy(state, to);
    // Not before: of a process that is not alive nothing comes, and the table stays its owner's.
    release?.();
    const id = state.name === undefined ? state.id : atom(state.name);
    this.#runtime.send(to, tuple(TRANSFER, id, from, data), from);
  }

  #ownedBy(state: TableState, owner: Pid): void {
    const release = this.#runtime.atEnd(owner, () => this.#ownerEnded(state));
    if (release === undefined)
      throw new BeamishError('noproc', `${owner.toString()} cannot own a table: it is not alive on this node`);
    state.owner = owner;
    state.release = release;
  }

  #ownerEnded(state: TableState): void {
    const { heir, owner } = state;
    if (heir !== undefined && !heir.pid.equals(owner) && this.#runtime.isAlive(heir.pid))
      this.transfer(state, heir.pid, heir.data);
    else this.delete(state);
  }
}
