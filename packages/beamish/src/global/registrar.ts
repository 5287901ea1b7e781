import { BeamishError } from '../error/index.ts';
import { atom, formatTerm, tuple } from '../term/index.ts';
import type { ExportFun, Pid, Term } from '../term/index.ts';
import { askAll, lockOnce, pause, throwIfAborted, unlock } from './acquire.ts';
import { bossOf } from './server/locker.ts';
import type { ResolveMethod } from './methods.ts';
import type { NameServer } from './name-server.ts';
import { partition } from './server/state.ts';
import { GLOBAL } from './wire.ts';

/** Changes names on all nodes of the partition, one change at a time, under the lock `global` (OTP: `the_registrar`). */
export class Registrar {
  readonly #server: NameServer;
  #last: Promise<unknown> = Promise.resolve();

  constructor(server: NameServer) {
    this.#server = server;
  }

  /** @returns false when another process has the name. @throws BeamishError `option_invalid` when the process has another name */
  register(name: Term, pid: Pid, method: ResolveMethod | ExportFun, signal?: AbortSignal): Promise<boolean> {
    return this.#underLock(signal, async (nodes) => {
      const owner = this.#server.whereis(name);
      if (owner !== undefined) return owner.equals(pid);
      const [other] = this.#server.state.tables.namesOf(pid);
      if (other !== undefined)
        throw new BeamishError(
          'option_invalid',
          `${pid.toString()} is registered as ${formatTerm(other)}: one name each`,
        );
      await this.#write(nodes, name, pid, method);
      return true;
    });
  }

  /** Gives the name to the process, whoever has it. */
  reRegister(name: Term, pid: Pid, method: ResolveMethod | ExportFun, signal?: AbortSignal): Promise<void> {
    return this.#underLock(signal, (nodes) => this.#write(nodes, name, pid, method));
  }

  async unregister(name: Term, signal?: AbortSignal): Promise<void> {
    if (this.#server.whereis(name) === undefined) return;
    await this.#underLock(signal, (nodes) => this.#change(nodes, tuple(atom('unregister'), name)));
  }

  /** Does something that concerns all names, while nobody changes any. */
  alone<T>(work: (nodes: readonly string[]) => Promise<T>): Promise<T> {
    return this.#underLock(undefined, work);
  }

  #write(nodes: readonly string[], name: Term, pid: Pid, method: ResolveMethod | ExportFun): Promise<void> {
    const term = this.#server.methods.termOf(method, pid);
    return this.#change(nodes, tuple(atom('register'), name, pid, term));
  }

  /** A node that was lost since it was locked is of another partition now. */
  async #change(locked: readonly string[], request: Term): Promise<void> {
    const now = partition(this.#server.state);
    await askAll(
      this.#server.registrar,
      locked.filter((node) => now.includes(node)),
      request,
    );
  }

  /** OTP: `trans_all_known`. */
  #underLock<T>(signal: AbortSignal | undefined, change: (nodes: readonly string[]) => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      const nodes = await this.#lockPartition(signal);
      try {
        return await change(nodes);
      } finally {
        await this.#unlock(nodes);
      }
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** The boss first: rivals meet there, and nowhere else. Again, when the partition has grown meanwhile. */
  async #lockPartition(signal: AbortSignal | undefined): Promise<readonly string[]> {
    for (let times = 0; ; times++) {
      throwIfAborted(signal, () => 'the change of a global name');
      const { registrar, state } = this.#server;
      const id = { resource: GLOBAL, requester: registrar.pid };
      const nodes = partition(state);
      if (await lockOnce(registrar, id, [bossOf(nodes)])) {
        const all = await lockOnce(registrar, id, nodes);
        if (all && partition(this.#server.state).every((node) => nodes.includes(node))) return nodes;
        await this.#unlock(all ? nodes : [bossOf(nodes)]);
      }
      await pause(registrar, times, signal);
    }
  }

  async #unlock(nodes: readonly string[]): Promise<void> {
    const { registrar } = this.#server;
    const id = { resource: GLOBAL, requester: registrar.pid };
    const boss = bossOf(nodes);
    await unlock(
      registrar,
      id,
      nodes.filter((node) => node !== boss),
    );
    await unlock(registrar, id, [boss]);
  }
}
