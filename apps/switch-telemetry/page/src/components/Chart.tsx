/** One live chart: in and out over time, on a canvas that follows its column's width and the theme's colours. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { rate, rateTick } from '../format.ts';
import type { Columns } from '../series.ts';
import { color, isDark } from '../theme.ts';

export interface ChartProps {
  readonly data: Columns;
  /** Seconds, both ends of the time axis. */
  readonly from: number;
  readonly to: number;
  readonly height: number;
  readonly label: string;
  /** Charts of one group show the same moment under the pointer. */
  readonly group: string;
}

export function Chart({ data, from, to, height, label, group }: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const range = useRef({ from, to });
  range.current = { from, to };
  const dark = isDark.value;

  useEffect(() => {
    const element = holder.current;
    if (!element) return;
    const readout = element.querySelector<HTMLElement>('.readout');
    const made = new uPlot(options(element.clientWidth, height, group, range, readout), data, element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [dark, height, group]);

  useEffect(() => {
    plot.current?.setData(data);
  }, [data, from, to]);

  return (
    <div class="chart" ref={holder} style={{ height: `${height}px` }} role="img" aria-label={label}>
      <div class="readout" aria-hidden="true" />
    </div>
  );
}

function options(
  width: number,
  height: number,
  group: string,
  range: { current: { from: number; to: number } },
  readout: HTMLElement | null,
): uPlot.Options {
  const ink = color('--muted');
  const grid = { stroke: color('--grid'), width: 1 };
  const axis = { stroke: ink, grid, ticks: { show: false }, font: '11px system-ui, sans-serif' };
  const line = (name: string, variable: string): uPlot.Series => ({
    label: name,
    stroke: color(`--${variable}`),
    fill: color(`--${variable}-fill`),
    width: 1.6,
    points: { show: false },
  });
  return {
    width,
    height,
    padding: [10, 8, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: group, setSeries: false }, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { time: true, range: () => [range.current.from, range.current.to] },
      y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.12 : 1000] },
    },
    axes: [
      {
        ...axis,
        space: (_plot, _axis, _from, _to, width) => (width > 600 ? 92 : 56),
        size: 26,
        incrs: TIME_STEPS,
        values: times,
      },
      { ...axis, size: 68, space: 34, values: (_plot, ticks) => ticks.map((tick) => rateTick(tick)) },
    ],
    series: [{}, line('In', 'in'), line('Out', 'out')],
    hooks: { setCursor: [(plot) => show(plot, readout)] },
  };
}

/** Seconds between two labels of the time axis. */
const TIME_STEPS = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400];
const hourAndMinute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const withSeconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

function times(_plot: uPlot, ticks: number[]): string[] {
  const fine = (ticks[1] ?? 0) - (ticks[0] ?? 0) < 60;
  return ticks.map((tick) => (fine ? withSeconds : hourAndMinute).format(tick * 1000));
}

function show(plot: uPlot, readout: HTMLElement | null): void {
  if (!readout) return;
  const index = plot.cursor.idx;
  const at = index == null ? undefined : plot.data[0][index];
  if (index == null || at === undefined) {
    readout.textContent = '';
    return;
  }
  const value = (series: number): string => rate(plot.data[series]?.[index] ?? null);
  readout.textContent = `${withSeconds.format(at * 1000)}   ↓ ${value(1)}   ↑ ${value(2)}`;
}
