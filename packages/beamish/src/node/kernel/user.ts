import type { ProcessBehaviour } from '../../process/index.ts';
import { atom, formatTerm, isAtom, isTuple, Pid, tuple } from '../../term/index.ts';
import type { Term } from '../../term/index.ts';

const TEXT_LIMIT = 4000;

/**
 * The process `user`: the group leader of what this node starts on a BEAM. What that prints goes to our log; without an
 * answer a BEAM process that prints would wait for ever (protocols 5.6).
 */
export function user(): ProcessBehaviour {
  return {
    handle(message, self) {
      if (!isTuple(message, 4) || !isAtom(message.at(0), 'io_request')) return;
      const [, from, replyAs, request] = message.elements;
      if (!(from instanceof Pid)) return;
      const text = printed(request);
      if (text !== undefined) self.logger.info({ from: from.node, text }, `printed on ${from.node}`);
      const result = text === undefined ? tuple(atom('error'), atom('enotsup')) : atom('ok');
      self.send(from, tuple(atom('io_reply'), replyAs, result));
    },
  };
}

/** The text of a `put_chars` request; undefined for other requests. A format is shown with its arguments, as it came. */
function printed(request: Term): string | undefined {
  if (!isTuple(request) || !isAtom(request.at(0), 'put_chars')) return undefined;
  const last = request.elements.at(-1);
  return (request.elements.length === 5 ? formatTerm(last) : characters(last, 0)).slice(0, TEXT_LIMIT);
}

/** An iolist as text. */
function characters(data: Term, depth: number): string {
  if (typeof data === 'string') return data;
  if (typeof data === 'number') return data >= 0 && data <= 0x10ffff ? String.fromCodePoint(data) : '';
  if (data instanceof Uint8Array) return Buffer.from(data).toString('utf8');
  if (!Array.isArray(data) || depth > 100) return '';
  let text = '';
  for (const element of data as readonly Term[]) {
    if (text.length > TEXT_LIMIT) break;
    text += characters(element, depth + 1);
  }
  return text;
}
