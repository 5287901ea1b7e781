/** How one direction between two hosts behaves. All times are milliseconds, one way. */
export interface Link {
  /** The least that a packet takes. */
  readonly latency: number;
  /** At most so much more, the greater the rarer. */
  readonly jitter: number;
  /** Bytes per millisecond; 0: no limit. */
  readonly bandwidth: number;
  /** Probabilities (0 to 1) per datagram. TCP sees loss as delay, which `jitter` is for. */
  readonly loss: number;
  readonly duplicate: number;
  readonly reorder: number;
  /** Probability (0 to 1) that a part of the bytes written at once arrives alone, which all code that reads streams must bear. */
  readonly split: number;
  /** Whether multicast and broadcast pass. */
  readonly multicast: boolean;
}

/** What a network is like: the link between two hosts, by their zones, and how hosts are spread over zones. */
export interface NetworkPreset {
  /** Host number `index` is in zone `zones[index % zones.length]`. */
  readonly zones: readonly string[];
  link(fromZone: string, toZone: string): Link;
}

const WITHIN: Link = {
  latency: 0.1,
  jitter: 0.2,
  bandwidth: 125_000,
  loss: 0.0001,
  duplicate: 0.0001,
  reorder: 0.01,
  split: 0.05,
  multicast: true,
};

/** One switch: 0.1 to 0.3 ms, 1 Gbit/s. */
export function lan(changes: Partial<Link> = {}): NetworkPreset {
  const link = { ...WITHIN, ...changes };
  return { zones: [''], link: () => link };
}

/** Three zones of one region: 1 ms between them, no multicast across. */
export function threeZones(changes: Partial<Link> = {}): NetworkPreset {
  const within = { ...WITHIN, ...changes };
  const across: Link = { ...WITHIN, latency: 0.7, jitter: 0.6, loss: 0.001, multicast: false, ...changes };
  return { zones: ['a', 'b', 'c'], link: (from, to) => (from === to ? within : across) };
}

/** Three regions (say Virginia, Ireland, Tokyo): 35 to 110 ms one way, 100 Mbit/s, no multicast across. */
export function threeRegions(changes: Partial<Link> = {}): NetworkPreset {
  const within = { ...WITHIN, ...changes };
  const far = (latency: number): Link => ({
    ...WITHIN,
    latency,
    jitter: latency / 5,
    bandwidth: 12_500,
    loss: 0.01,
    reorder: 0.05,
    split: 0.2,
    multicast: false,
    ...changes,
  });
  const latencies: Readonly<Record<string, number>> = { 'eu us': 35, 'asia us': 75, 'asia eu': 110 };
  const links = new Map(Object.entries(latencies).map(([pair, latency]) => [pair, far(latency)]));
  return {
    zones: ['us', 'eu', 'asia'],
    link: (from, to) => (from === to ? within : (links.get([from, to].toSorted().join(' ')) ?? within)),
  };
}
