/**
 * What OTP's tools ask of any special process, from our side: the modules `sys`, `gen_event` and `supervisor`, as functions of
 * whoever asks (a runtime, or a process's context). The process may be of a BEAM, of another Beamish node, or of this one.
 * A `gen_statem` is called as a `gen_server` is: `runtime.call`, `runtime.cast`.
 */
import { BeamishError } from '../error/index.ts';
import { Atom, Pid, Tuple, atom, formatTerm, isAtom, isTuple, tuple } from '../term/index.ts';
import type { ExportFun, Term } from '../term/index.ts';
import type { CallOptions, LabelledCallOptions } from './calls.ts';
import type { Destination } from './signal.ts';
import type { Via } from './via.ts';

/** Who asks: a `Runtime`, or a `ProcessContext`. */
export interface Asking {
  call(to: Destination | string | Via, request: Term, options?: CallOptions): Promise<Term>;
  send(to: Destination | string | Via, message: Term): void;
}

type To = Destination | string | Via;

/** An empty list must mean that there are none, not that it was somebody else who answered. */
function listed(answer: Term, asked: string): readonly Term[] {
  if (Array.isArray(answer)) return answer as readonly Term[];
  throw new BeamishError(
    'remote_error',
    `${asked}: ${formatTerm(answer)} is no list: is it the process that you mean?`,
    {
      details: { reason: answer },
    },
  );
}

const SYSTEM = atom('system');

async function ask(by: Asking, to: To, request: Term, options: CallOptions): Promise<Term> {
  const labelled: LabelledCallOptions = { ...options, label: SYSTEM };
  const answer = await by.call(to, request, labelled);
  if (!isTuple(answer, 2) || !isAtom(answer.at(0), 'error')) return answer;
  throw new BeamishError('remote_error', `sys: ${formatTerm(request)}: ${formatTerm(answer.at(1))}`, {
    details: { reason: answer.at(1) },
  });
}

/**
 * System messages (OTP `sys`). Each rejects as a call does, and with `remote_error` when the process answers
 * `{error, Reason}`, the reason in `details.reason`.
 */
export const Sys = {
  /** `sys:get_state/2`. `S` is what you say it is. */
  async getState<S extends Term = Term>(by: Asking, to: To, options: CallOptions = {}): Promise<S> {
    return (await ask(by, to, atom('get_state'), options)) as S;
  },
  /** `sys:get_status/2`: `{status, Pid, {module, Module}, [PDict, SysState, Parent, Debug, Misc]}`. */
  getStatus(by: Asking, to: To, options: CallOptions = {}): Promise<Term> {
    return ask(by, to, atom('get_status'), options);
  },
  /** `sys:replace_state/3` with a function of the BEAM: `new ExportFun('counters', 'reset', 1)`. Resolves with the new state. */
  replaceState(by: Asking, to: To, fun: ExportFun, options: CallOptions = {}): Promise<Term> {
    return ask(by, to, tuple(atom('replace_state'), fun), options);
  },
  /** `sys:suspend/2`: from here on it answers system messages only. */
  async suspend(by: Asking, to: To, options: CallOptions = {}): Promise<void> {
    await ask(by, to, atom('suspend'), options);
  },
  async resume(by: Asking, to: To, options: CallOptions = {}): Promise<void> {
    await ask(by, to, atom('resume'), options);
  },
  /** `sys:terminate/3`: it ends with that reason. */
  async terminate(by: Asking, to: To, reason: Term, options: CallOptions = {}): Promise<void> {
    await ask(by, to, tuple(atom('terminate'), reason), options);
  },
} as const;

function askManager(by: Asking, to: To, request: Term, options: CallOptions): Promise<Term> {
  const labelled: LabelledCallOptions = { ...options, label: 'pid' };
  return by.call(to, request, labelled);
}

/** Event managers (OTP `gen_event`). A handler is a module, or `{Module, Id}`. Answers are OTP's own. Each rejects as a call does. */
export const GenEvent = {
  /** `gen_event:call/4`; `{error, bad_module}` when there is no such handler. */
  call(by: Asking, manager: To, handler: Term, request: Term, options: CallOptions = {}): Promise<Term> {
    return askManager(by, manager, tuple(atom('call'), handler, request), options);
  },
  /** `gen_event:notify/2`: not answered. */
  notify(by: Asking, manager: To, event: Term): void {
    by.send(manager, tuple(atom('notify'), event));
  },
  /** `gen_event:sync_notify/2`: resolves when every handler has handled it. */
  async syncNotify(by: Asking, manager: To, event: Term, options: CallOptions = {}): Promise<void> {
    await askManager(by, manager, tuple(atom('sync_notify'), event), options);
  },
  /** `gen_event:which_handlers/1`. Rejects also with `remote_error` when the answer is no list. */
  async whichHandlers(by: Asking, manager: To, options: CallOptions = {}): Promise<readonly Term[]> {
    return listed(await askManager(by, manager, atom('which_handlers'), options), 'which_handlers');
  },
  /** `gen_event:add_handler/3`: `ok`, `{'EXIT', Reason}`, or what the handler's `init` returned. */
  addHandler(by: Asking, manager: To, handler: Term, args: Term, options: CallOptions = {}): Promise<Term> {
    return askManager(by, manager, tuple(atom('add_handler'), handler, args), options);
  },
  /** `gen_event:delete_handler/3`: what the handler's `terminate` returned, or `{error, module_not_found}`. */
  deleteHandler(by: Asking, manager: To, handler: Term, args: Term, options: CallOptions = {}): Promise<Term> {
    return askManager(by, manager, tuple(atom('delete_handler'), handler, args), options);
  },
} as const;

/** A child as `supervisor:which_children/1` tells it. */
export interface RemoteChild {
  /** `undefined` of a `simple_one_for_one` supervisor or a DynamicSupervisor. */
  readonly id: Term;
  /** Undefined when it does not run. */
  readonly pid: Pid | undefined;
  readonly restarting: boolean;
  readonly type: 'worker' | 'supervisor';
  /** `dynamic`, or the modules. */
  readonly modules: Term;
}

/**
 * `supervisor:which_children/1` of any node's supervisor; of one of ours also its own `whichChildren()`.
 * Rejects as a call does, and with `remote_error` when the answer is no list.
 */
export async function whichChildren(by: Asking, supervisor: To, options: CallOptions = {}): Promise<RemoteChild[]> {
  const answer = await by.call(supervisor, atom('which_children'), options);
  return listed(answer, 'which_children').flatMap((child) => {
    if (!isTuple(child, 4)) return [];
    const [id, pid, type, modules] = child.elements;
    return [
      {
        id,
        pid: pid instanceof Pid ? pid : undefined,
        restarting: isAtom(pid, 'restarting'),
        type: isAtom(type, 'supervisor') ? ('supervisor' as const) : ('worker' as const),
        modules,
      },
    ];
  });
}

/** `supervisor:count_children/1`. Rejects as a call does, and with `remote_error` when the answer is no list. */
export async function countChildren(
  by: Asking,
  supervisor: To,
  options: CallOptions = {},
): Promise<{
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}> {
  const answer = await by.call(supervisor, atom('count_children'), options);
  const counts = { specs: 0, active: 0, supervisors: 0, workers: 0 };
  for (const entry of listed(answer, 'count_children')) {
    const [name, count] = entry instanceof Tuple ? entry.elements : [];
    if (name instanceof Atom && name.name in counts && typeof count === 'number') {
      counts[name.name as keyof typeof counts] = count;
    }
  }
  return counts;
}
