import { isBeamishError } from '../../error/index.ts';
import { errorReply } from '../../process/calls.ts';
import { reasonOf } from '../../process/index.ts';
import { atom, tuple } from '../../term/index.ts';
import type { Term } from '../../term/index.ts';
import type { World } from '../../world/index.ts';

/** `{undef, [{M, F, Args, []}]}`: what Erlang makes of a function that is not there (protocols 5.5). */
export function undefinedFunction(module: Term, name: Term, args: readonly Term[]): [reason: Term, stack: Term] {
  return [atom('undef'), [tuple(module, name, args, [])]];
}

/** Reason and stack of what an exposed function threw. A `BeamishError` keeps its code on its way to a Beamish caller. */
export function thrown(error: unknown, { stackTraces }: World): [reason: Term, stack: Term] {
  if (isBeamishError(error)) return [errorReply(error), []];
  const [reason, stack] = reasonOf(error, stackTraces).elements;
  return [reason, stack];
}
