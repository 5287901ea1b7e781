import type { World } from '../world/index.ts';
import { Oscillator } from './clock.ts';
import { SimulatedDisk } from './disk.ts';
import { Life } from './life.ts';
import type { SimulationCore } from './core.ts';

/** How a host ends: its program is killed and its kernel closes the connections, or the power is cut and nobody is told. */
export type CrashKind = 'kill' | 'power';

/** What the programs of one machine share. */
export interface Machine {
  /** Its IP address: `10.0.0.1`. */
  readonly address: string;
  /** Its zone, as the network's preset has it; hosts without one are all in `''`. */
  readonly zone: string;
  readonly hosts: Host[];
  /** Whether it is on. A killed program leaves it on. */
  powered: boolean;
  /** Counts its starts: connections of an earlier one are unknown to its kernel. */
  kernel: number;
}

/** Where a program runs: a machine, or a place on one that it shares with others. Its clock and its disk outlive it. */
export class Host {
  /** `n1`; it is in the DNS under this name. */
  readonly name: string;
  readonly machine: Machine;
  readonly simulation: SimulationCore;
  readonly oscillator: Oscillator;
  readonly disk: SimulatedDisk;
  #life: Life;
  #lives = 1;
  #holds = 0;
  /** How often its event loop was stopped. */
  pauses = 0;

  constructor(simulation: SimulationCore, name: string, machine: Machine) {
    this.simulation = simulation;
    this.name = name;
    this.machine = machine;
    machine.hosts.push(this);
    const random = simulation.random.fork(`${name}/clock`);
    this.oscillator = new Oscillator(simulation.scheduler, Math.floor(random.between(0, 1e6)));
    this.disk = new SimulatedDisk(this);
    this.#life = new Life(this, 1);
  }

  /** Its IP address: `10.0.0.1`. */
  get address(): string {
    return this.machine.address;
  }

  get zone(): string {
    return this.machine.zone;
  }

  /** @internal */
  get powered(): boolean {
    return this.machine.powered;
  }

  /** @internal */
  get kernel(): number {
    return this.machine.kernel;
  }

  /** `n1@10.0.0.1`: a name under which a node here can be dialled. */
  get nodeName(): string {
    return `${this.name}@${this.address}`;
  }

  /** What the program that runs here now, or ran here last, was given. */
  get life(): Life {
    return this.#life;
  }

  /** Of the present life: give it to `startNode({ world })`. */
  get world(): World {
    return this.#life.world;
  }

  /** False after a crash. */
  get running(): boolean {
    return !this.#life.over;
  }

  /** @internal Ends the program. Whoever cuts the power does it to all programs of the machine. */
  crash(kind: CrashKind): void {
    if (!this.#life.over) this.#life.network.ended(kind);
    this.#life.end();
    if (kind === 'power') this.disk.powerCut();
  }

  /** @internal Switches on, if need be, and begins a new life. */
  restart(): Life {
    if (!this.#life.over) return this.#life;
    if (!this.machine.powered) this.machine.kernel++;
    this.machine.powered = true;
    this.#life = new Life(this, ++this.#lives);
    if (this.#holds > 0) this.#life.pause();
    return this.#life;
  }

  /** Stops the event loop until every hold is given back. The kernel goes on: it takes connections and bytes. */
  hold(): () => void {
    this.#holds++;
    this.pauses++;
    this.#life.pause();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (--this.#holds === 0) this.#life.resume();
    };
  }
}
