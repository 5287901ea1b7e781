import type { SimulationCore } from './core.ts';
import { Violation } from './failure.ts';
import { applyFault, between, describeFault, type Fault } from './faults.ts';
import { Host, type CrashKind } from './host.ts';
import { Fabric } from './network/fabric.ts';
import { lan, type NetworkPreset } from './presets.ts';
import { Program } from './program.ts';
import { seededRandom, type SeededRandom } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { Trace } from './trace.ts';

export interface Check {
  readonly name: string;
  readonly check: () => unknown;
  /** Milliseconds after the last heal; undefined: it must hold always. */
  readonly within: number | undefined;
}

export interface SimulationSetup {
  /** Names; those in one list share a machine. */
  readonly nodes: readonly (string | readonly string[])[];
  readonly seed: number;
  readonly network: NetworkPreset | undefined;
  readonly reading: boolean;
}

const MILLISECOND = 1000;
/** How often `until` looks. Milliseconds. */
const LOOK = 10;

/** A simulated world: hosts, the network between them, time, and what may happen to them. */
export class Simulation {
  /** @internal */
  readonly core: SimulationCore;
  readonly hosts: readonly Host[];
  /** For the test's own choices; the hosts' programs have each their own. */
  readonly random: SeededRandom;
  readonly #checks: Check[] = [];
  readonly #programs = new Set<Program<unknown>>();
  readonly #repairs = new Set<() => void>();

