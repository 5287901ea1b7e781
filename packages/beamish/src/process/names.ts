import { BeamishError } from '../error/index.ts';
import type { Process } from './process.ts';

/** The names of the processes of a node (OTP `register/2`): a name has one process, a process one name. */
export class Names {
  readonly #processes = new Map<string, Process>();

  get size(): number {
    return this.#processes.size;
  }

  get(name: string): Process | undefined {
    return this.#processes.get(name);
  }

  all(): string[] {
    return [...this.#processes.keys()];
  }

  /** @throws BeamishError `option_invalid`, `name_taken`: whether a process can get the name */
  check(name: string): void {
    if (name === '' || name === 'undefined')
      throw new BeamishError('option_invalid', `a process cannot be named '${name}'`);
    const owner = this.#processes.get(name);
    if (owner !== undefined) {
      throw new BeamishError('name_taken', `${name} is the name of ${owner.pid.toString()}`, {
        details: { name, pid: owner.pid },
      });
    }
  }

  /** Takes a name that was checked. */
  set(name: string, process: Process): void {
    process.name = name;
    this.#processes.set(name, process);
  }

  unregister(name: string): void {
    const process = this.#processes.get(name);
    if (process === undefined) return;
    this.#processes.delete(name);
    process.name = undefined;
  }

  /** Its name is free; the process itself keeps it, for what is still said of it. */
  ended(process: Process): void {
    if (process.name !== undefined) this.#processes.delete(process.name);
  }
}
