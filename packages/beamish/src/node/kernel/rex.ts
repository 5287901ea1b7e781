import type { ProcessBehaviour, ProcessContext } from '../../process/index.ts';
import { atom, atomName, isAtom, isTuple, Pid, tuple } from '../../term/index.ts';
import type { Term } from '../../term/index.ts';
import type { Exposed } from './exposed.ts';
import { thrown, undefinedFunction } from './failure.ts';
import { genCall, genCast, reply, sendBack } from './gen.ts';

interface Request {
  readonly kind: string;
  readonly module: Term;
  readonly function: Term;
  readonly arguments: readonly Term[];
}

/** `{call | block_call | cast | block_cast, M, F, Args, GroupLeader}` */
function asRequest(term: Term): Request | undefined {
  if (!isTuple(term, 5)) return undefined;
  const [kind, module, name, args] = term.elements;
  const kindName = atomName(kind);
  if (kindName === undefined || !Array.isArray(args)) return undefined;
  return { kind: kindName, module, function: name, arguments: args as readonly Term[] };
}

/**
 * The process `rex`: rpc of the kind before erpc, which `rpc:block_call` and older nodes use (protocols 5.1). Calls run side
 * by side, `block_call` too: nothing here can block another caller.
 */
export function rex(exposed: Exposed): ProcessBehaviour {
  /** The nodes that requests came from: the pid in a request says where to answer, and may be anybody's. */
  const origins = new WeakMap<object, string>();
  return {
    arriving(message, node) {
      if (isTuple(message)) origins.set(message, node ?? '');
    },
    handle(message, self) {
      const node = (isTuple(message) ? origins.get(message) : undefined) ?? self.pid.node;
      const serve = (term: Term, answer: (result: Term) => void): void => {
        const request = asRequest(term);
        if (request !== undefined) run({ exposed, request, node, self, answer });
      };
      const call = genCall(message);
      if (call !== undefined) {
        serve(call.request, (result) => reply(self, call, result));
        return;
      }
      const cast = genCast(message);
      if (cast !== undefined) serve(cast.request, () => {});
      else raw(message, self, serve);
    },
  };
}

/** `{Pid, features_request}` and `{Pid, {call, ...}}`. */
function raw(
  message: Term,
  self: ProcessContext,
  serve: (request: Term, answer: (result: Term) => void) => void,
): void {
  if (!isTuple(message, 2)) return;
  const [pid, what] = message.elements;
  if (!(pid instanceof Pid)) return;
  if (isAtom(what, 'features_request')) {
    sendBack(self, pid, tuple(atom('features_reply'), atom(self.pid.node), [atom('erpc')]));
    return;
  }
  serve(what, (result) => sendBack(self, pid, tuple(atom('rex'), result)));
}

interface Run {
  readonly exposed: Exposed;
  readonly request: Request;
  readonly node: string;
  readonly self: ProcessContext;
  readonly answer: (result: Term) => void;
}

function run({ exposed, request, node, self, answer }: Run): void {
  const { logger, world } = self;
  const { module, function: name, arguments: args } = request;
  const outcome = exposed.run(atomName(module) ?? '', atomName(name) ?? '', args, node);
  const answered = outcome.then((result) => {
    if (result.type === 'returned') {
      answer(result.value);
      return;
    }
    const [reason, stack] =
      result.type === 'failed' ? thrown(result.error, world) : undefinedFunction(module, name, args);
    answer(tuple(atom('badrpc'), tuple(atom('EXIT'), tuple(reason, stack))));
  });
  // What was returned cannot be sent: the caller would wait for ever.
  answered
    .catch((error: unknown) => answer(tuple(atom('badrpc'), tuple(atom('EXIT'), tuple(...thrown(error, world))))))
    .catch((error: unknown) => logger.error({ err: error }, 'an answer to rpc could not be sent'));
}
