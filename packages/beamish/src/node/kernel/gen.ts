import type { ProcessBehaviour, ProcessContext } from '../../process/index.ts';
import type { Process } from '../../process/process.ts';
import { aliasOf } from '../../process/references.ts';
import { isSystemMessage, performSystem } from '../../process/system.ts';
import { isAtom, isTuple, Pid, tuple } from '../../term/index.ts';
import type { Reference, Term } from '../../term/index.ts';

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
export function reply(self: ProcessContext, call: Pick<GenCall, 'pid' | 'tag'>, value: Term): void {
  sendBack(self, aliasOf(call.tag) ?? call.pid, tuple(call.tag, value));
}

/** To who waits for it. Whose connection was lost has been told so, and is not dialled for it. */
export function sendBack(self: ProcessContext, to: Pid | Reference, message: Term): void {
  if (self.runtime.isConnected(to.node)) self.send(to, message);
}

/** A process that is a gen_server in OTP answers `sys` as one; without it `sys:get_status/1` of a BEAM runs into its time-out. */
export function answeringSystem(moduleName: string, behaviour: ProcessBehaviour): ProcessBehaviour {
  const host = { title: moduleName, moduleName, state: (): Term => new Map() };
  return {
    ...behaviour,
    handle(message, self) {
      if (!isSystemMessage(message)) return behaviour.handle(message, self);
      const [, from, request] = message.elements;
      const [pid, tag] = from.elements;
      if (pid instanceof Pid) reply(self, { pid, tag }, performSystem(self as Process, host, request));
      return undefined;
    },
  };
}
