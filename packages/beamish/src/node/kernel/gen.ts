import type { ProcessContext } from '../../process/index.ts';
import { aliasOf } from '../../process/references.ts';
import { isAtom, isTuple, Pid, tuple } from '../../term/index.ts';
import type { Term } from '../../term/index.ts';

/** OTP's gen messages, for processes that are no `GenServer` because a BEAM fixes what they answer (protocols 5.5). */

export interface GenCall {
  readonly pid: Pid;
  readonly tag: Term;
  readonly request: Term;
}

/** `{'$gen_call', {Pid, Tag}, Request}` */
export function genCall(message: Term): GenCall | undefined {
  if (!isTuple(message, 3) || !isAtom(message.at(0), '$gen_call')) return undefined;
  const from = message.at(1);
  if (!isTuple(from, 2)) return undefined;
  const pid = from.at(0);
  return pid instanceof Pid ? { pid, tag: from.at(1), request: message.at(2) } : undefined;
}

/** The request of `{'$gen_cast', Request}`, in a tuple of its own since `undefined` is an atom. */
export function genCast(message: Term): { readonly request: Term } | undefined {
  return isTuple(message, 2) && isAtom(message.at(0), '$gen_cast') ? { request: message.at(1) } : undefined;
}

/** To the alias when the tag has one, else to the caller (protocols 5.5). */
export function reply(self: ProcessContext, call: GenCall, value: Term): void {
  self.send(aliasOf(call.tag) ?? call.pid, tuple(call.tag, value));
}
