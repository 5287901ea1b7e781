import type { World } from '../world/index.ts';
import { Oscillator } from './clock.ts';
import { SimulatedDisk } from './disk.ts';
import { Life } from './life.ts';
import type { SimulationCore } from './core.ts';

/** How a host ends: its program is killed and its kernel closes the connections, or the power is cut and nobody is told. */
export type CrashKind = 'kill' | 'power';

/** One machine of the simulated world, with an address, a clock and a disk that outlive its program. */
export class Host {
  /** `n1`; it is in the DNS under this name. */
  readonly name: string;
  /** Its IP address: `10.0.0.1`. */
  readonly address: string;
  /** Its zone, as the network's preset has it; hosts without one are all in `''`. */
  readonly zone: string;
  readonly simulation: SimulationCore;
  readonly oscillator: Oscillator;
  readonly disk: SimulatedDisk;
  /** Counts the starts of the machine: connections of an earlier one are unknown to its kernel. */
  kernel = 1;
  /** Whether the machine is on. A killed program leaves it on. */
  powered = true;
  #life: Life;
  #lives = 1;
  #holds = 0;
  /** How often its event loop was stopped. */
  pauses = 0;

  constructor(simulation: SimulationCore, name: string, address: string, zone: string) {
    this.simulation = simulation;
    this.name = name;
    this.address = address;
    this.zone = zone;
    const random = simulation.random.fork(`${name}/clock`);
    this.oscillator = new Oscillator(simulation.scheduler, Math.floor(random.between(0, 1e6)));
    this.disk = new SimulatedDisk(this);
    this.#life = new Life(this, 1);
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

  crash(kind: CrashKind): void {
    if (!this.#life.over) this.#life.network.ended(kind);
    this.#life.end();
    if (kind === 'power') {
      if (this.powered) this.disk.powerCut();
      this.powered = false;
    }
  }

  /** Switches on, and begins a new life. */
  restart(): Life {
    if (!this.#life.over) return this.#life;
    if (!this.powered) this.kernel++;
    this.powered = true;
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
