import { BeamishError } from '../../error/index.ts';
import { ArgumentsInvalid, RefusedValues } from '../../schema/index.ts';
import type { Term } from '../../term/index.ts';
import type { Clock, Logger } from '../../world/index.ts';
import type { ExposedFunctions } from '../types.ts';

export type Outcome =
  | { readonly type: 'returned'; readonly value: Term }
  | { readonly type: 'undefined' }
  | { readonly type: 'failed'; readonly error: unknown };

/** What other nodes may run here: nothing else (DESIGN.md section 3: a cookie is no root shell). */
export class Exposed {
  readonly #modules = new Map<string, Map<string, ExposedFunctions[string]>>();
  readonly #refused: RefusedValues;

  constructor(clock: Clock, logger: Logger) {
    this.#refused = new RefusedValues(clock, logger, 'an exposed function');
  }

  /** @throws BeamishError `option_invalid`, `name_taken` when the function is exposed already */
  expose(module: string, functions: ExposedFunctions): { remove(): void } {
    const entries = Object.entries(functions);
    const exposed = this.#modules.get(module) ?? new Map<string, ExposedFunctions[string]>();
    for (const [name, value] of entries) {
      if (typeof value !== 'function') throw new BeamishError('option_invalid', `${module}:${name} is no function`);
      if (exposed.has(name)) throw new BeamishError('name_taken', `${module}:${name} is exposed already`);
    }
    for (const [name, value] of entries) exposed.set(name, value);
    this.#modules.set(module, exposed);
    return {
      remove: () => {
        for (const [name, value] of entries) if (exposed.get(name) === value) exposed.delete(name);
        if (exposed.size === 0 && this.#modules.get(module) === exposed) this.#modules.delete(module);
      },
    };
  }

  has(module: string, name: string): boolean {
    return this.#modules.get(module)?.has(name) === true;
  }

  async run(module: string, name: string, args: readonly Term[]): Promise<Outcome> {
    const run = this.#modules.get(module)?.get(name);
    if (run === undefined) return { type: 'undefined' };
    try {
      return { type: 'returned', value: await run(...args) };
    } catch (error) {
      if (error instanceof ArgumentsInvalid) this.#refused.refused(error);
      return { type: 'failed', error };
    }
  }
}
