import type { SimulationCore } from '../core.ts';
import type { Host } from '../host.ts';
import type { Link, NetworkPreset } from '../presets.ts';
import type { SeededRandom } from '../random.ts';
import { Names } from './names.ts';
import type { DatagramPort } from './datagram.ts';

/** Microseconds through a host's own loopback. */
const LOOPBACK = 20;

interface Direction {
  readonly link: Link;
  readonly random: SeededRandom;
  /** When the line has sent what it was given, in microseconds. */
  busyUntil: number;
}

export type Matches = (from: Host, to: Host) => boolean;

/** Slower for a while: milliseconds on top. */
export interface Delay {
  readonly matches: Matches;
  readonly latency: number;
  readonly jitter: number;
}

/** The cables and switches between the hosts, and what is wrong with them now. */
export class Fabric {
  readonly names: Names;
  /** Datagram sockets of all hosts, the youngest last. */
  readonly datagrams = new Set<DatagramPort>();
  readonly #core: SimulationCore;
  readonly #preset: NetworkPreset;
  readonly #directions = new Map<Host, Map<Host, Direction>>();
  readonly #byAddress = new Map<string, readonly Host[]>();
  readonly #cuts = new Set<Matches>();
  readonly #delays = new Set<Delay>();

  constructor(core: SimulationCore, preset: NetworkPreset) {
    this.#core = core;
    this.#preset = preset;
    this.names = new Names();
  }

  add(host: Host): void {
    this.#byAddress.set(host.address, host.machine.hosts);
    this.names.setAddresses(host.name, [host.address]);
  }

  /** The hosts that share the address, as seen from one: loopback is its own machine. Empty: nobody has it. */
  hostsAt(address: string, from: Host): readonly Host[] {
    const own = address.startsWith('127.') || address === '::1' || address === '0.0.0.0';
    return own ? from.machine.hosts : (this.#byAddress.get(address) ?? []);
  }

  link(from: Host, to: Host): Link {
    return this.#direction(from, to).link;
  }

  random(from: Host, to: Host): SeededRandom {
    return this.#direction(from, to).random;
  }

  /** Whether a packet that is on its way now is lost. */
  blocked(from: Host, to: Host): boolean {
    if (from.machine === to.machine || this.#cuts.size === 0) return false;
    for (const matches of this.#cuts) if (matches(from, to)) return true;
    return false;
  }

  /** @returns what repairs it */
  cut(matches: Matches): () => void {
    const own: Matches = (from, to) => matches(from, to);
    this.#cuts.add(own);
    return () => void this.#cuts.delete(own);
  }

  delay(delay: Delay): () => void {
    const own = { ...delay };
    this.#delays.add(own);
    return () => void this.#delays.delete(own);
  }

  heal(): void {
    this.#cuts.clear();
    this.#delays.clear();
  }

  /** Microseconds until a packet of so many bytes that is sent now is there. */
  transit(from: Host, to: Host, bytes: number): number {
    if (from.machine === to.machine) return LOOPBACK;
    const direction = this.#direction(from, to);
    const { link, random } = direction;
    const { now } = this.#core.scheduler;
    let wait = 0;
    if (link.bandwidth > 0) {
      const start = Math.max(now, direction.busyUntil);
      direction.busyUntil = start + Math.ceil(((bytes + 66) / link.bandwidth) * 1000);
      wait = direction.busyUntil - now;
    }
    // Squared, so that most packets are fast and few are slow; products only, which are the same on every machine.
    const drawn = random.float();
    let milliseconds = link.latency + link.jitter * drawn * drawn;
    for (const delay of this.#delays) {
      if (delay.matches(from, to)) milliseconds += delay.latency + delay.jitter * random.float();
    }
    return wait + Math.ceil(milliseconds * 1000);
  }

  #direction(from: Host, to: Host): Direction {
    let ofHost = this.#directions.get(from);
    if (ofHost === undefined) this.#directions.set(from, (ofHost = new Map()));
    let direction = ofHost.get(to);
    if (direction === undefined) {
      const link = this.#preset.link(from.zone, to.zone);
      direction = { link, random: this.#core.random.fork(`${from.name}>${to.name}`), busyUntil: 0 };
      ofHost.set(to, direction);
    }
    return direction;
  }
}
