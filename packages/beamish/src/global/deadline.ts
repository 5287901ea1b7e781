import { BeamishError } from '../error/index.ts';
import type { Clock } from '../world/index.ts';

/** How long a question to the other nodes may take. */
export interface WaitOptions {
  /** Milliseconds until it rejects with `timeout`; `Infinity` waits for ever, as OTP does. @default 30000 */
  readonly timeout?: number;
  /** Gives it up: it rejects with `aborted`. */
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT = 30_000;

/** Work with an end: its signal fires when the time is over or the caller gives up, and then nobody waits for it any more. */
export async function within<T>(
  clock: Clock,
  { timeout = DEFAULT_TIMEOUT, signal }: WaitOptions,
  what: () => string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (!(timeout >= 0))
    throw new BeamishError('option_invalid', `timeout is ${String(timeout)}: give milliseconds from 0 up, or Infinity`);
  const controller = new AbortController();
  const given = Promise.withResolvers<never>();
  const giveUp = (error: BeamishError): void => {
    given.reject(error);
    controller.abort(error);
  };
  const late = (): void =>
    giveUp(new BeamishError('timeout', `${what()}: not done within ${timeout} ms`, { retryable: true }));
  const aborted = (): void =>
    giveUp(new BeamishError('aborted', `${what()}: the caller gave it up`, { cause: signal?.reason }));
  const timer = timeout === Infinity ? undefined : clock.setTimer(timeout, late);
  if (signal?.aborted === true) aborted();
  signal?.addEventListener('abort', aborted, { once: true });
  try {
    const done = work(controller.signal);
    // Once nobody waits, its failure is nobody's either.
    done.catch(() => {});
    return await Promise.race([done, given.promise]);
  } finally {
    timer?.cancel();
    signal?.removeEventListener('abort', aborted);
  }
}
