import type { ProcessBehaviour } from '../../process/index.ts';
import type { ForeignLog } from './foreign-log.ts';
import { groupLeader } from './io.ts';

/**
 * The process `user`: the group leader of what this node starts on a BEAM, unless the caller wants the output himself. What
 * that prints goes to our log; without an answer a BEAM process that prints would wait for ever (protocols 5.6).
 */
export function user(log: ForeignLog): ProcessBehaviour {
  return groupLeader((text, from) => {
    log.write('info', { from: from.node, pid: from.toString() }, text, `printed on ${from.node}`);
  });
}
