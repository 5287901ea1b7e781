/** Taking and giving back locks on nodes, by calls to their `global_name_server` (OTP: `global:set_lock/3`, `del_lock/2`). */
import { BeamishError, isBeamishError } from '../error/index.ts';
import type { ProcessContext } from '../process/index.ts';
import { atom, formatTerm, tuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import { lockIdTerm, NAME_SERVER } from './wire.ts';
import type { LockId } from './wire.ts';

/**
 * Asks the name servers of some nodes, or those of another name, all at once. A node without one, or that is lost meanwhile, is passed over, as in OTP: it
 * takes no part. Nothing but the loss of a node ends the waiting for it.
 */
export async function askAll(
  caller: ProcessContext,
  nodes: readonly string[],
  request: Term,
  name = NAME_SERVER,
): Promise<{ readonly node: string; readonly reply: Term }[]> {
  const asked = nodes.map(async (node) => {
    try {
      return [{ node, reply: await caller.call({ name, node }, request, { timeout: Infinity }) }];
    } catch (error) {
      if (isBeamishError(error, 'aborted')) throw error;
      return [];
    }
  });
  return (await Promise.all(asked)).flat();
}

/** Takes the lock on all nodes or none, with `caller` as its holder. One attempt. */
export async function lockOnce(caller: ProcessContext, id: LockId, nodes: readonly string[]): Promise<boolean> {
  const replies = await askAll(caller, nodes, tuple(atom('set_lock'), lockIdTerm(id)));
  if (replies.every(({ reply }) => reply === true)) return true;
  await unlock(
    caller,
    id,
    replies.filter(({ reply }) => reply === true).map(({ node }) => node),
  );
  return false;
}

export async function unlock(caller: ProcessContext, id: LockId, nodes: readonly string[]): Promise<void> {
  await askAll(caller, nodes, tuple(atom('del_lock'), lockIdTerm(id)));
}

export interface Patience {
  /** Attempts after the first. */
  readonly retries: number;
  readonly signal: AbortSignal | undefined;
}

/** Takes the lock, again and again with growing, irregular pauses. @returns whether it was taken @throws BeamishError `aborted` */
export async function lock(
  caller: ProcessContext,
  id: LockId,
  nodes: readonly string[],
  { retries, signal }: Patience,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal, () => `the lock ${formatTerm(id.resource, { maxLength: 100 })}`);
    if (await lockOnce(caller, id, nodes)) return true;
    if (attempt > retries) return false;
    await pause(caller, attempt, signal);
  }
}

/** OTP `random_sleep`: up to 125 ms, doubled each time, 8 s at most. */
export async function pause(caller: ProcessContext, times: number, signal?: AbortSignal): Promise<void> {
  const longest = times > 5 ? 8000 : 125 * 2 ** times;
  const { random, clock } = caller.world;
  const either = signal === undefined ? caller.signal : AbortSignal.any([signal, caller.signal]);
  await clock.sleep(1 + random.below(longest), { signal: either });
}

export function throwIfAborted(signal: AbortSignal | undefined, what: () => string): void {
  if (signal?.aborted === true)
    throw new BeamishError('aborted', `${what()}: the caller gave it up`, { cause: signal.reason });
}
