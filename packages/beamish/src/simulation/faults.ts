import type { CrashKind, Host } from './host.ts';
import type { Matches } from './network/fabric.ts';
import type { SeededRandom } from './random.ts';
import type { Simulation } from './simulation.ts';

/**
 * One thing that goes wrong: `at` milliseconds, and, where it lasts, made good after `for` milliseconds. Plain data, so that a
 * schedule can be printed, shortened and given back. Hosts are named.
 */
export type Fault = { readonly at: number } & (
  | { readonly type: 'crash'; readonly for: number; readonly host: string; readonly kind: CrashKind }
  | { readonly type: 'pause'; readonly for: number; readonly host: string }
  | { readonly type: 'cut'; readonly for: number; readonly from: string; readonly to: string; readonly oneWay: boolean }
  | { readonly type: 'isolate'; readonly for: number; readonly host: string }
  | { readonly type: 'partition'; readonly for: number; readonly groups: readonly (readonly string[])[] }
  | {
      readonly type: 'delay';
      readonly for: number;
      readonly host: string;
      readonly latency: number;
      readonly jitter: number;
    }
  | { readonly type: 'reset'; readonly host: string; readonly peer: string }
  | { readonly type: 'jump'; readonly host: string; readonly by: number }
  | { readonly type: 'drift'; readonly for: number; readonly host: string; readonly ppm: number }
  | {
      readonly type: 'dns';
      readonly for: number;
      readonly host: string;
      readonly name: string;
      readonly answer: readonly string[] | 'fails';
    }
  | {
      readonly type: 'disk';
      readonly for: number;
      readonly host: string;
      readonly full?: boolean;
      readonly slow?: number;
      readonly lostSync?: number;
      readonly bitFlip?: number;
    }
);

/** A kind of fault: what `RandomFaults.types` chooses from. */
export type FaultType = Fault['type'];

/** All kinds of faults. */
export const FAULT_TYPES: readonly FaultType[] = [
  'crash',
  'pause',
  'cut',
  'isolate',
  'partition',
  'delay',
  'reset',
  'jump',
  'drift',
  'dns',
  'disk',
];

/** Which faults a schedule is drawn from, how many, and until when. */
export interface RandomFaults {
  /** Which kinds may happen. @default all */
  readonly types?: readonly FaultType[];
  /** The names about which the DNS may lie. @default those of the hosts */
  readonly names?: readonly string[];
  /** How many. @default 5 */
  readonly count?: number;
  /** Milliseconds: none begins before. @default 0 */
  readonly from?: number;
  /** Milliseconds: each is made good before. @default 30000 */
  readonly until?: number;
  /** Milliseconds: the longest that one lasts; most are much shorter. @default a third of the time */
  readonly longest?: number;
}

/** A schedule drawn from a seed. */
export function randomFaults(random: SeededRandom, hosts: readonly string[], options: RandomFaults = {}): Fault[] {
  const { types = FAULT_TYPES, count = 5, from = 0, until = 30_000 } = options;
  const { longest = (until - from) / 3 } = options;
  const faults: Fault[] = [];
  const possible = types.filter((type) => hosts.length > 1 || !['cut', 'isolate', 'partition', 'reset'].includes(type));
  for (let index = 0; index < count && possible.length > 0; index++) {
    const own = random.fork(`fault ${index}`);
    const at = Math.round(own.between(from, until));
    // Short ones are as likely as long ones: many bugs need two things within milliseconds.
    const wanted = own.pick([1, 10, 100, 1000, 10_000, 100_000]) * own.between(1, 10);
    const duration = Math.max(1, Math.round(Math.min(wanted, longest, until - at)));
    faults.push({ at, ...drawFault(own, own.pick(possible), { hosts, names: options.names ?? hosts, duration }) });
  }
  return faults.toSorted((a, b) => a.at - b.at);
}

type Bare<F> = F extends unknown ? Omit<F, 'at'> : never;

interface Drawing {
  readonly hosts: readonly string[];
  readonly names: readonly string[];
  readonly duration: number;
}

