import type { Logger } from '../../world/index.ts';
import type { ProcessBehaviour } from '../../process/index.ts';
import { groupLeader } from './io.ts';

/** Characters of one line in the log. */
const TEXT_LIMIT = 4000;

/**
 * The process `user`: the group leader of what this node starts on a BEAM, unless the caller wants the output himself. What
 * that prints goes to our log; without an answer a BEAM process that prints would wait for ever (protocols 5.6).
 */
export function user(logger: Logger): ProcessBehaviour {
  return groupLeader((text, from) => {
    logger.info({ from: from.node, pid: from.toString(), text: text.slice(0, TEXT_LIMIT) }, `printed on ${from.node}`);
  });
}
