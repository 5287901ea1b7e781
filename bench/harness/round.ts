/**
 * One round of one part: its peers are started, then each workload is run by one peer right after the other, while the others are
 * idle. So the figures that are compared are seconds apart, and a busy moment of the machine meets all of them.
 */
import { fileURLToPath } from 'node:url';
import type { Context, Peer, Session } from './pair.ts';
import type { Round } from './report.ts';
import { workloads, type Workload, type WorkloadName } from './workloads.ts';

export interface RoundResult {
  readonly figures: Round;
  readonly failures: readonly string[];
}

export interface RoundOptions {
  readonly peers: Readonly<Record<string, Peer>>;
  readonly workloads: readonly WorkloadName[];
  /** Measured time per workload; a third of it is added to warm up. */
  readonly seconds: number;
  readonly context: Context;
  readonly shuffle: <T>(items: readonly T[]) => T[];
  /** Told what a peer gave, or how it failed. */
  readonly onResult: (peer: string, text: string) => void;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const text = (error: unknown): string => (error instanceof Error ? error.message : String(error)).replaceAll(root, '');

/** The figures of every peer. What fails is told and left out; the other workloads and peers go on. */
export async function runRound(options: RoundOptions): Promise<Record<string, RoundResult>> {
  const { seconds, context, shuffle, onResult } = options;
  const results: Record<string, { figures: Record<string, number>; failures: string[] }> = {};
  const sessions = new Map<string, Session>();
  const fail = (name: string, what: string, error: unknown): void => {
    results[name]?.failures.push(`${what}: ${text(error)}`);
    onResult(name, `${what} failed: ${text(error)}`);
  };
  try {
    for (const [name, peer] of shuffle(Object.entries(options.peers))) {
      results[name] = { figures: {}, failures: [] };
      try {
        sessions.set(name, await peer.start(context));
      } catch (error) {
        fail(name, 'the start', error);
      }
    }
    for (const workload of shuffle(options.workloads)) {
      for (const [name, session] of shuffle([...sessions])) {
        if (options.peers[name]?.workloads.includes(workload) !== true) continue;
        try {
          const figures = await measure(session, workload, seconds);
          Object.assign(results[name]?.figures ?? {}, figures);
          const shown = Object.entries(figures).map(([key, value]) => `${key} ${value.toPrecision(4)}`);
          onResult(name, shown.join(', '));
        } catch (error) {
          fail(name, workload, error);
          // what it may still be doing must not disturb the others
          sessions.delete(name);
          await session[Symbol.asyncDispose]();
        }
      }
    }
    return results;
  } finally {
    await Promise.all(Array.from(sessions.values(), (session) => session[Symbol.asyncDispose]()));
  }
}

async function measure(session: Session, name: WorkloadName, seconds: number): Promise<Record<string, number>> {
  const workload: Workload = workloads[name];
  const ms = seconds * 1000 * (workload.share ?? 1);
  const given = await session.run(name, { warmup: Math.round(ms / 3), measure: Math.round(ms) });
  const figures: Record<string, number> = {};
  for (const [key, { zero = false }] of Object.entries(workload.figures)) {
    const value = given[key];
    if (value === undefined || !(value > 0 || (zero && value === 0))) throw new Error(`${key} is ${value}`);
    figures[`${name}.${key}`] = value;
  }
  return figures;
}
