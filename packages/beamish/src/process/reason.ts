/** Exit reasons: OTP's atoms, and the terms that JavaScript errors become. */
import { BeamishError } from '../error/index.ts';
import { type Atom, atom, charlist, isTuple, tuple, formatTerm } from '../term/index.ts';
import type { Term, Tuple } from '../term/index.ts';

export const NORMAL = atom('normal');
export const SHUTDOWN = atom('shutdown');
export const KILL = atom('kill');
export const KILLED = atom('killed');
export const NOPROC = atom('noproc');
export const NOCONNECTION = atom('noconnection');

const JS_ERROR = atom('js_error');
const JS = atom('js');
const FILE = atom('file');
const LINE = atom('line');
const STACK_FRAMES = 12;

/** Thrown by code that has OTP's own reason for the end of its process. */
export class ExitWith extends BeamishError {
  readonly reason: Tuple;
  constructor(reason: Tuple, message: string, cause: unknown) {
    super('process_exited', message, { cause, details: { reason } });
    this.reason = reason;
  }
}

/**
 * The exit reason of a process whose code threw `error`. OTP's form for an uncaught error is `{Reason, Stacktrace}`; here
 * `{{js_error, Name, Message}, [{js, Function, 0, [{file, File}, {line, Line}]}]}` with `Name` and `Message` binaries,
 * so that Erlang and Elixir print it as they print their own. Anything thrown that is no `Error` is a `throw`, as in OTP:
 * `{{nocatch, Text}, []}`.
 * @param stackTraces see `World.stackTraces`
 */
export function reasonOf(error: unknown, stackTraces = true): Tuple {
  if (!(error instanceof Error)) return tuple(tuple(atom('nocatch'), textOf(error)), []);
  return tuple(tuple(JS_ERROR, textOf(error.name), textOf(error.message)), stackTraces ? stackOf(error) : []);
}

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'a value that has no text';
  }
}

/** V8's stack as Erlang's: what it cannot read it leaves out. */
function stackOf(error: Error): Term[] {
  const frames: Term[] = [];
  const stack: unknown = error.stack; // programs put other things there
  for (const line of typeof stack === 'string' ? stack.split('\n') : []) {
    const found = /^\s+at (?:(.+?) \()?(?:file:\/\/)?(.+?):(\d+):\d+\)?$/.exec(line);
    if (found === null) continue;
    const name = (found[1] ?? 'anonymous').replace(/^async /, '').slice(0, 100);
    // a node:internal frame says nothing to the reader
    if (found[2]?.startsWith('node:') === true) continue;
    frames.push(tuple(JS, nameAtom(name), 0, [tuple(FILE, charlist(found[2] ?? '')), tuple(LINE, Number(found[3]))]));
    if (frames.length === STACK_FRAMES) break;
  }
  return frames;
}

/** Function names are the program's own, hence few: but a computed one must not fail the crash report. */
function nameAtom(name: string): Atom {
  try {
    return atom(name);
  } catch {
    return atom('anonymous');
  }
}

/** Whether supervisors take this end as planned: `normal`, `shutdown`, `{shutdown, Term}` (OTP supervisor, "transient"). */
export function isNormalExit(reason: Term): boolean {
  return reason === NORMAL || reason === SHUTDOWN || (isTuple(reason, 2) && reason.at(0) === SHUTDOWN);
}

/** A reason in one line, for people. */
export function reasonText(reason: Term): string {
  if (isTuple(reason, 2) && isTuple(reason.at(0), 3)) {
    const [tag, name, message] = (reason.at(0) as Tuple).elements;
    if (tag === JS_ERROR && typeof name === 'string' && typeof message === 'string') return `${name}: ${message}`;
  }
  return formatTerm(reason, { maxLength: 500 });
}

/** What a call rejects with when the process it went to ended, was not there, or was out of reach. */
export function callError(
  what: string,
  reason: Term,
  details: Readonly<Record<string, unknown>>,
  cause: unknown,
): BeamishError {
  const facts = { ...details, reason };
  if (reason === NOPROC) {
    return new BeamishError('noproc', `${what}: no such process`, { details: facts, retryable: true });
  }
  if (reason === NOCONNECTION) {
    return new BeamishError('noconnection', `${what}: no connection to node ${String(details['node'])}`, {
      details: facts,
      retryable: true,
    });
  }
  return new BeamishError('process_exited', `${what}: the process ended before it answered: ${reasonText(reason)}`, {
    details: facts,
    ...(cause === undefined ? {} : { cause }),
  });
}
