/** The interop table: rows are tests named by `row()` (packages/beamish/test/support/row.ts); kept in docs/interoperability.md. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LATER, ONE_WAY, SECTIONS, type Direction, type Section } from '../../packages/beamish/test/support/row.ts';
import type { FileResult } from './file.ts';

export interface Row {
  readonly sections: string;
  readonly acting: string;
  readonly what: string;
  readonly result: 'passed' | 'FAILED' | 'skipped';
  readonly file: string;
}

const BEGIN = '<!-- begin of the table: npm run interop -- --write -->';
const END = '<!-- end of the table -->';
const NAME = /^protocols (\S+(?: \S+)?) · ([^·]+) · (.+)$/;
const page = 'docs/interoperability.md';

const identity = (row: Row): string => [row.sections, row.acting, row.what, row.file].join(' · ');
const { compare } = new Intl.Collator('en', { numeric: true }); // 4 before 11.1, A2 before A10
const sorted = (rows: readonly Row[]): Row[] => rows.toSorted((a, b) => compare(identity(a), identity(b)));

function rowOf(name: string, result: Row['result'], file: string): Row[] {
  const match = NAME.exec(name.split(' > ').at(-1) ?? '');
  if (match === null) return [];
  const [, sections, acting, what] = match as unknown as [string, string, string, string];
  return [{ sections, acting, what, result, file }];
}

export function rowsOf(results: readonly FileResult[]): Row[] {
  const rows = results.flatMap(({ file, passed, failed, skipped }) => [
    ...passed.flatMap(({ name }) => rowOf(name, 'passed', file)),
    ...failed.flatMap(({ name }) => rowOf(name, 'FAILED', file)),
    ...skipped.flatMap(({ name }) => rowOf(name, 'skipped', file)),
  ]);
  return sorted(rows);
}

/** For a terminal. */
export function printed(rows: readonly Row[]): string {
  const signs = { passed: '✔', FAILED: '✖', skipped: '-' };
  const line = ({ result, sections, acting, what }: Row): string =>
    `  ${signs[result]} ${sections.padEnd(8)} ${acting.padEnd(13)} ${what}`;
  return ['interop table:', ...rows.map(line)].join('\n');
}

/** The rows of the kept page. */
function kept(root: string): Row[] {
  if (!existsSync(join(root, page))) return [];
  const text = readFileSync(join(root, page), 'utf8');
  const lines = text.slice(text.indexOf(BEGIN), text.indexOf(END)).split('\n');
  return lines.flatMap((line) => {
    const cells = line.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '').trim());
    const file = /\]\(\.\.\/(.*)\)/.exec(cells[4] ?? '')?.[1];
    if (file === undefined) return [];
    const [sections = '', acting = '', what = '', result] = cells;
    return [{ sections, acting, what: what.replaceAll('\\', ''), result: result as Row['result'], file }];
  });
}

/** What the page has of the files that ran, and the run has not, and the other way round. */
export function drift(root: string, rows: readonly Row[], files: readonly string[]): string[] {
  const old = kept(root).filter(({ file }) => files.includes(file) || !existsSync(join(root, file)));
  const [then, now] = [new Set(old.map(identity)), new Set(rows.map(identity))];
  return [
    ...[...now].filter((row) => !then.has(row)).map((row) => `${page} lacks: ${row}`),
    ...[...then].filter((row) => !now.has(row)).map((row) => `${page} has what no test proves: ${row}`),
  ];
}

const NONE: Readonly<Record<Direction, number>> = { 'to us': 0, 'by us': 0 };
const DIRECTIONS: readonly Direction[] = ['to us', 'by us'];

/** How many rows each section has, for each direction; a row in which both act counts for both. */
function coverage(rows: readonly Row[]): ReadonlyMap<Section, Readonly<Record<Direction, number>>> {
  const acts = (acting: string, direction: Direction): boolean =>
    acting.endsWith(' and us') || (direction === 'to us' ? acting.endsWith(' to us') : acting.startsWith('us to '));
  return new Map(
    (Object.keys(SECTIONS) as Section[]).map((section) => {
      const own = rows.filter(({ sections }) => sections.split(' ').includes(section));
      const count = (direction: Direction): number => own.filter(({ acting }) => acts(acting, direction)).length;
      return [section, { 'to us': count('to us'), 'by us': count('by us') }];
    }),
  );
}

