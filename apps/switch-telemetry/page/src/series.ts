/** Points of charts: history and live samples of one device, by interface, in uPlot's columns. Pure. */
import type { RatePoint, Sample, SamplesReply } from './types.ts';

/** Seconds, in, out: what uPlot draws. */
export type Columns = [x: number[], inBps: (number | null)[], outBps: (number | null)[]];

export interface Series {
  readonly index: number;
  readonly name: string;
  readonly points: readonly RatePoint[];
}

/** Interfaces in the order of their index, history first. */
export function fromHistory(reply: SamplesReply): readonly Series[] {
  return reply.interfaces
    .map(({ index, name, points }) => ({ index, name, points }))
    .toSorted((a, b) => a.index - b.index);
}

/** Adds one poll and forgets what is older than `window` ms. A sample that is not newer than the last changes nothing. */
export function append(series: readonly Series[], sample: Sample, window: number): readonly Series[] {
  const known = new Map(series.map((one) => [one.index, one]));
  for (const { index, name, in_bps: inBps, out_bps: outBps } of sample.interfaces) {
    const before = known.get(index) ?? { index, name, points: [] };
    const last = before.points.at(-1)?.[0] ?? -Infinity;
    if (sample.at <= last) continue;
    const points = before.points.filter(([at]) => at > sample.at - window);
    known.set(index, { index, name, points: [...points, [sample.at, inBps, outBps]] });
  }
  return [...known.values()].toSorted((a, b) => a.index - b.index);
}

/** For uPlot. A pause longer than `gap` ms becomes a gap in the line. */
export function columns(points: readonly RatePoint[], gap: number): Columns {
  const result: Columns = [[], [], []];
  let previous: number | undefined;
  for (const [at, inBps, outBps] of points) {
    if (previous !== undefined && at - previous > gap) {
      result[0].push((previous + at) / 2000);
      result[1].push(null);
      result[2].push(null);
    }
    result[0].push(at / 1000);
    result[1].push(inBps);
    result[2].push(outBps);
    previous = at;
  }
  return result;
}

/** The sum over all interfaces, at the times that any of them has. */
export function total(series: readonly Series[]): readonly RatePoint[] {
  const sums = new Map<number, [number | null, number | null]>();
  for (const { points } of series) {
    for (const [at, inBps, outBps] of points) {
      const sum = sums.get(at) ?? [null, null];
      if (inBps !== null) sum[0] = (sum[0] ?? 0) + inBps;
      if (outBps !== null) sum[1] = (sum[1] ?? 0) + outBps;
      sums.set(at, sum);
    }
  }
  return [...sums].map(([at, [inBps, outBps]]) => [at, inBps, outBps] as const).toSorted((a, b) => a[0] - b[0]);
}
