import { BeamishError } from '../error/index.ts';
import type { Destination, Runtime } from '../process/index.ts';
import { Pid, Reference } from '../term/index.ts';

/** A process: its pid, or a reference to it. */
export type Owner = Pid | { readonly pid: Pid | undefined; readonly destination: Destination };

/** @throws BeamishError `noproc` when a name of this node is nobody's; `option_invalid` for a name of another node */
export function pidOf(runtime: Runtime, owner: Owner): Pid {
  if (owner instanceof Pid) return owner;
  if (owner.pid !== undefined) return owner.pid;
  const { destination } = owner;
  if (destination instanceof Pid) return destination;
  if (destination instanceof Reference || destination.node !== runtime.nodeName)
    throw new BeamishError(
      'option_invalid',
      'give the pid, or a reference by pid: a name of another node is not looked up',
    );
  const pid = runtime.whereis(destination.name);
  if (pid === undefined) throw new BeamishError('noproc', `nobody is registered as ${destination.name}`);
  return pid;
}
