import { BeamishError } from '../../error/index.ts';
import type { Clock, SleepOptions, Timer } from '../clock.ts';

/** Node's timers hold a signed 32-bit number of milliseconds; a longer delay would fire at once. */
const LONGEST = 2_147_483_647;

/** A timer of any length: one that outlasts Node's limit is set again when a part of it has passed. */
function setTimer(delay: number, callback: () => void, options?: { readonly background?: boolean }): Timer {
  let left = Math.max(0, delay);
  let timeout: NodeJS.Timeout | undefined;
  const arm = (): void => {
    const part = Math.min(left, LONGEST);
    left -= part;
    timeout = setTimeout(() => (left > 0 ? arm() : callback()), part);
    if (options?.background === true) timeout.unref();
  };
  arm();
  return { cancel: () => clearTimeout(timeout) };
}

function sleep(delay: number, options?: SleepOptions): Promise<void> {
  const signal = options?.signal;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      timer.cancel();
      reject(new BeamishError('aborted', 'the sleep was aborted', { cause: signal?.reason }));
    };
    const timer = setTimer(delay, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

export const realClock: Clock = {
  wallTime: () => Date.now(),
  monotonicTime: () => performance.now(),
  setTimer,
  defer: (callback) => void setImmediate(callback),
  sleep,
};
