import { BeamishError, isBeamishError } from '../error/index.ts';
import type { ExposedFunctions } from '../node/index.ts';
import { atom, ExportFun, formatTerm, Pid } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { NameServer } from './name-server.ts';
import type { Registrar } from './registrar.ts';

/**
 * What other nodes may call of the module `global` here: `resolve_it`, which the other side of a conflict calls; and what a hidden
 * node, or a program that only knows Erlang's rpc, delegates.
 */
export function exposedFunctions(server: NameServer, registrar: Registrar): ExposedFunctions {
  return {
    resolve_it: (method, name, one, other) => server.methods.resolve(method, name, pidOf(one), pidOf(other)),
    whereis_name: (name) => server.whereis(name),
    registered_names: () => server.state.tables.entries().map(({ name }) => name),
    register_name: async (name, pid, ...rest) => {
      const [owner, method] = [pidOf(pid), methodOf(rest)];
      try {
        return atom((await registrar.register(name, owner, method)) ? 'yes' : 'no');
      } catch (error) {
        // It has another name.
        if (isBeamishError(error, 'option_invalid')) return atom('no');
        throw error;
      }
    },
    re_register_name: async (name, pid, ...rest) => {
      await registrar.reRegister(name, pidOf(pid), methodOf(rest));
      return atom('yes');
    },
    unregister_name: async (name) => {
      await registrar.unregister(name);
      return atom('ok');
    },
  };
}

function pidOf(term: Term): Pid {
  if (term instanceof Pid) return term;
  throw new BeamishError('option_invalid', `${formatTerm(term, { maxLength: 100 })} is no pid`);
}

/** The last argument, which may be absent. Local funs of a BEAM could be called by nobody. */
function methodOf([method]: readonly Term[]): ExportFun | 'random_exit' {
  if (method === undefined) return 'random_exit';
  if (method instanceof ExportFun && method.arity === 3) return method;
  throw new BeamishError('option_invalid', `${formatTerm(method, { maxLength: 100 })} is no \`fun Module:Function/3\``);
}
