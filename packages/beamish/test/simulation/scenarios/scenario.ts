import type { NodeOptions } from '../../../src/node/index.ts';
import { Runtime } from '../../../src/process/index.ts';
import type { Host, NetworkPreset, RandomFaults, Simulation } from '../../../src/simulation/index.ts';

/** Something that is put through the simulated world with many seeds. */
export interface Scenario {
  readonly name: string;
  /** One line for docs/testing.md. */
  readonly checks: string;
  readonly nodes: number | readonly (string | readonly string[])[];
  readonly faults: RandomFaults;
  readonly network?: NetworkPreset;
  readonly run: (world: Simulation) => Promise<void>;
}

/** Ticks after 1 s of silence, gives up after 5: faults of seconds are seen. */
export const TICK_TIME = 4000;
/** After the last heal: retransmissions back off to as long as the cut was, a tick must fail, a dial time out and back off. */
export const SETTLED_WITHIN = 120_000;

/** The runtime of the one host of a scenario without a network. */
export function onlyRuntime({ hosts }: Simulation): { readonly host: Host; readonly runtime: Runtime } {
  const [host] = hosts as [Host];
  return { host, runtime: new Runtime({ world: host.world }) };
}

/** Those of the node of a host, where a scenario wants nothing else. */
export function nodeOptions(host: Host): NodeOptions {
  return {
    name: host.nodeName,
    cookie: 'simulated',
    plaintext: true,
    epmd: { port: 4369 },
    world: host.world,
    tickTime: TICK_TIME,
    setupTime: 3000,
  };
}