/**
 * What the kept page shows in no row although nobody said why (LATER, ONE_WAY in support/row.ts); and what was said of a section
 * that has such a row by now.
 */
export function gaps(root: string): string[] {
  const all = coverage(kept(root));
  return [...all].flatMap(([section, counts]) =>
    DIRECTIONS.flatMap((direction) => {
      const reason = LATER[section] ?? ONE_WAY[section]?.[direction];
      if (counts[direction] === 0 && reason === undefined)
        return [`${section} ${SECTIONS[section]}: no row ${direction}`];
      if (counts[direction] > 0 && reason !== undefined)
        return [`${section} has a row ${direction}, against: ${reason}`];
      return [];
    }),
  );
}

function summary(section: Section, counts: Readonly<Record<Direction, number>>): string {
  const one = (direction: Direction): string =>
    counts[direction] > 0
      ? `${direction} ${counts[direction]}`
      : `${direction} 0 (${ONE_WAY[section]?.[direction] ?? 'not tested with a real peer'})`;
  const none = counts['to us'] + counts['by us'] === 0;
  return none ? `**no row** (${LATER[section] ?? 'not tested with a real peer'})` : DIRECTIONS.map(one).join(', ');
}

/** Writes the rows into the page in place of those of the files that ran; other files keep theirs. */
export function write(root: string, rows: readonly Row[], files: readonly string[]): void {
  const others = kept(root).filter(({ file }) => !files.includes(file) && existsSync(join(root, file)));
  const text = readFileSync(join(root, page), 'utf8');
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${page} has no place for the table: ${BEGIN} ... ${END}`);
  writeFileSync(
    join(root, page),
    `${text.slice(0, from)}${BEGIN}\n\n${table(sorted([...others, ...rows]))}\n\n${text.slice(to)}`,
  );
}

function table(rows: readonly Row[]): string {
  const counts = coverage(rows);
  const cell = (text: string): string => text.replaceAll(/[<>*_`[\]]/g, '\\$&');
  const name = (file: string): string => file.slice(file.lastIndexOf('/') + 1).replace('.test.ts', '');
  return [
    `${rows.length} rows. ${versions()}`,
    '',
    '| Section | Who acts | Row | Result | Test |',
    '|---|---|---|---|---|',
    ...rows.map(
      ({ sections, acting, what, result, file }) =>
        `| ${sections} | ${acting} | ${cell(what)} | ${result} | [${name(file)}](../${file}) |`,
    ),
    '',
    'Sections, and in how many rows a peer acts on us and we on a peer:',
    '',
    ...(Object.entries(SECTIONS) as [Section, string][])
      .toSorted(([a], [b]) => compare(a, b))
      .map(([section, title]) => `- ${section} ${title}: ${summary(section, counts.get(section) ?? NONE)}`),
  ].join('\n');
}

function versions(): string {
  const run = (command: string, ...args: string[]): string =>
    spawnSync(command, args, { encoding: 'utf8' }).stdout?.trim() ?? '';
  const file = 'filename:join([code:root_dir(),"releases",erlang:system_info(otp_release),"OTP_VERSION"])';
  const otp = run('erl', '-noshell', '-eval', `{ok,V}=file:read_file(${file}),io:put_chars(V),halt().`);
  const elixir = /^Elixir (\S+)/m.exec(run('elixir', '--version'))?.[1];
  const ssl = run('openssl', 'version').split(' ').slice(0, 2).join(' ');
  const library = (name: string, variable: string): string =>
    process.env[variable] === undefined ? `a stand-in for ${name}` : name;
  return (
    `Run with Erlang/OTP ${otp}, Elixir ${elixir ?? 'none'}, ${library('Phoenix.PubSub', 'PHOENIX_PUBSUB')}, ` +
    `${library('libcluster', 'LIBCLUSTER')}, ${ssl}, Node.js ${process.version.slice(1)}.`
  );
}
