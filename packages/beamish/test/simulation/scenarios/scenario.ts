import type { NetworkPreset, RandomFaults, Simulation } from '../../../src/simulation/index.ts';

/** Something that is put through the simulated world with many seeds. */
export interface Scenario {
  readonly name: string;
  readonly nodes: number | readonly (string | readonly string[])[];
  readonly faults: RandomFaults;
  readonly network?: NetworkPreset;
  readonly run: (world: Simulation) => Promise<void>;
}
