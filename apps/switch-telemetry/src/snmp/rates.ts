/**
 * Rates from counters, pure. A counter tells something only together with an earlier value of the same counter of the
 * same life of the agent; where that is not given the rate is unknown (null), never a guess and never a spike.
 */

/** What one poll read of one interface. */
export interface CounterReading {
  readonly index: number;
  readonly name: string;
  readonly inOctets: bigint;
  readonly outOctets: bigint;
  /** Width of the two counters: 32 where the agent has no ifHC counters. */
  readonly bits: 32 | 64;
  /** Bits per second; 0 when unknown. */
  readonly speed: number;
}

export interface Reading {
  /** sysUpTime, hundredths of a second, modulo 2^32. */
  readonly uptime: number;
  /** When the answer came, on any clock that both readings share, in ms. */
  readonly time: number;
  readonly interfaces: readonly CounterReading[];
}

export interface Rates {
  /** Bits per second; null when unknown. */
  readonly in: number | null;
  readonly out: number | null;
}

const unknown: Rates = { in: null, out: null };
const uptimeModulus = 2 ** 32;
/** One tick of sysUpTime, in seconds: how far it can be off. */
const tick = 0.01;
/** Above this no port is fast, whatever it says of itself: 1.6 Tbit/s. */
const fastest = 1.6e12;

/**
 * Seconds between two readings of one agent, undefined when it restarted in between. The agent's own clock was read
 * together with the counters and knows nothing of delays on the way, but is coarse; so ours is used within its tick.
 */
export function secondsBetween(previous: Reading, current: Reading): number | undefined {
  const elapsed = (current.time - previous.time) / 1000;
  if (elapsed < 0.001) return undefined; // within one millisecond there is no rate to speak of
  let ticks = current.uptime - previous.uptime;
  if (ticks < 0) {
    // Back: a restart, or 497 days are full. The latter fits the time that passed.
    ticks += uptimeModulus;
    if (Math.abs(ticks / 100 - elapsed) > 5 + elapsed * 0.1) return undefined;
  }
  const uptime = ticks / 100;
  if (uptime === 0) return elapsed;
  return Math.min(Math.max(elapsed, uptime - tick), uptime + tick);
}

/** How far a counter moved; undefined when it can't have done so in that time, thus was reset. */
export function counterDelta(
  previous: bigint,
  current: bigint,
  bits: 32 | 64,
  seconds: number,
  speed: number,
): bigint | undefined {
  if (current >= previous) return current - previous;
  const delta = current - previous + (1n << BigInt(bits));
  if (delta < 0n) return undefined;
  // It went over its top, or was set back (an interface that was taken away and came again). A wrap is as fast as traffic.
  const limit = speed > 0 ? speed * 1.5 : fastest;
  return (Number(delta) * 8) / seconds <= limit ? delta : undefined;
}

/**
 * Rates of each interface of `current`, in its order. An interface is known by its name, because an index may belong to
 * another one after a change of hardware; names that are there twice are told apart by index.
 */
export function ratesBetween(previous: Reading | undefined, current: Reading): Rates[] {
  const seconds = previous === undefined ? undefined : secondsBetween(previous, current);
  if (previous === undefined || seconds === undefined) return current.interfaces.map(() => unknown);
  const before = byIdentity(previous.interfaces);
  const now = byIdentity(current.interfaces);
  const identities = new Map([...now].map(([identity, reading]) => [reading, identity]));
  return current.interfaces.map((reading) => {
    const earlier = before.get(identities.get(reading) ?? '');
    if (earlier === undefined || earlier.bits !== reading.bits) return unknown;
    const rate = (from: bigint, to: bigint): number | null => {
      const delta = counterDelta(from, to, reading.bits, seconds, reading.speed);
      return delta === undefined ? null : (Number(delta) * 8) / seconds;
    };
    const result = { in: rate(earlier.inOctets, reading.inOctets), out: rate(earlier.outOctets, reading.outOctets) };
    // One of the two set back means that both were, even if the other has grown past its old value since.
    return result.in === null || result.out === null ? unknown : result;
  });
}

function byIdentity(interfaces: readonly CounterReading[]): Map<string, CounterReading> {
  const count = new Map<string, number>();
  for (const { name } of interfaces) count.set(name, (count.get(name) ?? 0) + 1);
  return new Map(
    interfaces.map((each) => [count.get(each.name) === 1 ? each.name : `${each.name}\0${each.index}`, each]),
  );
}
