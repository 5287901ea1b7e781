/** Plausible traffic of one port, pure: a day curve, a slow swell that one can watch, and bursts. */

export interface PortProfile {
  /** Bits per second. */
  readonly speed: number;
  /** Share of the speed that the day's mean takes, 0..1. */
  readonly load: number;
  /** Where in its swell the port is, 0..1, so that ports differ. */
  readonly phase: number;
}

export interface PortState {
  readonly inOctets: bigint;
  readonly outOctets: bigint;
  readonly inErrors: number;
  readonly outErrors: number;
  /** ms since the epoch that the counters are of. */
  readonly at: number;
  /** Bits per second of bursts that go on. */
  readonly burst: number;
}

const day = 86_400_000;
const counter64 = 1n << 64n;

/** Mean bits per second at a time, before bursts: low at night, high in the afternoon, swelling over some minutes. */
export function meanRate(profile: PortProfile, at: number): number {
  const hour = (at % day) / day;
  const daily = 0.55 - 0.45 * Math.cos(2 * Math.PI * (hour - 0.1));
  const swell =
    1 +
    0.35 * Math.sin(2 * Math.PI * (at / 240_000 + profile.phase)) +
    0.15 * Math.sin(2 * Math.PI * (at / 31_000 + 3 * profile.phase));
  return profile.speed * profile.load * Math.max(0.1, daily) * swell;
}

/**
 * The port at a later time. Steps are of at most a second, so that how often it is asked changes little.
 * @param random a source of numbers in [0, 1).
 */
export function advance(profile: PortProfile, state: PortState, to: number, random: () => number): PortState {
  let { inOctets, outOctets, inErrors, outErrors, at, burst } = state;
  while (at < to) {
    const step = Math.min(1000, to - at);
    const seconds = step / 1000;
    if (random() < 0.02 * seconds) burst = profile.speed * (0.1 + 0.4 * random());
    const inRate = Math.min(profile.speed * 0.98, meanRate(profile, at) * (0.92 + 0.16 * random()) + burst);
    const outRate = Math.min(
      profile.speed * 0.98,
      meanRate(profile, at + 47_000) * 0.4 * (0.92 + 0.16 * random()) + burst * 0.15,
    );
    inOctets = (inOctets + BigInt(Math.round((inRate / 8) * seconds))) % counter64;
    outOctets = (outOctets + BigInt(Math.round((outRate / 8) * seconds))) % counter64;
    if (random() < 0.002 * seconds) inErrors += 1;
    if (random() < 0.0005 * seconds) outErrors += 1;
    burst *= 0.75 ** seconds;
    if (burst < 1000) burst = 0;
    at += step;
  }
  return { inOctets, outOctets, inErrors, outErrors, at, burst };
}
