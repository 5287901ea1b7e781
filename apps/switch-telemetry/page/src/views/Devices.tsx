/** All devices: who polls them, how they are, and what flows through them. */
import { computed, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { NodeChip, StateMark } from '../components/marks.tsx';
import { Sparkline } from '../components/Sparkline.tsx';
import { age, rate, rateParts, UNKNOWN } from '../format.ts';
import { devicePath } from '../route.ts';
import { allDevices, device, deviceIds, now, skew, stateText, type DeviceView } from '../state.ts';

type SortKey = 'name' | 'owner' | 'state' | 'poll' | 'in' | 'out';
type Filter = 'all' | 'up' | 'trouble';

const search = signal('');
const filter = signal<Filter>('all');
const sort = signal<{ readonly key: SortKey; readonly down: boolean }>({ key: 'name', down: false });

const columns: readonly { readonly key: SortKey; readonly label: string; readonly class?: string }[] = [
  { key: 'name', label: 'Device' },
  { key: 'state', label: 'State' },
  { key: 'owner', label: 'Polled by' },
  { key: 'poll', label: 'Last poll', class: 'number' },
  { key: 'in', label: 'In', class: 'number' },
  { key: 'out', label: 'Out', class: 'number' },
];

const severity = { unreachable: 0, error: 1, pending: 2, up: 3 };
const collator = new Intl.Collator('en', { numeric: true });
const byName = (a: DeviceView, b: DeviceView): number => collator.compare(a.id, b.id);
const compare: Record<SortKey, (a: DeviceView, b: DeviceView) => number> = {
  name: byName,
  owner: (a, b) => collator.compare(a.owner ?? '', b.owner ?? ''),
  state: (a, b) => severity[a.state] - severity[b.state],
  // By whole ten seconds: rows that are polled in turn must not dance.
  poll: (a, b) => Math.round((a.last_poll ?? 0) / 10_000) - Math.round((b.last_poll ?? 0) / 10_000),
  in: (a, b) => (a.in_bps ?? -1) - (b.in_bps ?? -1),
  out: (a, b) => (a.out_bps ?? -1) - (b.out_bps ?? -1),
};

function matches(view: DeviceView, words: readonly string[]): boolean {
  const text = `${view.id} ${view.name} ${view.address} ${view.owner ?? ''} ${stateText(view.state)}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

// A list of ids and not of devices: it only makes the table anew when the order changes. Compared as text for that.
const shownKey = computed(() => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const { key, down } = sort.value;
  return allDevices.value
    .filter((view) => filter.value === 'all' || (view.state === 'up') === (filter.value === 'up'))
    .filter((view) => matches(view, words))
    .toSorted((a, b) => (down ? -1 : 1) * compare[key](a, b) || byName(a, b))
    .map(({ id }) => id)
    .join('\n');
});
const shown = computed(() => (shownKey.value === '' ? [] : shownKey.value.split('\n')));

const totals = computed(() => {
  const all = allDevices.value;
  const sum = (of: (view: DeviceView) => number | null): number =>
    all.reduce((total, view) => total + (of(view) ?? 0), 0);
  const up = all.filter(({ state }) => state === 'up').length;
  return {
    all: all.length,
    up,
    trouble: all.length - up,
    in: sum((view) => view.in_bps),
    out: sum((view) => view.out_bps),
  };
});

export function DevicesPage() {
  return (
    <>
      <h1 tabIndex={-1}>Devices</h1>
      <Totals />
      <Toolbar />
      <Table />
    </>
  );
}

function Totals() {
  const { all, up, trouble, in: inBps, out } = totals.value;
  const known = deviceIds.value !== null;
  const tile = (label: string, number: string, unit: string, tone = ''): preact.JSX.Element => (
    <div class={`tile ${tone}`}>
      <dt>{label}</dt>
      <dd>
        {number}
        {unit && <span class="unit"> {unit}</span>}
      </dd>
    </div>
  );
  const incoming = rateParts(known ? inBps : null);
  const outgoing = rateParts(known ? out : null);
  return (
    <dl class="tiles">
      {tile('Up', known ? String(up) : UNKNOWN, known ? `of ${all}` : '')}
      {tile('In trouble', known ? String(trouble) : UNKNOWN, '', trouble > 0 ? 'tile-bad' : '')}
      {tile('Traffic in', incoming.number, incoming.unit, 'tile-in')}
      {tile('Traffic out', outgoing.number, outgoing.unit, 'tile-out')}
    </dl>
  );
}

function Toolbar() {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLElement && event.target.matches('input, select, textarea');
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  const { all, up, trouble } = totals.value;
  const choice = (value: Filter, label: string, count: number): preact.JSX.Element => (
    <label class="segment">
      <input
        type="radio"
        name="filter"
        value={value}
        checked={filter.value === value}
        onChange={() => {
          filter.value = value;
        }}
      />
      <span>
        {label} <span class="segment-count">{count}</span>
      </span>
    </label>
  );
  return (
    <div class="toolbar" role="search" aria-label="Devices">
      <div class="search">
        <svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true">
          <circle cx="9" cy="9" r="5.5" />
          <path d="m13.2 13.2 4 4" />
        </svg>
        <input
          ref={input}
          type="search"
          placeholder="Find a device"
          aria-label="Find by name, address, owner or state"
          data-testid="search"
          value={search.value}
          onInput={(event) => {
            search.value = event.currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key === 'Escape') search.value = '';
          }}
        />
        <kbd aria-hidden="true">/</kbd>
      </div>
      <fieldset class="segments">
        <legend class="visually-hidden">Show</legend>
        {choice('all', 'All', all)}
        {choice('up', 'Up', up)}
        {choice('trouble', 'Trouble', trouble)}
      </fieldset>
      <label class="sort-select">
        <span class="muted">Sort by</span>
        <select value={sort.value.key} onChange={(event) => sortBy(event.currentTarget.value as SortKey)}>
          {columns.map(({ key, label }) => (
            <option key={key} value={key}>
              {label}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

function sortBy(key: SortKey): void {
  const descendsFirst = key === 'in' || key === 'out' || key === 'poll';
  sort.value = sort.value.key === key ? { key, down: !sort.value.down } : { key, down: descendsFirst };
}

// The roles are written out, for on a phone the rows are laid out as cards and lose what they mean as a table.
function Table() {
  const { key: sorted, down } = sort.value;
  return (
    <div class="card table-card">
      <table class="devices" role="table" aria-label="Devices" aria-busy={deviceIds.value === null}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ key, label, class: name }) => (
              <th
                key={key}
                role="columnheader"
                scope="col"
                class={`col-${key} ${name ?? ''}`}
                aria-sort={sorted === key ? (down ? 'descending' : 'ascending') : undefined}
              >
                <button type="button" onClick={() => sortBy(key)}>
                  {label}
                  <span class="arrow" aria-hidden="true">
                    {sorted === key ? (down ? '↓' : '↑') : ''}
                  </span>
                </button>
              </th>
            ))}
            <th role="columnheader" scope="col" class="col-spark">
              Last minute
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup" onKeyDown={moveBetweenRows}>
          {shown.value.map((id) => (
            <Row key={id} id={id} />
          ))}
          {deviceIds.value === null &&
            Array.from({ length: 12 }, (_, index) => (
              <tr key={index} role="row" class="skeleton">
                <td role="cell" colSpan={7}>
                  <span />
                </td>
              </tr>
            ))}
          {deviceIds.value !== null && shown.value.length === 0 && (
            <tr role="row" class="empty">
              <td role="cell" colSpan={7}>
                {deviceIds.value.length === 0 ? 'The inventory has no devices yet.' : 'No device matches.'}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

/** Up and down go from device to device, as in a list. */
function moveBetweenRows(event: KeyboardEvent): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const row = event.target instanceof Element ? event.target.closest('tr') : null;
  const next = event.key === 'ArrowDown' ? row?.nextElementSibling : row?.previousElementSibling;
  const link = next?.querySelector<HTMLElement>('a');
  if (!link) return;
  event.preventDefault();
  link.focus();
}

function Row({ id }: { id: string }) {
  const view = device(id)?.value;
  if (view === undefined) return null;
  const { name, address, owner, state, reason, last_poll: lastPoll, in_bps: inBps, out_bps: outBps } = view;
  return (
    <tr role="row" data-device={id} data-owner={owner ?? ''} data-state={state} data-at={lastPoll ?? ''}>
      <td role="cell" class="col-name">
        <a href={devicePath(id)}>{id}</a>
        <span class="muted small block">
          {name && name !== id ? `${name} · ` : ''}
          {address}
        </span>
      </td>
      <td role="cell" class="col-state" title={reason ?? undefined}>
        <span class={`state state-${state}`}>
          <StateMark state={state} />
          {stateText(state)}
        </span>
        {reason && <span class="muted small block reason">{reason}</span>}
      </td>
      <td role="cell" class="col-owner">
        <NodeChip name={owner} />
      </td>
      <td role="cell" class="col-poll number">
        <LastPoll at={lastPoll} />
      </td>
      <td role="cell" class="col-in number">
        <span class="flow flow-in" aria-hidden="true">
          ↓
        </span>
        {rate(inBps)}
      </td>
      <td role="cell" class="col-out number">
        <span class="flow flow-out" aria-hidden="true">
          ↑
        </span>
        {rate(outBps)}
      </td>
      <td role="cell" class="col-spark">
        <Sparkline points={view.recent} label={`Traffic of ${id} in the last minute`} />
      </td>
    </tr>
  );
}

function LastPoll({ at }: { at: number | null }) {
  return <>{at === null ? 'never' : age(now.value + skew.value - at)}</>;
}
