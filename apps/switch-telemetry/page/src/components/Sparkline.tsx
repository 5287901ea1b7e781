/** The last minute of a device, in and out on one scale. */
import { SPARK_SECONDS } from '../state.ts';
import type { RatePoint } from '../types.ts';

const WIDTH = 120;
const HEIGHT = 32;
/** A pause longer than this, in ms, is a gap and not a line. */
const GAP = 6_000;

function path(points: readonly RatePoint[], field: 1 | 2, end: number, max: number): string {
  let d = '';
  let previous: number | undefined;
  for (const point of points) {
    const value = point[field];
    if (value === null) {
      previous = undefined;
      continue;
    }
    const x = WIDTH * (1 - (end - point[0]) / (SPARK_SECONDS * 1000));
    const y = HEIGHT - 2 - (value / max) * (HEIGHT - 5);
    const joined = previous !== undefined && point[0] - previous < GAP;
    d += `${joined ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    if (!joined) d += 'h0.01'; // a single point is a dot
    previous = point[0];
  }
  return d;
}

export function Sparkline({ points, label }: { points: readonly RatePoint[]; label: string }) {
  const end = points.at(-1)?.[0] ?? 0;
  const max = Math.max(1, ...points.map((point) => Math.max(point[1] ?? 0, point[2] ?? 0)));
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path d={`M0 ${HEIGHT - 1.5}H${WIDTH}`} class="spark-base" />
      <path d={path(points, 2, end, max)} class="spark-out" />
      <path d={path(points, 1, end, max)} class="spark-in" />
    </svg>
  );
}
