import { atom, isAtom } from './atom.ts';
import type { Term } from './types.ts';
import { isTuple, Tuple } from './values.ts';

/** A keyword list: `keyword({ timeout: 5 })` is `[timeout: 5]`, a list of `{timeout, 5}`. */
export function keyword(options: { readonly [key: string]: Term }): Tuple[] {
  return Object.entries(options).map(([key, value]) => new Tuple([atom(key), value]));
}

/** The first value under `key` in a keyword list (`Keyword.get/2`), or undefined; also when `list` is none. */
export function keywordGet(list: Term, key: string): Term {
  if (!Array.isArray(list)) return undefined;
  for (const pair of list as readonly Term[]) if (isTuple(pair, 2) && isAtom(pair.at(0), key)) return pair.at(1);
  return undefined;
}
