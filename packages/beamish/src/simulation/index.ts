/** A cluster, its faults and its clock inside one deterministic process, for tests. @module */
export { SimulationFailure, type FailureKind } from './failure.ts';
export { FAULT_TYPES, randomFaults, type Fault, type FaultType, type RandomFaults } from './faults.ts';
export type { CrashKind, Host } from './host.ts';
export { lan, threeRegions, threeZones, type Link, type NetworkPreset } from './presets.ts';
export type { Program } from './program.ts';
export { seededRandom, type SeededRandom } from './random.ts';
export { simulate, type SimulateOptions, type SimulationResult } from './simulate.ts';
export type { Simulation } from './simulation.ts';
