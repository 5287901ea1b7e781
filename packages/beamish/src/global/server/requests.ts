/** What the calls to `global_name_server` do and answer (OTP: `handle_call`). */
import { atom } from '../../term/index.ts';
import type { Pid, Term } from '../../term/index.ts';
import { externalTerm, VERSION } from '../wire.ts';
import type { Request } from '../wire.ts';
import type { ServerState } from './state.ts';

export function serve({ tables, known, synced }: ServerState, request: Request, from: Pid): Term {
  switch (request.type) {
    case 'set_lock':
      return tables.lock(request.id, from);
    case 'del_lock':
      tables.unlock(request.id, from);
      return true;
    case 'register':
      tables.insert(request.entry, { pid: from }, request.registeredBy);
      return atom('yes');
    case 'unregister':
      tables.delete(request.name, { pid: from });
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
