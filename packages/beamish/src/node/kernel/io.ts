import { atom, atomName, chardataToString, iodataToBytes, isAtom, isTuple, Pid, tuple } from '../../term/index.ts';
import type { Term } from '../../term/index.ts';
import type { ProcessBehaviour } from '../../process/index.ts';
import { sendBack } from './gen.ts';
import { formatCall } from './io-format.ts';

/**
 * The I/O protocol of a device that only prints (OTP "The Erlang I/O Protocol"; protocols 5.6): what a BEAM process asks of
 * the group leader that it has from us. Reading finds the end of the file.
 */

const OK = atom('ok');
const EOF = atom('eof');
const ENCODING = atom('encoding');
const UNICODE = atom('unicode');

export interface IoAnswer {
  readonly result: Term;
  /** What is printed; '' for requests that print nothing. */
  readonly text: string;
}

const answer = (result: Term, text = ''): IoAnswer => ({ result, text });
const refuse = (why: Term): IoAnswer => answer(tuple(atom('error'), why));

/** Answers one request, without its `{io_request, From, ReplyAs, _}`. */
export function answerIo(request: Term): IoAnswer {
  if (isAtom(request, 'getopts')) return answer([tuple(ENCODING, UNICODE)]);
  if (!isTuple(request)) return refuse(atom('request'));
  const [name, ...rest] = request.elements;
  switch (atomName(name)) {
    case 'put_chars':
      return putChars(rest);
    case 'requests':
      return rest.length === 1 && Array.isArray(rest[0])
        ? several(rest[0] as readonly Term[])
        : refuse(atom('request'));
    case 'get_line':
    case 'get_chars':
    case 'get_until':
    case 'get_password':
      return answer(EOF);
    case 'setopts':
      return Array.isArray(rest[0]) && (rest[0] as readonly Term[]).every(isHarmless)
        ? answer(OK)
        : refuse(atom('enotsup'));
    case 'get_geometry':
      return refuse(atom('enotsup'));
    default:
      return refuse(atom('request'));
  }
}

/** `Encoding, Chars` or `Encoding, M, F, Args`; before OTP R13 without the encoding, which was latin1. */
function putChars(fields: readonly Term[]): IoAnswer {
  const old = fields.length === 1 || fields.length === 3;
  const latin1 = old || isAtom(fields[0], 'latin1');
  if (!latin1 && !isAtom(fields[0], 'unicode')) return refuse(atom('request'));
  const [first, name, args] = old ? fields : fields.slice(1);
  let text: string | undefined;
  if (fields.length <= 2) text = characters(first, latin1);
  else if (fields.length <= 4)
    text = Array.isArray(args) ? formatCall(first, name, args as readonly Term[]) : undefined;
  else return refuse(atom('request'));
  if (text !== undefined) return answer(OK, text);
  return refuse(fields.length <= 2 ? atom('put_chars') : name);
}

function characters(data: Term, latin1: boolean): string | undefined {
  if (!latin1) return chardataToString(data) ?? fromBytes(data, 'utf8');
  // Latin-1 bytes that happen to be UTF-8 came as a string: back to the bytes that they were.
  return fromBytes(data, 'latin1');
}

function fromBytes(data: Term, encoding: 'latin1' | 'utf8'): string | undefined {
  const bytes = iodataToBytes(data);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString(encoding);
}

/** One after the other up to the first that fails; the last result counts. */
function several(requests: readonly Term[]): IoAnswer {
  let text = '';
  let result: Term = OK;
  for (const request of requests) {
    const one = answerIo(request);
    text += one.text;
    ({ result } = one);
    if (isTuple(result, 2) && isAtom(result.at(0), 'error')) break;
  }
  return answer(result, text);
}

/** An option that says what is so: text goes to a log, in any encoding. */
function isHarmless(option: Term): boolean {
  const name = atomName(isTuple(option, 2) ? option.at(0) : option);
  return ['binary', 'list', 'unicode', 'encoding'].includes(name ?? '');
}

/** A process that serves the protocol. @param print gets what is printed, and by whom; must not throw */
export function groupLeader(print: (text: string, from: Pid) => void): ProcessBehaviour {
  return {
    handle(message, self) {
      if (!isTuple(message, 4) || !isAtom(message.at(0), 'io_request')) return;
      const [, from, replyAs, request] = message.elements;
      if (!(from instanceof Pid)) return;
      const { result, text } = answerIo(request);
      if (text !== '') print(text, from);
      sendBack(self, from, tuple(atom('io_reply'), replyAs, result));
    },
  };
}
