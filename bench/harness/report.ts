/** From the figures of all rounds to medians, spreads and ratios; as JSON and as Markdown. */
import type { Outcome } from '../targets.ts';
import { figures, type Figure } from './workloads.ts';

/** What one peer gave in one round: 'workload.figure' -> value. */
export type Round = Readonly<Record<string, number>>;

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface PeerResult {
  readonly title: string;
  readonly about: string;
  readonly summary: Readonly<Record<string, Summary>>;
  /** This peer's figure divided by the other's, per round; the key of the other peer first. */
  readonly ratios: Readonly<Record<string, Readonly<Record<string, Summary>>>>;
  readonly rounds: readonly Round[];
  readonly failures: readonly string[];
}

export interface Result {
  readonly startedAt: string;
  readonly seconds: number;
  readonly options: {
    readonly rounds: number;
    /** Measured time per workload. */
    readonly seconds: number;
    readonly pin: string;
    readonly seed: number;
    readonly parts: string;
    readonly peers: string;
    readonly workloads: string;
  };
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
  /** Load average of one minute: before the run and before every peer's turn. */
  readonly load: { readonly before: number; readonly highest: number; readonly after: number };
  readonly missing: Readonly<Record<string, string>>;
  readonly peers: Readonly<Record<string, PeerResult>>;
  readonly targets: readonly Outcome[];
}

/** A table's worth of figures. */
export interface Section {
  readonly title: string;
  readonly workloads: readonly string[];
}

export function summarise(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (n: number): number => sorted[n] ?? NaN;
  const half = sorted.length / 2;
  const median = Number.isInteger(half) ? (at(half - 1) + at(half)) / 2 : at(Math.floor(half));
  return { median: rounded(median), min: rounded(at(0)), max: rounded(at(sorted.length - 1)) };
}

/** Four digits that mean something. */
const rounded = (value: number): number => Number(value.toPrecision(4));

/** Summaries of every figure that at least one round has. */
export function summaries(rounds: readonly Round[]): Record<string, Summary> {
  const entries = [...figures.keys()].flatMap((key) => {
    const values = rounds.map((round) => round[key]).filter((value) => value !== undefined);
    return values.length > 0 ? [[key, summarise(values)] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** Ratios are taken inside a round, where both peers had the same machine, and summarised after. */
export function ratios(mine: readonly Round[], theirs: readonly Round[]): Record<string, Summary> {
  return summaries(
    mine.map((round, n) =>
      Object.fromEntries(
        Object.entries(round)
          .map(([key, value]) => [key, value / (theirs[n]?.[key] ?? NaN)] as const)
          .filter(([, ratio]) => Number.isFinite(ratio)),
      ),
    ),
  );
}

const short = (value: number): string => {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
  if (value >= 10_000) return `${(value / 1e3).toFixed(0)}k`;
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
};
const cell = (summary: Summary | undefined): string =>
  summary === undefined ? '-' : `${short(summary.median)} (${short(summary.min)} - ${short(summary.max)})`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, n) => (n === 0 ? '---' : '---:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

const arrow = (figure: Figure): string =>
  `${figure.title} ${figure.better === 'lower' ? '(less is better)' : ''}`.trimEnd();

/** The tables of bench/README.md. */
export function markdown(result: Result, sections: readonly Section[]): string {
  const { options, machine, versions, load } = result;
  const list = (record: Readonly<Record<string, string | number>>): string =>
    Object.entries(record)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ');
  const troubles = [
    ...Object.entries(result.missing).map(([name, why]) => `- ${name} did not run: ${why}`),
    ...Object.values(result.peers).flatMap((peer) =>
      peer.failures.map((failure) => `- ${peer.title}: ${firstLines(failure)}`),
    ),
  ];
  return [
    `Run of ${result.startedAt.slice(0, 16).replace('T', ' ')} UTC: ${list(machine)}. Versions: ${list(versions)}.`,
    `${options.rounds} rounds of ${options.seconds} s per figure, ${result.seconds} s in all, pinning: ${options.pin}; load average ${load.before} before, at most ${load.highest} during the run. Median (least - greatest) of the rounds; x: Beamish divided by the peer, taken within each round.`,
    table(
      ['Target', 'aimed at', 'measured', 'met'],
      result.targets.map(({ title, target, measured, met }) => [title, target, cell(measured), met ? 'yes' : '**no**']),
    ),
    ...sections.flatMap((section) => tables(result, section)),
    ...(troubles.length > 0 ? [troubles.join('\n')] : []),
  ].join('\n\n');
}

/** The figures of a section for each peer that has them, and Beamish's divided by the others'. */
function tables(result: Result, { title, workloads }: Section): string[] {
  const peers = Object.values(result.peers);
  const shown = [...figures].filter(
    ([key]) => workloads.includes(key.split('.')[0] ?? '') && peers.some((peer) => peer.summary[key]),
  );
  if (shown.length === 0) return [];
  const columns = shown.map(([, figure]) => arrow(figure));
  const has = (record: Readonly<Record<string, Summary>>): boolean => shown.some(([key]) => record[key]);
  const rows = peers
    .filter((peer) => has(peer.summary))
    .map((peer) => [peer.title, ...shown.map(([key]) => cell(peer.summary[key]))]);
  const ratios = Object.entries(result.peers['beamish']?.ratios ?? {})
    .filter(([, ratio]) => has(ratio))
    .map(([name, ratio]) => [
      `Beamish / ${result.peers[name]?.title ?? name}`,
      ...shown.map(([key]) => (ratio[key] === undefined ? '-' : cell(ratio[key]))),
    ]);
  return [`### ${title}`, table(['', ...columns], [...rows, ...ratios])];
}

/** What it was about, and the error in a worker's output when there is one. */
const firstLines = (failure: string): string => {
  const [first = '', ...rest] = failure.split('\n');
  return [first, ...rest.filter((line) => /^\w*Error/.test(line)).slice(0, 1)].join(' ');
};

const begin = '<!-- results: written by bench/run.ts -->';
const end = '<!-- /results -->';

/** Puts the tables between the markers. */
export function replaceSection(readme: string, tables: string): string {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error(`bench/README.md has no lines '${begin}' and '${end}'`);
  return `${readme.slice(0, from + begin.length)}\n\n${tables}\n\n${readme.slice(to)}`;
}
