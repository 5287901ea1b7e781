/** One device: its interfaces as live charts and as a table. */
import { signal } from '@preact/signals';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Chart } from '../components/Chart.tsx';
import { NodeChip, StateBadge } from '../components/marks.tsx';
import { age, count, duration, rate, rateParts, speed } from '../format.ts';
import { watchDevice } from '../feed.ts';
import { devicesPath } from '../route.ts';
import { append, columns, fromHistory, total, type Series } from '../series.ts';
import { connection, device, deviceIds, now, skew } from '../state.ts';
import type { InterfaceSample, Sample, SamplesReply } from '../types.ts';

interface Range {
  readonly label: string;
  readonly spoken: string;
  /** Seconds. */
  readonly length: number;
  readonly step: number;
}

const RANGES: readonly Range[] = [
  { label: '5 min', spoken: 'the last 5 minutes', length: 300, step: 1 },
  { label: '1 h', spoken: 'the last hour', length: 3600, step: 10 },
  { label: '6 h', spoken: 'the last 6 hours', length: 6 * 3600, step: 60 },
  { label: '24 h', spoken: 'the last 24 hours', length: 86_400, step: 300 },
];
const chosen = signal(0);
/** More charts than this are drawn only when asked for. */
const MANY = 12;

/** Live samples are as fine as the shortest range; longer ones are asked for again, each time a step has passed. */
function useSeries(
  id: string,
  range: Range,
): { readonly series: readonly Series[]; readonly last: Sample | null; readonly failed: string | null } {
  const [series, setSeries] = useState<readonly Series[]>([]);
  const [last, setLast] = useState<Sample | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  const live = range === RANGES[0];

  useEffect(() => {
    setSeries([]);
    const abort = new AbortController();
    const waiting: Sample[] = [];
    let loaded = false;
    const load = async (): Promise<void> => {
      try {
        const to = Math.ceil((Date.now() + skew.peek()) / 1000) * 1000;
        const query = `from=${to - range.length * 1000}&to=${to}&step=${range.step}`;
        const response = await fetch(`/api/devices/${encodeURIComponent(id)}/samples?${query}`, {
          signal: abort.signal,
        });
        if (!response.ok) throw new Error(`The server answered ${response.status}`);
        const history = fromHistory((await response.json()) as SamplesReply);
        setSeries(waiting.reduce((all, sample) => append(all, sample, range.length * 1000), history));
        setFailed(null);
      } catch (error) {
        if (abort.signal.aborted) return;
        setFailed(error instanceof Error ? error.message : String(error));
        setSeries((all) => waiting.reduce((grown, sample) => append(grown, sample, range.length * 1000), all));
      }
      loaded = true;
      waiting.length = 0;
    };
    void load();
    const timer = live ? undefined : setInterval(() => void load(), Math.max(10, range.step) * 1000);
    const unwatch = watchDevice(id, (sample) => {
      setLast(sample);
      if (!live) return;
      if (loaded) setSeries((all) => append(all, sample, range.length * 1000));
      else waiting.push(sample);
    });
    return () => {
      abort.abort();
      clearInterval(timer);
      unwatch();
    };
  }, [id, range]);

  return { series, last, failed };
}

export function DevicePage({ id }: { id: string }) {
  const ids = deviceIds.value;
  if (ids?.includes(id)) return <KnownDevice id={id} />;
  return (
    <>
      <h1 tabIndex={-1}>{id}</h1>
      {ids !== null && (
        <p class="card pad">
          There is no device of this name in the inventory. <a href={devicesPath}>All devices</a>
        </p>
      )}
    </>
  );
}

