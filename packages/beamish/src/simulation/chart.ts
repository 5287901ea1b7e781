import type { TraceLine } from './trace.ts';

/** Lines of the chart: the last ones, which lead to the failure. */
const SHOWN = 120;
const COLUMN = 12;

/** A message sequence chart as text: a column per host, time downward. */
export function renderChart(lines: readonly TraceLine[], shown = SHOWN): string {
  const last = lines.slice(-shown);
  if (last.length === 0) return '';
  const hosts = [...new Set(last.flatMap(({ from, to }) => [from, to]))]
    .filter((name) => name !== undefined)
    .toSorted(byNumber);
  const head = `${' '.repeat(13)}${hosts.map((name) => name.padEnd(COLUMN)).join('')}`;
  const left = lines.length - last.length;
  return [
    ...(left > 0 ? [`... ${left} lines before`] : []),
    head.trimEnd(),
    ...last.map((line) => chartLine(line, hosts)),
  ].join('\n');
}

function chartLine({ at, kind, from, to, text }: TraceLine, hosts: readonly string[]): string {
  const time = (at / 1e6).toFixed(6).padStart(11);
  const cells = hosts
    .map(() => `│${' '.repeat(COLUMN - 1)}`)
    .join('')
    .split('');
  const start = from === undefined ? -1 : hosts.indexOf(from) * COLUMN;
  const end = to === undefined ? -1 : hosts.indexOf(to) * COLUMN;
  if (start >= 0 && end >= 0 && start !== end) {
    const [low, high] = start < end ? [start, end] : [end, start];
    for (let index = low + 1; index < high; index++) cells[index] = '─';
    const head = kind === 'lost' ? '✗' : start < end ? '▶' : '◀';
    cells[start < end ? high - 1 : low + 1] = head;
  } else if (start >= 0) cells[start] = kind === 'fault' ? '▣' : start === end ? '↺' : '·';
  return `${time}  ${cells.join('')} ${text}`;
}

function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
