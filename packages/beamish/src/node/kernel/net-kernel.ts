import type { ProcessBehaviour } from '../../process/index.ts';
import { atom, isAtom, isTuple } from '../../term/index.ts';
import { genCall, reply } from './gen.ts';

/** The process `net_kernel`: answers pings, `net_adm:ping/1` and `Node.ping/1` (protocols 5.1). */
export function netKernel(): ProcessBehaviour {
  return {
    handle(message, self) {
      const call = genCall(message);
      if (call === undefined || !isTuple(call.request, 2) || !isAtom(call.request.at(0), 'is_auth')) return;
      reply(self, call, atom('yes'));
    },
  };
}
