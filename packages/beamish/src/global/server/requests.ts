/** What the calls to `global_name_server` do and answer (OTP: `handle_call`). */
import { atom } from '../../term/index.ts';
import type { Pid, Term } from '../../term/index.ts';
import { externalTerm, VERSION } from '../wire.ts';
import type { Request } from '../wire.ts';
import { self } from './state.ts';
import type { ServerState } from './state.ts';

export function serve(state: ServerState, request: Request, from: Pid): Term {
  const { tables, known, synced } = state;
  switch (request.type) {
    case 'set_lock':
      return tables.lock(request.id, from);
    case 'del_lock':
      tables.unlock(request.id, from);
      return true;
    case 'register':
      if (isOfPartition(state, from)) tables.insert(request.entry, { pid: from }, request.registeredBy);
      return atom('yes');
    case 'unregister':
      if (isOfPartition(state, from)) tables.delete(request.name, { pid: from });
      return atom('ok');
    case 'get_known':
      return [...known.keys()].map(atom);
    case 'get_synced':
      return [...synced].map(atom);
    case 'get_protocol_version':
      return VERSION;
    case 'get_names_ext':
      return tables.external().map(externalTerm);
  }
}

/**
 * Who counts us in, and is not known here, has locked us and not the others of our partition: its change would be made here and not
 * there, and when they meet, what is the same on both sides of the meeting is news for nobody. OTP asks no such thing.
 */
function isOfPartition(state: ServerState, { node }: Pid): boolean {
  return node === self(state) || state.known.has(node);
}
