import { BeamishError } from '../../error/index.ts';
import { ArgumentsInvalid, RefusedValues } from '../../schema/index.ts';
import type { Term } from '../../term/index.ts';
import type { Clock, Logger } from '../../world/index.ts';
import type { Refusals } from '../refusals.ts';
import type { ExposedFunctions, ExposeOptions } from '../types.ts';
import { nodeMatcher } from '../which-nodes.ts';

export type Outcome =
  | { readonly type: 'returned'; readonly value: Term }
  | { readonly type: 'undefined' }
  | { readonly type: 'failed'; readonly error: unknown };

/** Functions that were exposed together, and to whom. */
interface Entry {
  readonly functions: ExposedFunctions;
  readonly allows: (nodeName: string) => boolean;
}

/** What other nodes may run here, and which of them: nothing else (a cookie is no root shell). */
export class Exposed {
  readonly #modules = new Map<string, Map<string, Entry>>();
  readonly #refusals: Refusals;
  readonly #refused: RefusedValues;

  constructor(clock: Clock, logger: Logger, refusals: Refusals) {
    this.#refusals = refusals;
    this.#refused = new RefusedValues(clock, logger, 'an exposed function');
  }

  /** @throws BeamishError `option_invalid`, `name_taken` when the function is exposed already */
  expose(module: string, functions: ExposedFunctions, { allow }: ExposeOptions): { remove(): void } {
    const names = Object.keys(functions);
    const exposed = this.#modules.get(module) ?? new Map<string, Entry>();
    for (const name of names) {
      if (typeof functions[name] !== 'function')
        throw new BeamishError('option_invalid', `${module}:${name} is no function`);
      if (exposed.has(name)) throw new BeamishError('name_taken', `${module}:${name} is exposed already`);
    }
    const entry: Entry = {
      functions: { ...functions },
      allows: allow === undefined ? () => true : nodeMatcher(allow, 'allow'),
    };
    for (const name of names) exposed.set(name, entry);
    this.#modules.set(module, exposed);
    return {
      remove: () => {
        for (const name of names) if (exposed.get(name) === entry) exposed.delete(name);
        if (exposed.size === 0 && this.#modules.get(module) === exposed) this.#modules.delete(module);
      },
    };
  }

  /**
   * The function, if the node may call it. One that it may not call is to it as if there were none, here it is counted and told.
   * @param node the one at the other end of the connection, whatever a message says of its sender
   */
  find(module: string, name: string, node: string): ExposedFunctions[string] | undefined {
    const entry = this.#modules.get(module)?.get(name);
    if (entry !== undefined && this.#permits(entry, node)) return entry.functions[name];
    const what = `${module}:${name}`;
    if (entry === undefined) this.#refusals.refuse('not_exposed', node, `${node} calls ${what}, which is not exposed`);
    else this.#refusals.refuse('not_permitted', node, `${node} calls ${what}, which is exposed to others only`);
    return undefined;
  }

  async run(module: string, name: string, args: readonly Term[], node: string): Promise<Outcome> {
    const run = this.find(module, name, node);
    if (run === undefined) return { type: 'undefined' };
    try {
      return { type: 'returned', value: (await run(...args)) as Term };
    } catch (error) {
      if (error instanceof ArgumentsInvalid) this.#refused.refused(error);
      return { type: 'failed', error };
    }
  }

  #permits(entry: Entry, node: string): boolean {
    try {
      return entry.allows(node);
    } catch {
      return false;
    }
  }
}
