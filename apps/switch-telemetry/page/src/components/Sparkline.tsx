/** The last minute of a device, in and out on one scale. */
import { now, skew, SPARK_SECONDS } from '../state.ts';
import type { RatePoint } from '../types.ts';

const WIDTH = 120;
const HEIGHT = 32;
/** A pause longer than this, in ms, is a gap and not a line. */
const GAP = 6_000;
/** A poll may be this much behind the clock, in ms, before the line leaves the right edge. */
const LATE = 3_000;

function path(points: readonly RatePoint[], field: 1 | 2, end: number, max: number): string {
  let d = '';
  let previous: number | undefined;
  for (const point of points) {
    if (point[0] < end - SPARK_SECONDS * 1000) continue;
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

/** What lies under the line of the incoming traffic; one area for each stretch without a gap. */
function area(points: readonly RatePoint[], end: number, max: number): string {
  return path(points, 1, end, max)
    .split('M')
    .filter((stretch) => stretch.includes('L'))
    .map((stretch) => {
      const first = stretch.split(' ', 1)[0];
      const last = stretch.slice(stretch.lastIndexOf('L') + 1).split(' ', 1)[0];
      return `M${stretch}L${last} ${HEIGHT - 2}L${first} ${HEIGHT - 2}Z`;
    })
    .join('');
}

export function Sparkline({ points, label }: { points: readonly RatePoint[]; label: string }) {
  // A device that is silent: what was moves out to the left.
  const end = Math.max(points.at(-1)?.[0] ?? 0, now.value + skew.value - LATE);
  const max = Math.max(1, ...points.map((point) => Math.max(point[1] ?? 0, point[2] ?? 0)));
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path d={`M0 ${HEIGHT - 1.5}H${WIDTH}`} class="spark-base" />
      <path d={area(points, end, max)} class="spark-area" />
      <path d={path(points, 2, end, max)} class="spark-out" />
      <path d={path(points, 1, end, max)} class="spark-in" />
    </svg>
  );
}
