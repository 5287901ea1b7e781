/** What is measured. A workload runs for a bounded time in one peer and gives one or more figures. */

export interface Figure {
  readonly title: string;
  readonly better: 'lower' | 'higher';
}

export interface Workload {
  readonly title: string;
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
} as const satisfies Readonly<Record<string, Workload>>;

export type WorkloadName = keyof typeof workloads;
export const workloadNames = Object.keys(workloads) as WorkloadName[];

/** Every figure as 'workload.figure', in the order of the tables. */
export const figures: ReadonlyMap<string, Figure> = new Map(
  workloadNames.flatMap((name) =>
    Object.entries(workloads[name].figures as Readonly<Record<string, Figure>>).map(
      ([key, figure]) => [`${name}.${key}`, figure] as const,
    ),
  ),
);
