import { advance, type PortProfile, type PortState } from './traffic.ts';

/** When a switch misbehaves: `every` and `for` in ms, the first time after `first`. */
export interface Fault {
  readonly kind: 'reboots' | 'unreachable';
  readonly first: number;
  readonly every: number;
  readonly for: number;
}

export interface Port {
  readonly index: number;
  readonly name: string;
  readonly alias: string;
  readonly speed: number;
  readonly up: boolean;
  readonly profile: PortProfile;
  state: PortState;
}

const aliases = [
  'uplink to core',
  'server rack',
  'access point',
  'printers',
  'telephones',
  'cameras',
  'office',
  'spare',
];

/** One simulated switch. Its counters move only when somebody looks, which costs nothing in between. */
export class SimulatedSwitch {
  readonly id: string;
  readonly name: string;
  readonly ports: readonly Port[];
  readonly fault: Fault | undefined;
  readonly #random: () => number;
  readonly #start: number;
  #boot: number;
  #boots = 1;

  constructor(id: string, ports: number, now: number, random: () => number, fault?: Fault) {
    this.id = id;
    this.name = `${id}.switch.example`;
    this.fault = fault;
    this.#random = random;
    this.#start = now;
    this.#boot = now - Math.floor((1 + 40 * random()) * 86_400_000); // up for some days already
    this.ports = Array.from({ length: ports }, (_, at): Port => {
      const uplink = at === 0;
      const speed = uplink ? 10e9 : 1e9;
      const profile = {
        speed,
        load: uplink ? 0.25 + 0.2 * random() : 0.02 + 0.25 * random() * random(),
        phase: random(),
      };
      return {
        index: at + 1,
        name: uplink ? 'Te1/1/1' : `Gi1/0/${at}`,
        alias: aliases[at % aliases.length] ?? '',
        speed,
        up: uplink || at < ports - 1, // the last one is spare
        profile,
        state: {
          inOctets: BigInt(Math.floor(random() * 1e14)),
          outOctets: BigInt(Math.floor(random() * 4e13)),
          inErrors: Math.floor(random() * 50),
          outErrors: Math.floor(random() * 10),
          at: now,
          burst: 0,
        },
      };
    });
  }

  /** How often it has booted: the engineBoots of SNMPv3. */
  get boots(): number {
    return this.#boots;
  }

  /** Whether it answers at this time. Carries out a reboot that is due. */
  answers(now: number): boolean {
    const { fault } = this;
    if (fault === undefined) return true;
    const since = now - this.#start - fault.first;
    if (since < 0) return true;
    const silent = since % fault.every < fault.for;
    if (fault.kind === 'reboots') {
      const up = now - (since % fault.every) + fault.for;
      if (!silent && this.#boot < up) this.#reboot(up);
    }
    return !silent;
  }

  #reboot(at: number): void {
    this.#boot = at;
    this.#boots += 1;
    for (const port of this.ports) {
      port.state = { inOctets: 0n, outOctets: 0n, inErrors: 0, outErrors: 0, at, burst: 0 };
    }
  }

  /** sysUpTime, in hundredths of a second. */
  uptime(now: number): number {
    return Math.floor((now - this.#boot) / 10) % 2 ** 32;
  }

  /** The counters of a port, brought up to `now`. */
  counters(port: Port, now: number): PortState {
    if (port.up && port.state.at < now) port.state = advance(port.profile, port.state, now, this.#random);
    return port.state;
  }
}
