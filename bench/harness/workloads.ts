/** What is measured. A workload runs for a bounded time in one peer and gives one or more figures. */

export interface Figure {
  readonly title: string;
  readonly better: 'lower' | 'higher';
  /** 0 is a figure, and no sign of a failure. */
  readonly zero?: boolean;
}

export interface Workload {
  readonly title: string;
  /** Of the run's measured time; for what is steady in less. @default 1 */
  readonly share?: number;
  readonly figures: Readonly<Record<string, Figure>>;
}

export const workloads = {
  roundTrip: {
    title: 'a call and its reply, one at a time, 64 B',
    figures: { p50: { title: 'call p50, us', better: 'lower' }, p99: { title: 'call p99, us', better: 'lower' } },
  },
  inFlight: {
    title: 'calls with 64 in flight, 64 B',
    figures: { rate: { title: 'calls/s, 64 in flight', better: 'higher' } },
  },
  oneWay64: {
    title: 'one-way messages, 64 B object',
    figures: { rate: { title: 'one-way 64 B, msg/s', better: 'higher' } },
  },
  oneWay1k: {
    title: 'one-way messages, 1 KiB object',
    figures: { rate: { title: 'one-way 1 KiB, msg/s', better: 'higher' } },
  },
  broadcast: {
    title: 'a 1 KiB object to 1,000 subscribers on each of 3 nodes',
    figures: { rate: { title: 'deliveries/s', better: 'higher' } },
  },
  encode: {
    title: 'the metrics message to its format',
    share: 1 / 3,
    figures: { rate: { title: 'encodes/s', better: 'higher' } },
  },
  decode: {
    title: 'the metrics message from its format',
    share: 1 / 3,
    figures: { rate: { title: 'decodes/s', better: 'higher' } },
  },
  pgJoin: {
    title: 'a join of a process group seen by the other node: half the time to the sight of its answer, a join too',
    figures: { p50: { title: 'pg join seen, us', better: 'lower' } },
  },
  connect: {
    title: 'from connect to nodeup here, and word of nodeup there',
    figures: { p50: { title: 'connect to nodeup on both sides, us', better: 'lower' } },
  },
  together: {
    title: 'three nodes that start together, until each sees the others',
    figures: {
      warm: { title: 'three nodes see each other, ms', better: 'lower' },
      cold: { title: 'the same from the start of their processes, ms', better: 'lower' },
    },
  },
  kill: {
    title: 'SIGKILL of a peer to nodedown',
    figures: { p50: { title: 'SIGKILL to nodedown, ms', better: 'lower' } },
  },
  memory: {
    title: 'resident memory beside a bare Node.js process that listens on a socket',
    figures: {
      bare: { title: 'bare process, MB', better: 'lower' },
      one: { title: 'above it with 1 peer, MB', better: 'lower' },
      nine: { title: 'above it with 9 peers, MB', better: 'lower' },
    },
  },
  idle: {
    title: 'bytes in and out of a node with 9 peers that have nothing to say, for ten times the measured time',
    figures: { rate: { title: 'idle, B/s per peer', better: 'lower', zero: true } },
  },
} as const satisfies Readonly<Record<string, Workload>>;

export type WorkloadName = keyof typeof workloads;
export const workloadNames = Object.keys(workloads) as WorkloadName[];

/** What two ends of a connection can do. */
export const messageWorkloads = ['roundTrip', 'inFlight', 'oneWay64', 'oneWay1k'] as const satisfies WorkloadName[];

/** Every figure as 'workload.figure', in the order of the tables. */
export const figures: ReadonlyMap<string, Figure> = new Map(
  workloadNames.flatMap((name) =>
    Object.entries(workloads[name].figures as Readonly<Record<string, Figure>>).map(
      ([key, figure]) => [`${name}.${key}`, figure] as const,
    ),
  ),
);