function KnownDevice({ id }: { id: string }) {
  const view = device(id)?.value;
  const range = RANGES[chosen.value] ?? RANGES[0]!;
  const { series, last, failed } = useSeries(id, range);
  if (view === undefined) return null;
  // A rate of the past must not look like one of now.
  const current = view.state === 'up' ? last : null;
  return (
    <>
      <nav class="crumbs" aria-label="Breadcrumb">
        <a href={devicesPath}>Devices</a>
        <span aria-hidden="true">/</span>
        <span aria-current="page">{id}</span>
      </nav>
      <div class="device-head" data-device-page={id} data-at={last?.at ?? ''}>
        <div class="device-title">
          <h1 tabIndex={-1}>{id}</h1>
          <StateBadge state={view.state} />
        </div>
        <dl class="facts">
          <Fact label="Name" value={last?.name ?? view.name ?? ''} />
          <Fact label="Address" value={view.address} />
          <div>
            <dt>Polled by</dt>
            <dd>
              <NodeChip name={view.owner} />
            </dd>
          </div>
          <div>
            <dt>Last poll</dt>
            <dd class="steady">{view.last_poll === null ? 'never' : age(now.value + skew.value - view.last_poll)}</dd>
          </div>
          <Fact label="Agent answers in" value={last ? `${Math.round(last.poll_ms)}\u00a0ms` : ''} />
          <Fact label="Agent up for" value={last ? duration(last.uptime) : ''} />
        </dl>
        {view.reason && (
          <p class={`reason-line badge-${view.state}`} role="status">
            {view.reason}
          </p>
        )}
      </div>
      <div class="section-head">
        <h2>Traffic</h2>
        <p class="key" aria-hidden="true">
          <span class="key-in">In</span>
          <span class="key-out">Out</span>
        </p>
        <fieldset class="segments">
          <legend class="visually-hidden">Time range</legend>
          {RANGES.map(({ label }, index) => (
            <label key={label} class="segment">
              <input
                type="radio"
                name="range"
                checked={chosen.value === index}
                onChange={() => {
                  chosen.value = index;
                }}
              />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
      </div>
      {failed !== null && connection.value === 'open' && (
        <p class="card pad" role="status">
          The history cannot be read now ({failed}). Live values go on.
        </p>
      )}
      <Charts id={id} range={range} series={series} current={current} />
      <h2>Interfaces</h2>
      <InterfaceTable interfaces={last?.interfaces ?? []} current={current !== null} />
    </>
  );
}

function Fact({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value || '–'}</dd>
    </div>
  );
}

function Charts({
  id,
  range,
  series,
  current,
}: {
  id: string;
  range: Range;
  series: readonly Series[];
  /** The last sample of a device that is up. */
  current: Sample | null;
}) {
  const [all, setAll] = useState(false);
  const sums = useMemo(() => total(series), [series]);
  // The right edge is the newest point, or the clock: a device that is silent must not look as if it were polled.
  const end = Math.max((now.value + skew.value) / 1000 - 1, (sums.at(-1)?.[0] ?? 0) / 1000);
  const edges = { from: end - range.length, to: end };
  const gap = Math.max(6_000, range.step * 2_500);
  const shown = all ? series : series.slice(0, MANY);
  return (
    <>
      <section class="card chart-card" aria-label="All interfaces">
        <ChartHead
          name="All interfaces"
          oper={null}
          inBps={(current && sums.at(-1)?.[1]) ?? null}
          outBps={(current && sums.at(-1)?.[2]) ?? null}
        />
        <ChartOf
          points={sums}
          gap={gap}
          height={220}
          label={`Traffic of ${id}, all interfaces, ${range.spoken}`}
          group={id}
          {...edges}
        />
      </section>
      <div class="charts">
        {shown.map(({ index, name, points }) => {
          const port = current?.interfaces.find((candidate) => candidate.index === index);
          return (
            <section key={index} class="card chart-card" aria-label={name} data-interface={name}>
              <ChartHead
                name={name}
                oper={port?.oper ?? null}
                inBps={port?.in_bps ?? null}
                outBps={port?.out_bps ?? null}
              />
              <ChartOf
                points={points}
                gap={gap}
                height={150}
                label={`Traffic of ${name}, ${range.spoken}`}
                group={id}
                {...edges}
              />
            </section>
          );
        })}
        {series.length === 0 &&
          Array.from({ length: 8 }, (_, index) => (
            <section key={index} class="card chart-card chart-empty" aria-hidden="true" />
          ))}
      </div>
      {series.length > MANY && !all && (
        <button type="button" class="button" onClick={() => setAll(true)}>
          Show all {series.length} charts
        </button>
      )}
    </>
  );
}

interface ChartOfProps {
  readonly points: Series['points'];
  readonly gap: number;
  readonly height: number;
  readonly label: string;
  readonly group: string;
  readonly from: number;
  readonly to: number;
}

function ChartOf({ points, gap, ...rest }: ChartOfProps) {
  const data = useMemo(() => columns(points, gap), [points, gap]);
  return <Chart data={data} {...rest} />;
}

function ChartHead({
  name,
  oper,
  inBps,
  outBps,
}: {
  name: string;
  oper: 'up' | 'down' | null;
  inBps: number | null;
  outBps: number | null;
}) {
  const part = (bps: number | null, kind: 'in' | 'out'): preact.JSX.Element => {
    const { number, unit } = rateParts(bps);
    return (
      <span class={`now now-${kind}`}>
        <span aria-hidden="true">{kind === 'in' ? '↓' : '↑'}</span>
        <span class="visually-hidden">{kind} </span> {number} <span class="unit">{unit}</span>
      </span>
    );
  };
  return (
    <div class="chart-head">
      <h3>
        {name}
        {oper === 'down' && <span class="tag">down</span>}
      </h3>
      {part(inBps, 'in')}
      {part(outBps, 'out')}
    </div>
  );
}

function InterfaceTable({ interfaces, current }: { interfaces: readonly InterfaceSample[]; current: boolean }) {
  return (
    <div class="card table-card scroll" tabIndex={0} role="region" aria-label="Interfaces">
      <table class="interfaces">
        <thead>
          <tr>
            <th scope="col">Interface</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Speed
            </th>
            <th scope="col" class="number">
              In
            </th>
            <th scope="col" class="number">
              Out
            </th>
            <th scope="col" class="number">
              Errors in
            </th>
            <th scope="col" class="number">
              Errors out
            </th>
          </tr>
        </thead>
        <tbody>
          {interfaces.map((port) => (
            <tr key={port.index} data-port={port.name}>
              <th scope="row">
                {port.name}
                {port.alias && <span class="muted small block">{port.alias}</span>}
              </th>
              <td>
                <span class={`state state-${port.oper === 'up' ? 'up' : 'pending'}`}>
                  <span class={`port port-${port.oper}`} aria-hidden="true" />
                  {port.oper === 'up' ? 'Up' : 'Down'}
                </span>
              </td>
              <td class="number">{speed(port.speed)}</td>
              <td class="number">
                {rate(current ? port.in_bps : null)}
                {current && load(port.in_bps, port.speed)}
              </td>
              <td class="number">
                {rate(current ? port.out_bps : null)}
                {current && load(port.out_bps, port.speed)}
              </td>
              <td class={`number ${port.in_errors > 0 ? 'warn' : ''}`}>{count(port.in_errors)}</td>
              <td class={`number ${port.out_errors > 0 ? 'warn' : ''}`}>{count(port.out_errors)}</td>
            </tr>
          ))}
          {interfaces.length === 0 && (
            <tr class="empty">
              <td colSpan={7}>Nothing has been heard of this device yet.</td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

/** How full the port is, as a bar under the number. */
function load(bps: number | null, portSpeed: number) {
  const share = bps === null || portSpeed <= 0 ? 0 : Math.min(1, bps / portSpeed);
  return (
    <span class="load" aria-hidden="true">
      <span style={{ transform: `scaleX(${share.toFixed(3)})` }} />
    </span>
  );
}
