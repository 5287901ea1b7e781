/** Bugs that can be planted, to see that a test finds them. The source is changed while it is loaded, on no disk. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface Mutant {
  readonly name: string;
  readonly what: string;
  /** Below packages/beamish/src, or in an application: `apps/...`. */
  readonly file: string;
  /** Must match once. */
  readonly find: RegExp;
  readonly replace: string;
}

function pathOf({ file }: Mutant): string {
  return join(import.meta.dirname, file.startsWith('apps/') ? '../../../..' : '../../src', file);
}

/** How often the place of a bug is in its source: once, or the list is out of date. */
export function places(mutant: Mutant): number {
  return readFileSync(pathOf(mutant), 'utf8').match(new RegExp(mutant.find, 'g'))?.length ?? 0;
}

/** Plants one of them; call it before anything of the library is imported. @throws Error when its place is not there (any more) */
export function plantOne(mutants: readonly Mutant[], name: string): void {
  const mutant = mutants.find((each) => each.name === name);
  if (mutant === undefined)
    throw new Error(`no mutant ${name}; there are ${mutants.map((each) => each.name).join(', ')}`);
  const found = places(mutant);
  if (found !== 1) throw new Error(`${name}: its place is in ${mutant.file} ${found} times`);
  const url = pathToFileURL(pathOf(mutant)).href;
  registerHooks({
    load(asked, context, next) {
      const loaded = next(asked, context);
      if (asked !== url || loaded.source === undefined || loaded.source === null) return loaded;
      const source =
        typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString('utf8');
      return { ...loaded, source: source.replace(mutant.find, mutant.replace) };
    },
  });
}