  constructor(setup: SimulationSetup) {
    const random = seededRandom(setup.seed);
    const trace = new Trace(setup.reading);
    const scheduler = new Scheduler(() => this.#checkInvariants());
    const preset = setup.network ?? lan();
    const hosts: Host[] = [];
    const core = { scheduler, random, trace, hosts } as unknown as { fabric: Fabric } & SimulationCore;
    core.fabric = new Fabric(core, preset);
    this.core = core;
    setup.nodes.forEach((names, index) => {
      const zone = preset.zones[index % preset.zones.length] ?? '';
      const address = `10.0.${(index + 1) >> 8}.${(index + 1) & 255}`;
      const machine = { address, zone, hosts: [], powered: true, kernel: 1 };
      for (const name of typeof names === 'string' ? [names] : names) {
        const host = new Host(core, name, machine);
        hosts.push(host);
        core.fabric.add(host);
      }
    });
    this.hosts = hosts;
    this.random = random.fork('test');
  }

  /** Milliseconds since the start, by no host's clock. */
  get now(): number {
    return this.core.scheduler.now / MILLISECOND;
  }

  /** @throws Error when there is none of that name */
  host(name: string): Host {
    const host = this.hosts.find((each) => each.name === name);
    if (host === undefined)
      throw new Error(`there is no host ${name}, but ${this.hosts.map((each) => each.name).join(', ')}`);
    return host;
  }

  /**
   * Runs a program on hosts: now, and again after each restart of a host, with a new `World` and the same disk.
   * @param program gives what the test wants to have of it; a rejection fails the run
   */
  start<T>(program: (host: Host) => T | Promise<T>, hosts: readonly Host[] = this.hosts): Program<T> {
    const started = new Program<T>(program, hosts, (host, error) => {
      this.fail(new Violation('exception', `the program of ${host.name} failed to start: ${messageOf(error)}`, error));
    });
    this.#programs.add(started);
    for (const host of hosts) if (host.running) started.begin(host);
    return started;
  }

  // --- time ---

  /** Milliseconds of true time. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.#later(milliseconds, resolve);
    });
  }

  /**
   * Waits until a condition, which may be asynchronous, holds.
   * @param options.within milliseconds, then it rejects. Default 60000.
   */
  async until(
    condition: () => unknown,
    options: { readonly within?: number; readonly what?: string } = {},
  ): Promise<void> {
    const { within = 60_000, what = condition.toString() } = options;
    const end = this.now + within;
    while (!(await condition())) {
      if (this.now >= end) throw new Violation('liveness', `not within ${within} ms: ${what}`);
      await this.sleep(LOOK);
    }
  }

  // --- checks ---

  /** Must hold after every event: it throws, or gives false, when it does not. Keep it cheap. */
  always(name: string, check: () => unknown): void {
    this.#checks.push({ name, check, within: undefined });
  }

  /**
   * Must come to hold when everything was made good and the test function has returned.
   * @param options.within milliseconds. Default 60000.
   */
  eventually(name: string, check: () => unknown, options: { readonly within?: number } = {}): void {
    this.#checks.push({ name, check, within: options.within ?? 60_000 });
  }

  /** @internal */
  get liveness(): readonly Check[] {
    return this.#checks.filter(({ within }) => within !== undefined);
  }

  // --- faults ---

  /** `power`, the default, ends every program of the machine. @returns what restarts those that it ended */
  crash(host: Host, kind: CrashKind = 'power'): () => void {
    this.note(`crash (${kind})`, host);
    const victims = kind === 'power' ? host.machine.hosts : [host];
    const ended = victims.filter(({ running }) => running);
    if (kind === 'power') host.machine.powered = false;
    for (const victim of victims) {
      victim.crash(kind);
      for (const program of this.#programs) program.lost(victim);
    }
    return () => {
      for (const victim of ended) this.restart(victim);
    };
  }

  /** Starts a crashed host and its programs again; nothing happens to one that runs. */
  restart(host: Host): void {
    if (host.running) return;
    this.note('restart', host);
    host.restart();
    for (const program of this.#programs) program.begin(host);
  }

  /** Stops a host's event loop, as SIGSTOP does. @returns what lets it go on */
  pause(host: Host): () => void {
    this.note('pause', host);
    return this.#repair(host.hold());
  }

  /** Packets from `from` to `to` are lost, and with `oneWay: false`, the default, those back too. @returns what repairs it */
  cut(from: Host, to: Host, options: { readonly oneWay?: boolean } = {}): () => void {
    this.note(`cut ${options.oneWay === true ? 'towards' : 'from'} ${to.name}`, from);
    const { oneWay = false } = options;
    return this.#repair(
      this.core.fabric.cut((a, b) => (a === from && b === to) || (!oneWay && a === to && b === from)),
    );
  }

  /** Cuts the host off from all others. @returns heals that */
  isolate(host: Host): () => void {
    this.note('isolate', host);
    return this.#repair(this.core.fabric.cut((a, b) => a === host || b === host));
  }

  /** Only hosts of one group reach each other; those that are in none reach those that are in none. */
  partition(...groups: readonly (readonly Host[])[]): () => void {
    this.note(`partition ${groups.map((group) => group.map(({ name }) => name).join(',')).join(' | ')}`);
    return this.#repair(this.core.fabric.cut(between(groups)));
  }

  /** Milliseconds on top, each way, for all that goes to or from a host. */
  delay(host: Host, latency: number, jitter = 0): () => void {
    this.note(`delay ${latency} ms + ${jitter} ms`, host);
    return this.#repair(this.core.fabric.delay({ matches: (a, b) => a === host || b === host, latency, jitter }));
  }

  /** Ends the connections between two hosts at once, in the middle of what they carry. */
  reset(host: Host, peer: Host): void {
    this.apply({ at: this.now, type: 'reset', host: host.name, peer: peer.name });
  }

  /** The host's wall clock jumps by so many milliseconds. */
  jump(host: Host, by: number): void {
    this.apply({ at: this.now, type: 'jump', host: host.name, by });
  }

  /** The host's clock runs too fast by so many millionths from now on. */
  drift(host: Host, ppm: number): void {
    this.note(`drift ${ppm} ppm`, host);
    host.oscillator.drift(ppm);
  }

  /** The records of the simulated DNS, and lies. */
  get names(): Fabric['names'] {
    return this.core.fabric.names;
  }

  /** Lets a fault happen now. @returns what makes it good; `heal` does too */
  apply(fault: Fault): () => void {
    this.note(describeFault(fault));
    return this.#repair(applyFault(this, fault));
  }

  /** Makes everything good that lasts: lines, pauses, lies, disks; hosts that are down are restarted. */
  heal(): void {
    this.note('heal');
    for (const repair of [...this.#repairs]) repair();
    this.core.fabric.heal();
    this.core.fabric.names.tellTruth();
    for (const host of this.hosts) {
      host.oscillator.drift(0);
      Object.assign(host.disk.faults, { full: false, slow: 0, lostSync: 0, bitFlip: 0 });
      this.restart(host);
    }
  }

  /** A line in the trace. */
  note(text: string, host?: Host): void {
    const { trace, scheduler } = this.core;
    trace.number(scheduler.now);
    trace.text(text);
    trace.line(scheduler.now, 'fault', host?.name, undefined, text);
  }

  /** Ends the run as failed. */
  fail(error: unknown): void {
    this.core.scheduler.finish(
      error instanceof Violation ? error : new Violation('exception', messageOf(error), error),
    );
  }

  /** @internal */
  schedule(faults: readonly Fault[]): void {
    for (const fault of faults) {
      this.#later(fault.at, () => {
        const repair = this.apply(fault);
        if ('for' in fault) this.#later(fault.for, repair);
      });
    }
  }

  #later(milliseconds: number, callback: () => void): void {
    const { scheduler } = this.core;
    scheduler.at(scheduler.now + Math.round(milliseconds * MILLISECOND), callback);
  }

  #repair(repair: () => void): () => void {
    const own = (): void => {
      if (!this.#repairs.delete(own)) return;
      this.note('made good');
      repair();
    };
    this.#repairs.add(own);
    return own;
  }

  #checkInvariants(): void {
    for (const { name, check, within } of this.#checks) {
      if (within !== undefined) continue;
      try {
        if (check() !== false) continue;
      } catch (error) {
        throw new Violation('invariant', `${name}: ${messageOf(error)}`, error);
      }
      throw new Violation('invariant', name);
    }
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
