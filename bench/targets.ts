/** What is aimed at, and what a run gave. */
import type { Result, Summary } from './harness/report.ts';

interface Target {
  readonly title: string;
  /** 'workload.figure' of the peer `beamish`. */
  readonly figure: string;
  /** The peer that it is divided by; undefined for a figure that counts as it is. */
  readonly against?: string;
  readonly least?: number;
  readonly most?: number;
  readonly unit?: string;
}

const targets: readonly Target[] = [
  { title: 'call, one at a time, p50, to a raw echo', figure: 'roundTrip.p50', against: 'tcp', most: 1.15 },
  { title: 'calls/s, 64 in flight, to Moleculer', figure: 'inFlight.rate', against: 'moleculer', least: 2 },
  { title: 'calls/s, 64 in flight, to erl', figure: 'inFlight.rate', against: 'erl', least: 2 },
  { title: 'one-way messages/s, 64 B, to NATS', figure: 'oneWay64.rate', against: 'nats', least: 2 },
  { title: 'one-way messages/s, 64 B, to erl', figure: 'oneWay64.rate', against: 'erl', least: 1.5 },
  { title: 'one-way messages/s, 1 KiB, to erl', figure: 'oneWay1k.rate', against: 'erl', least: 1.5 },
  {
    title: 'broadcast deliveries/s, to ioredis with one connection per process',
    figure: 'broadcast.rate',
    against: 'redis',
    least: 3,
  },
  {
    title: 'broadcast deliveries/s, to ioredis with a connection per subscriber',
    figure: 'broadcast.rate',
    against: 'redisEach',
    least: 3,
  },
  { title: 'encode, to JSON.stringify', figure: 'encode.rate', against: 'json', least: 1 },
  { title: 'decode, to JSON.parse', figure: 'decode.rate', against: 'json', least: 1 },
  { title: 'encode, to erlpack', figure: 'encode.rate', against: 'erlpack', least: 5 },
  { title: 'decode, to erlpack', figure: 'decode.rate', against: 'erlpack', least: 5 },
  { title: 'pg join seen by the other node, to erl', figure: 'pgJoin.p50', against: 'erl', most: 1.5 },
  { title: 'connect to nodeup on both sides, to erl', figure: 'connect.p50', against: 'erl', most: 2 },
  { title: 'three nodes that start together see each other', figure: 'together.warm', most: 500, unit: 'ms' },
  { title: 'memory above a bare process, 1 peer', figure: 'memory.one', most: 10, unit: 'MB' },
  { title: 'memory above a bare process, 9 peers', figure: 'memory.nine', most: 10, unit: 'MB' },
  { title: 'idle traffic per peer', figure: 'idle.rate', most: 100, unit: 'B/s' },
  { title: 'SIGKILL of a peer to nodedown', figure: 'kill.p50', most: 10, unit: 'ms' },
];

export interface Outcome {
  readonly title: string;
  readonly target: string;
  readonly measured: Summary;
  readonly met: boolean;
}

/** The targets that the run has figures for; the median decides. */
export function outcomes(result: Pick<Result, 'peers'>): Outcome[] {
  const { summary = {}, ratios = {} } = result.peers['beamish'] ?? {};
  return targets.flatMap(({ title, figure, against, least, most, unit }) => {
    const measured = against === undefined ? summary[figure] : ratios[against]?.[figure];
    if (measured === undefined) return [];
    const bound = least === undefined ? `at most ${most}` : `at least ${least}`;
    const met = measured.median >= (least ?? -Infinity) && measured.median <= (most ?? Infinity);
    return [{ title, target: `${bound} ${unit ?? 'x'}`, measured, met }];
  });
}
