/**
 * When a device is polled, pure. The due times of a device lie on one grid over the wall clock, the same on every
 * collector: whoever polls it, there is one sample for each interval, and two owners at one time store the same key.
 */
import { phash2 } from 'beamish/ring';

export interface Grid {
  /** Milliseconds. */
  readonly interval: number;
  /** Milliseconds after a multiple of the interval; differs by device, so that not all are asked at once. */
  readonly phase: number;
}

export function gridOf(device: string, interval: number): Grid {
  return { interval, phase: phash2(device) % interval };
}

/** The first due time after `time`. */
export function dueAfter({ interval, phase }: Grid, time: number): number {
  return Math.floor((time - phase) / interval) * interval + phase + interval;
}

/** The last due time that is not after `time`. */
export function dueBy(grid: Grid, time: number): number {
  return dueAfter(grid, time) - grid.interval;
}

/** A poll in between (at a take-over) stands in for a due time that is nearer than this share of the interval. */
const near = 0.25;

/**
 * The due time that follows a poll.
 * @param last when the last poll was due, undefined for none. @param now the wall clock, which may have been set back or forth.
 * @param failures polls in a row that failed: from the second on the time between them doubles, up to half a minute.
 */
export function nextDue(grid: Grid, last: number | undefined, now: number, failures: number): number {
  const { interval } = grid;
  const patience = Math.max(1, Math.floor(30_000 / interval));
  const steps = Math.min(2 ** Math.max(0, failures - 1), patience);
  if (last === undefined) return dueAfter(grid, now);
  const wanted = dueAfter(grid, last + near * interval) + (steps - 1) * interval;
  // Behind: late by more than an interval, or the clock was set forth. Ahead: it was set back.
  if (wanted <= now - interval || wanted > now + (steps + 1) * interval) return dueAfter(grid, now);
  return wanted;
}
