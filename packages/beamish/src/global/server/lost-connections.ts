import type { LostConnection } from '../wire.ts';

/** Losses remembered, so that each is acted on and passed on once. OTP forgets them after an hour. */
const MAX_REMEMBERED = 10_000;

export class LostConnections {
  /** By both nodes; the oldest first. */
  readonly #told = new Map<string, { readonly creation: bigint; readonly number: bigint }>();

  /** @returns whether this loss is news. */
  isNew({ nodeA, nodeB, creation, number }: LostConnection): boolean {
    const key = `${nodeA} ${nodeB}`;
    const told = this.#told.get(key);
    if (told?.creation === creation && number <= told.number) return false;
    this.#told.delete(key);
    this.#told.set(key, { creation, number });
    if (this.#told.size > MAX_REMEMBERED) this.#told.delete(this.#told.keys().next().value as string);
    return true;
  }
}
