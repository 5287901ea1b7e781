import { atom, tuple } from '../term/index.ts';
import type { Pid, Term, Tuple } from '../term/index.ts';
import { isSystemMessage } from './system.ts';

const EXIT = atom('EXIT');

/** An exit signal in the mailbox; in its place among the messages, as OTP has it. */
export class ExitMessage {
  readonly from: Pid;
  readonly reason: Term;
  /** Whether it is an order to end, and no message. */
  readonly order: boolean;
  constructor(from: Pid, reason: Term, order: boolean) {
    this.from = from;
    this.reason = reason;
    this.order = order;
  }

  /** `{'EXIT', From, Reason}` */
  toTerm(): Tuple {
    return tuple(EXIT, this.from, this.reason);
  }
}

/** What a mailbox holds. */
export type Item = Term | ExitMessage;

/** Whether a suspended process handles it (sys.erl: suspend_loop/6). */
export function isForSuspended(item: Item): boolean {
  return item instanceof ExitMessage ? item.order : isSystemMessage(item);
}
