/** Waiting for a condition instead of sleeping for a time. */
import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** ms until it gives up: 5000 when absent. */
  readonly timeout?: number;
  /** What is waited for, in the error; a function is called at the time of the error, to show the state. */
  readonly describe?: string | (() => string);
  /** ms between two looks: 10 when absent. */
  readonly interval?: number;
}

/** Looks until the condition is truthy and gives its value; a condition that throws counts as not yet. */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false | null | undefined | 0 | '' | void>> {
  const { timeout = 5000, interval = 10, describe } = options;
  const end = performance.now() + timeout;
  for (;;) {
    let cause: unknown;
    let value: T | undefined;
    try {
      value = await condition();
      if (value) return value as Exclude<T, false | null | undefined | 0 | '' | void>;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= end) {
      const what = typeof describe === 'function' ? describe() : (describe ?? String(condition));
      const last = cause instanceof Error ? cause.message : `the last value was ${String(value)}`;
      throw new Error(`not within ${timeout} ms: ${what} (${last})`, { cause });
    }
    await delay(interval);
  }
}
