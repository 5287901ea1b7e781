import { BeamishError } from '../error/index.ts';
import type { Runtime } from '../process/index.ts';
import { formatTerm, keyOf } from '../term/index.ts';
import type { Term } from '../term/index.ts';

/**
 * Values of a runtime that are read often and changed hardly ever: configuration, say (OTP `persistent_term`). They stay
 * until they are erased, and are given by reference: treat them as frozen.
 */
export class PersistentTerms {
  readonly #terms = new Map<string, { readonly key: Term; readonly value: Term }>();

  /** Those of a runtime; the same object every time. */
  static of(runtime: Runtime): PersistentTerms {
    return runtime.singleton(PersistentTerms);
  }

  /** Keeps the value; one that was there is replaced (OTP `persistent_term:put/2`). */
  put(key: Term, value: Term): void {
    this.#terms.set(keyOf(key), { key, value });
  }

  /**
   * @param fallback what it is when there is none
   * @throws BeamishError `option_invalid` when there is none, and no fallback (OTP: badarg)
   */
  get<T extends Term = Term>(key: Term, ...fallback: [] | [fallback: T]): T {
    const found = this.#terms.get(keyOf(key));
    if (found !== undefined) return found.value as T;
    if (fallback.length === 1) return fallback[0];
    throw new BeamishError('option_invalid', `there is no persistent term ${formatTerm(key, { maxLength: 100 })}`);
  }

  /** @returns whether there was one */
  erase(key: Term): boolean {
    return this.#terms.delete(keyOf(key));
  }

  /** All of them (OTP `persistent_term:get/0`). */
  entries(): readonly (readonly [key: Term, value: Term])[] {
    return Array.from(this.#terms.values(), ({ key, value }) => [key, value] as const);
  }
}
