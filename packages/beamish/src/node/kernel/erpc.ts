import type { ProcessBehaviour, Runtime, SpawnRequestSignal } from '../../process/index.ts';
import { atom, atomName, encode, tuple } from '../../term/index.ts';
import type { Atom, Pid, Term } from '../../term/index.ts';
import type { Exposed } from './exposed.ts';
import { thrown, undefinedFunction } from './failure.ts';

const NORMAL = atom('normal');

/**
 * Serves spawn requests of other nodes, and with them erpc, which is one (protocols 5.3, 5.5): a process runs the exposed
 * function; how it ends is the answer. Always a pid or an error atom, since the other side waits for one.
 */
export function serveSpawnRequests(runtime: Runtime, exposed: Exposed): (request: SpawnRequestSignal) => Pid | Atom {
  return (request) => {
    const args = request.arguments;
    const label = `${request.module.name}:${request.function.name}/${args.length}`;
    const start = (behaviour: ProcessBehaviour): Pid => runtime.spawn(behaviour, { label }).pid;
    // The connection has checked that the sender is a process of the node at its other end.
    const { node } = request.from;
    if (label === 'erpc:execute_call/4') return start(executeCall(exposed, args, node));
    if (label === 'erpc:execute_cast/3') return start(execute(exposed, args[0], args[1], args[2], node));
    if (exposed.find(request.module.name, request.function.name, node) === undefined) return atom('notsup');
    return start(execute(exposed, request.module, request.function, args, node));
  };
}

/** `erpc:execute_call(Res, M, F, Args)`: the process ends with `{Res, return, Value}`, `{Res, error, Reason, Stack}`. */
function executeCall(exposed: Exposed, [result, module, name, args]: readonly Term[], node: string): ProcessBehaviour {
  return {
    async init(self) {
      const list = argumentsOf(args);
      if (atomName(module) === undefined || atomName(name) === undefined || list === undefined) {
        self.exit(tuple(result, atom('error'), tuple(atom('erpc'), atom('badarg'))));
        return;
      }
      const outcome = await exposed.run(atomName(module) ?? '', atomName(name) ?? '', list, node);
      if (outcome.type === 'returned') {
        try {
          checkSendable(outcome.value);
          self.exit(tuple(result, atom('return'), outcome.value));
        } catch (error) {
          self.exit(tuple(result, atom('error'), ...thrown(error, self.world)));
        }
        return;
      }
      const [reason, stack] =
        outcome.type === 'failed' ? thrown(outcome.error, self.world) : undefinedFunction(module, name, list);
      self.exit(tuple(result, atom('error'), reason, stack));
    },
    handle() {},
  };
}

/** A function that nobody waits for; what it throws is the process's exit reason. */
function execute(exposed: Exposed, module: Term, name: Term, args: Term, node: string): ProcessBehaviour {
  return {
    async init(self) {
      const list = argumentsOf(args) ?? [];
      const outcome = await exposed.run(atomName(module) ?? '', atomName(name) ?? '', list, node);
      if (outcome.type === 'returned') {
        self.exit(NORMAL);
        return;
      }
      const [reason, stack] =
        outcome.type === 'failed' ? thrown(outcome.error, self.world) : undefinedFunction(module, name, list);
      self.exit(tuple(reason, stack));
    },
    handle() {},
  };
}

function argumentsOf(term: Term): readonly Term[] | undefined {
  return Array.isArray(term) ? (term as readonly Term[]) : undefined;
}

/** Values that need no look are most of them; others are tried, since the exit reason is too late to fail at. */
function checkSendable(value: Term): void {
  if (typeof value === 'object' && value !== null) encode(value);
}
