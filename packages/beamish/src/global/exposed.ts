import { BeamishError } from '../error/index.ts';
import type { ExposedFunctions } from '../node/index.ts';
import { atom, formatTerm, Pid } from '../term/index.ts';
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
    register_name: async (name, pid) =>
      atom((await registrar.register(name, pidOf(pid), 'random_exit')) ? 'yes' : 'no'),
    re_register_name: async (name, pid) => {
      await registrar.reRegister(name, pidOf(pid), 'random_exit');
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
