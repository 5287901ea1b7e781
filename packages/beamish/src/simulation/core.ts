import type { Host } from './host.ts';
import type { Fabric } from './network/fabric.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';

/** What the parts of a simulation share. */
export interface SimulationCore {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly fabric: Fabric;
  readonly hosts: readonly Host[];
}
