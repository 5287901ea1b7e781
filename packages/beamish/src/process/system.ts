/**
 * What OTP's special processes answer beside their own messages: the system messages of `sys`, and the requests of
 * `gen_event`, which have no tag of their own.
 */
import { Pid, Tuple, atom, charlist, encode, formatTerm, isAtom, isTuple, tuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { From } from './gen-server.ts';
import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';

const SYSTEM = atom('system');
const ERROR = atom('error');
const OK = atom('ok');

/** What a process shows of itself. */
export interface SystemHost {
  readonly title: string;
  /** What stands for its callback module: the name of the class. */
  readonly moduleName: string;
  state(): Term;
}

/** `{system, From, Request}` (OTP sys.erl: send_system_msg/2). */
export function isSystemMessage(message: unknown): message is Tuple<readonly [Term, From, Term]> {
  return (
    message instanceof Tuple &&
    message.elements.length === 3 &&
    message.elements[0] === SYSTEM &&
    isTuple(message.elements[1], 2)
  );
}

/** OTP sys.erl: handle_system_msg/6 and do_cmd/6; what is not served gets `{error, {unknown_system_msg, Request}}`, as there. */
export function handleSystem(
  kernel: Kernel,
  process: Process,
  host: SystemHost,
  message: Tuple<readonly [Term, From, Term]>,
): void {
  const [, from, request] = message.elements;
  kernel.reply(from, performSystem(process, host, request), process);
}

/** Carries out a request of `sys` on a process, and returns its answer. */
export function performSystem(process: Process, host: SystemHost, request: Term): Term {
  if (isAtom(request, 'suspend')) {
    process.suspend();
    return OK;
  }
  if (isAtom(request, 'resume')) {
    process.resume();
    return OK;
  }
  if (isAtom(request, 'get_state')) return host.state();
  if (isAtom(request, 'get_status')) return status(process, host);
  if (isTuple(request, 2)) {
    const [name, argument] = request.elements;
    if (isAtom(name, 'terminate')) {
      process.exit(argument);
      return OK;
    }
    if (isAtom(name, 'replace_state')) {
      // the state is an object with private fields: a term cannot take its place
      const why = 'the state of a Beamish process cannot be replaced';
      return tuple(
        ERROR,
        tuple(atom('callback_failed'), moduleAtom(host), tuple(ERROR, tuple(atom('unsupported'), why))),
      );
    }
    if (isAtom(name, 'debug')) return debug(request, argument);
  }
  return unknown(request);
}

/** sys.erl: debug_cmd/2, of a process that traces nothing. */
function debug(request: Term, what: Term): Term {
  if (isAtom(what, 'no_debug')) return OK;
  if (isTuple(what, 2) && isAtom(what.at(1), 'get')) {
    if (isAtom(what.at(0), 'statistics')) return tuple(OK, atom('no_statistics'));
    if (isAtom(what.at(0), 'log')) return tuple(OK, []);
  }
  return unknown(request);
}

function unknown(request: Term): Term {
  return tuple(ERROR, tuple(atom('unknown_system_msg'), request));
}

/** `{status, Pid, {module, Module}, [PDict, SysState, Parent, Debug, Misc]}`, Misc as gen_server:format_status/2 makes it. */
function status(process: Process, host: SystemHost): Term {
  const state = atom(process.suspended ? 'suspended' : 'running');
  const parent = process.parent ?? process.pid;
  const data = atom('data');
  const dictionary = [
    tuple(atom('$initial_call'), tuple(moduleAtom(host), atom('init'), 1)),
    tuple(atom('$ancestors'), process.parent === undefined ? [] : [process.parent]),
  ];
  const misc = [
    tuple(atom('header'), charlist(`Status for generic server ${host.title}`)),
    tuple(data, [
      tuple(charlist('Status'), state),
      tuple(charlist('Parent'), parent),
      tuple(charlist('Logged events'), []),
    ]),
    tuple(data, [tuple(charlist('State'), host.state())]),
  ];
  const module = tuple(atom('module'), atom('gen_server'));
  return tuple(atom('status'), process.pid, module, [dictionary, state, parent, [], misc]);
}

function moduleAtom(host: SystemHost): Term {
  try {
    return atom(host.moduleName);
  } catch {
    return atom('gen_server'); // a class may have a name that no atom can have
  }
}

/** The fields of an object that others may see, as terms; what is no term is shown by its text. */
export function visibleState(object: object): Term {
  const state: { [key: string]: Term } = {};
  for (const [name, value] of Object.entries(object) as [string, unknown][]) {
    if (typeof value !== 'function' && !name.startsWith('_')) state[name] = shown(value);
  }
  return state;
}

function shown(value: unknown): Term {
  try {
    encode(value as Term);
    return value as Term;
  } catch {
    return formatTerm(value, { maxLength: 500 });
  }
}

/**
 * `{Caller, {Caller, Tag}, Request}`: how `gen_event` calls (gen_event.erl: rpc/2; the label of the call is the caller's
 * pid). A GenServer is an event manager without handlers: it says so in gen_event's own answers.
 * @returns the reply, and the event to handle first; undefined when the message is something else.
 */
export function answerGenEvent(
  message: Tuple,
): { readonly from: From; readonly reply: Term; readonly event?: Term } | undefined {
  const [caller, from, request] = message.elements;
  if (message.elements.length !== 3 || !(caller instanceof Pid) || !isTuple(from, 2)) return undefined;
  const pid: Term = from.at(0);
  if (!(pid instanceof Pid) || !pid.equals(caller)) return undefined;
  const answer = (reply: Term) => ({ from: from as From, reply });
  if (isAtom(request, 'which_handlers')) return answer([]);
  if (!(request instanceof Tuple)) return undefined;
  const name = request.elements[0];
  if (isTuple(request, 2) && isAtom(name, 'sync_notify')) {
    return { ...answer(OK), event: tuple(atom('notify'), request.at(1)) };
  }
  if (isTuple(request, 3)) {
    if (isAtom(name, 'call')) return answer(tuple(ERROR, atom('bad_module')));
    if (isAtom(name, 'delete_handler')) return answer(tuple(ERROR, atom('module_not_found')));
    if (isAtom(name, 'add_handler')) return answer(tuple(ERROR, atom('not_supported')));
  }
  if (isTuple(request, 4) && isAtom(name, 'add_sup_handler')) return answer(tuple(ERROR, atom('not_supported')));
  return undefined;
}
