import { formatTerm } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import { ExitMessage } from './exit-message.ts';
import type { Item } from './exit-message.ts';
import type { Process } from './process.ts';
import { reasonText } from './reason.ts';

/** OTP's crash report: once, by the process that fails. @param item what it was handling, if anything */
export function reportCrash(process: Process, item: Item, reason: Term, error: unknown): void {
  const { label, name, pid } = process;
  const last = item instanceof ExitMessage ? item.toTerm() : item;
  process.logger.error(
    {
      err: error,
      reason: reasonText(reason),
      ...(label === undefined ? {} : { label }),
      ...(last === undefined ? {} : { lastMessage: formatTerm(last, { maxLength: 200 }) }),
    },
    `process ${name ?? label ?? pid.toString()} crashed: ${reasonText(reason)}`,
  );
}
