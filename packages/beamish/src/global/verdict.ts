import { BeamishError } from '../error/index.ts';
import type { Node } from '../node/index.ts';
import { formatTerm } from '../term/index.ts';
import type { Methods } from './methods.ts';
import type { Conflict, Verdict } from './server/state.ts';

/**
 * Asks the method of our entry, where its process is, for there it is known (OTP: an rpc of `global:resolve_it/4`).
 * @param timeout milliseconds
 */
export async function verdictOn(
  { mine, theirs }: Conflict,
  node: Node,
  methods: Methods,
  timeout: number,
): Promise<Verdict> {
  try {
    const arguments_ = [mine.method, mine.name, theirs.pid, mine.pid] as const;
    const chosen =
      mine.pid.node === node.name
        ? await inTime(node, methods.resolve(...arguments_), timeout)
        : await node.at(mine.pid.node).rpc('global', 'resolve_it', arguments_, { timeout });
    if (mine.pid.equals(chosen)) return 'mine';
    return theirs.pid.equals(chosen) ? 'theirs' : 'nobody';
  } catch (error) {
    node.logger.warn({ name: formatTerm(mine.name), err: error }, 'global: a conflict could not be resolved');
    return 'failed';
  }
}

async function inTime<T>(node: Node, work: Promise<T>, timeout: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = (): void => reject(new BeamishError('timeout', `no decision within ${timeout} ms`));
  const timer = node.world.clock.setTimer(timeout, late);
  try {
    return await Promise.race([work, promise]);
  } finally {
    timer.cancel();
  }
}