function drawFault(random: SeededRandom, type: FaultType, { hosts, names, duration }: Drawing): Bare<Fault> {
  const host = random.pick(hosts);
  const other = hosts.length > 1 ? random.pick(hosts.filter((name) => name !== host)) : host;
  switch (type) {
    case 'crash':
      return { type, for: duration, host, kind: random.pick(['kill', 'power']) };
    case 'pause':
    case 'isolate':
      return { type, for: duration, host };
    case 'cut':
      return { type, for: duration, from: host, to: other, oneWay: random.chance(0.5) };
    case 'partition': {
      const left = hosts.filter((name) => name !== other && (name === host || random.chance(0.5)));
      return { type, for: duration, groups: [left, hosts.filter((name) => !left.includes(name))] };
    }
    case 'delay':
      return { type, for: duration, host, latency: random.pick([1, 50, 500, 3000]), jitter: random.pick([0, 10, 200]) };
    case 'reset':
      return { type, host, peer: other };
    case 'jump':
      return {
        type,
        host,
        by: Math.round(
          random.pick([-1, 1]) * random.pick([10, 1000, 60_000, 3_600_000, 86_400_000]) * random.between(1, 5),
        ),
      };
    case 'drift':
      return { type, for: duration, host, ppm: random.pick([-500_000, -10_000, -200, 200, 10_000, 500_000]) };
    case 'dns': {
      // No record, an address that nobody has, that of somebody else, no answer.
      const answer = random.pick([[], ['10.9.9.9'], ['10.0.0.1'], 'fails'] as const);
      return { type, for: duration, host, name: random.pick(names), answer };
    }
    case 'disk':
      return {
        type,
        for: duration,
        host,
        ...random.pick([{ full: true }, { slow: 500 }, { lostSync: 1 }, { bitFlip: 0.5 }]),
      };
  }
}

/** When the last of them has been made good. Milliseconds. */
export function endOf(faults: readonly Fault[]): number {
  return Math.max(0, ...faults.map((fault) => fault.at + ('for' in fault ? fault.for : 0)));
}

/** Lets a fault happen now. @returns what makes it good */
export function applyFault(simulation: Simulation, fault: Fault): () => void {
  const { fabric } = simulation.core;
  const host = (name: string): Host => simulation.host(name);
  switch (fault.type) {
    case 'crash': {
      const victim = host(fault.host);
      if (!victim.running) return () => {};
      return simulation.crash(victim, fault.kind);
    }
    case 'pause':
      return host(fault.host).hold();
    case 'cut': {
      const [from, to] = [host(fault.from), host(fault.to)];
      return fabric.cut((a, b) => (a === from && b === to) || (!fault.oneWay && a === to && b === from));
    }
    case 'isolate': {
      const alone = host(fault.host);
      return fabric.cut((a, b) => a === alone || b === alone);
    }
    case 'partition':
      return fabric.cut(between(fault.groups.map((group) => group.map(host))));
    case 'delay': {
      const slow = host(fault.host);
      return fabric.delay({
        matches: (a, b) => a === slow || b === slow,
        latency: fault.latency,
        jitter: fault.jitter,
      });
    }
    case 'reset': {
      const peer = host(fault.peer);
      for (const stream of [...host(fault.host).life.network.streams]) if (stream.peer.host === peer) stream.reset();
      return () => {};
    }
    case 'jump':
      host(fault.host).oscillator.wallOffset += fault.by;
      return () => {};
    case 'drift': {
      const { oscillator } = host(fault.host);
      oscillator.drift(fault.ppm);
      return () => oscillator.drift(0);
    }
    case 'dns':
      return fabric.names.lie(
        fault.name,
        fault.answer === 'fails' ? { fails: true } : { addresses: fault.answer },
        fault.host,
      );
    case 'disk': {
      const { faults } = host(fault.host).disk;
      const { full = false, slow = 0, lostSync = 0, bitFlip = 0 } = fault;
      Object.assign(faults, { full, slow, lostSync, bitFlip });
      return () => Object.assign(faults, { full: false, slow: 0, lostSync: 0, bitFlip: 0 });
    }
  }
}

/** Hosts of different groups, and hosts of no group from all of a group. */
export function between(groups: readonly (readonly Host[])[]): Matches {
  const groupOf = new Map(groups.flatMap((group, index) => group.map((host) => [host, index] as const)));
  return (from, to) => groupOf.get(from) !== groupOf.get(to);
}

/** A fault in words, for the trace. */
export function describeFault(fault: Fault): string {
  const { type, ...rest } = { ...fault, at: undefined };
  return `${type} ${JSON.stringify(rest)}`;
}
