import { promiseHooks } from 'node:v8';
import { where } from './guards.ts';

/** Code that waits for others, not for itself. */
const FOREIGN = /[( ]node:|[/\\]node_modules[/\\]|[/\\]beamish[/\\](src|dist)[/\\]/;

/**
 * Remembers every place where somebody awaits, so that after a run that did not end it can be said where. It slows a run down
 * tenfold, which is why only the second run of the same seed is watched: being the same run, it waits at the same place.
 */
export class AwaitWatch {
  readonly #waiting = new Map<Promise<unknown>, Error>();
  readonly #stop: () => void;

  constructor() {
    this.#stop = promiseHooks.createHook({
      init: (promise: Promise<unknown>) => {
        const limit = Error.stackTraceLimit;
        Error.stackTraceLimit = 12;
        this.#waiting.set(promise, new Error('await'));
        Error.stackTraceLimit = limit;
      },
      before: (promise: Promise<unknown>) => void this.#waiting.delete(promise),
      settled: (promise: Promise<unknown>) => void this.#waiting.delete(promise),
      after: (promise: Promise<unknown>) => void this.#waiting.delete(promise),
    }) as () => void;
  }

  /** Ends the watch. @returns the places of the user's code that still wait, the last first, at most 5 */
  end(): string[] {
    this.#stop();
    const places = new Set<string>();
    for (const error of [...this.#waiting.values()].reverse()) {
      const lines = (error.stack ?? '')
        .split('\n')
        .slice(1)
        .filter((line) => !/waiting\.ts/.test(line));
      const own = lines.find(
        (line) => !/^\s*at (new )?(Promise|async Promise)/.test(line) && !FOREIGN.test(line) && /:\d+:\d+/.test(line),
      );
      if (own !== undefined) places.add(where(own));
      if (places.size === 5) break;
    }
    this.#waiting.clear();
    return [...places];
  }
}
