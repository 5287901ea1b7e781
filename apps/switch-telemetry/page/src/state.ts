/** What the page knows. One signal per device, so that a poll of one redraws one row. */
import { batch, computed, signal, type Signal } from '@preact/signals';
import type { DeviceState, DeviceSummary, NodeView, RatePoint, RatesMessage, StateMessage, Visitor } from './types.ts';

/** Seconds that a sparkline shows. */
export const SPARK_SECONDS = 60;

export interface DeviceView extends DeviceSummary {
  readonly recent: readonly RatePoint[];
}

export type Connection = 'connecting' | 'open' | 'lost';

/** One line of the cluster's diary. */
export interface Move {
  readonly key: number;
  readonly at: number;
  readonly text: string;
  /** Devices that went the same way at the same time are one line. */
  readonly way: string;
  readonly devices: readonly string[];
}

export const connection = signal<Connection>('connecting');
/** Ids in the server's order; null until the first answer. */
export const deviceIds = signal<readonly string[] | null>(null);
const deviceSignals = new Map<string, Signal<DeviceView>>();
export const nodes = signal<readonly NodeView[] | null>(null);
export const visitors = signal<readonly Visitor[]>([]);
/** Updates this browser was too slow for, and when the last were missed (local ms). */
export const missed = signal<{ readonly count: number; readonly at: number } | null>(null);
export const moves = signal<readonly Move[]>([]);
/** Local ms, once a second: what ages are counted from. */
export const now = signal(Date.now());
/** Server's clock minus this one's, ms. */
export const skew = signal(0);
export const connectedNode = signal('');

setInterval(() => {
  now.value = Date.now();
}, 1000);

export function device(id: string): Signal<DeviceView> | undefined {
  return deviceSignals.get(id);
}

/** Everything, as the server has it at the time of a join. */
export function resetDevices(
  list: readonly DeviceSummary[],
  recent: Readonly<Record<string, readonly RatePoint[]>>,
): void {
  batch(() => {
    const ids = list.map(({ id }) => id);
    for (const id of deviceSignals.keys()) if (!ids.includes(id)) deviceSignals.delete(id);
    for (const summary of list) {
      const view = { ...summary, recent: recent[summary.id] ?? [] };
      const known = deviceSignals.get(summary.id);
      if (known) known.value = view;
      else deviceSignals.set(summary.id, signal(view));
    }
    deviceIds.value = ids;
  });
  nameColors();
}

export function applyRates(message: RatesMessage): void {
  const known = deviceSignals.get(message.device);
  if (known === undefined) return;
  const { name, in_bps, out_bps, at, owner, state } = message;
  const from = at - SPARK_SECONDS * 1000;
  const recent = [
    ...known.value.recent.filter((point) => point[0] >= from && point[0] < at),
    [at, in_bps, out_bps] as const,
  ];
  batch(() => {
    noteOwner(known.value, owner, at);
    known.value = { ...known.value, name, in_bps, out_bps, owner, state, reason: null, last_poll: at, recent };
  });
}

export function applyState(message: StateMessage): void {
  const known = deviceSignals.get(message.device);
  if (known === undefined) return;
  const { owner, state, reason, last_poll, at } = message;
  batch(() => {
    noteOwner(known.value, owner, at);
    if (known.value.state !== state && state !== 'pending' && known.value.state !== 'pending') {
      note(at, `${message.device} is ${stateText(state).toLowerCase()}${reason === null ? '' : `: ${reason}`}`);
    }
    const rates = state === 'up' ? {} : { in_bps: null, out_bps: null };
    known.value = { ...known.value, ...rates, owner, state, reason, last_poll: last_poll ?? known.value.last_poll };
  });
}

export function applyNodes(list: readonly NodeView[]): void {
  const before = nodes.value;
  batch(() => {
    if (before !== null) {
      const at = Date.now() + skew.value;
      for (const { name } of list)
        if (!before.some((node) => node.name === name)) note(at, `${name} joined the cluster`);
      for (const { name } of before) if (!list.some((node) => node.name === name)) note(at, `${name} is gone`);
    }
    noteDeparted(before ?? [], list);
    nodes.value = list;
    connectedNode.value = list.find(({ self }) => self)?.name ?? '';
  });
  nameColors();
}

/** ms that a collector which is gone keeps its place in the picture, so that what it had is seen to leave from there. */
const LINGER = 12_000;
/** Collectors that have gone, or laid down the role, a moment ago. */
export const departed = signal<readonly string[]>([]);

function noteDeparted(before: readonly NodeView[], list: readonly NodeView[]): void {
  const collecting = ({ roles }: NodeView): boolean => roles.includes('collector');
  const present = new Set(list.filter(collecting).map(({ name }) => name));
  const left = before.filter((node) => collecting(node) && !present.has(node.name)).map(({ name }) => name);
  departed.value = [...departed.value.filter((name) => !present.has(name)), ...left];
  for (const name of left) {
    setTimeout(() => {
      departed.value = departed.value.filter((other) => other !== name);
    }, LINGER);
  }
}

let moveKey = 0;

function note(at: number, text: string, way = '', devices: readonly string[] = []): void {
  moveKey += 1;
  moves.value = [{ key: moveKey, at, text, way, devices }, ...moves.value].slice(0, 40);
}

/** ms in which moves belong together. */
const TOGETHER = 5_000;

function noteOwner(before: DeviceView, owner: string, at: number): void {
  if (before.owner === owner || before.owner === null || before.owner === '') return;
  const way = `moved from ${before.owner} to ${owner}`;
  const same = moves.value.find((move) => move.way === way && Math.abs(at - move.at) < TOGETHER);
  if (same === undefined) return note(at, `${before.id} ${way}`, way, [before.id]);
  const devices = [...same.devices, before.id];
  const text = `${devices.length} devices ${way}`;
  moves.value = moves.value.map((move) => (move === same ? { ...move, text, devices } : move));
}

export function stateText(state: DeviceState): string {
  return { up: 'Up', unreachable: 'Unreachable', error: 'Error', pending: 'Waiting' }[state];
}

/** Every device as it is now; redraws with any of them, so only for what is about all. */
export const allDevices = computed(() => (deviceIds.value ?? []).flatMap((id) => deviceSignals.get(id)?.value ?? []));

/** Names of the nodes that own or could own devices, in a steady order: a node's place in it is its colour. */
export const collectorNames = computed(() => {
  const names = new Set<string>();
  for (const node of nodes.value ?? []) if (node.roles.includes('collector')) names.add(node.name);
  for (const { owner } of allDevices.value) if (owner) names.add(owner);
  return [...names].sort();
});

const PALETTE = 6;
const colors = new Map<string, number>();

/** A number for `--node-0` to `--node-5`. A node keeps its own for as long as the page is open. */
export function nodeColor(name: string): number {
  const known = colors.get(name);
  if (known !== undefined) return known;
  const next = colors.size % PALETTE;
  colors.set(name, next);
  return next;
}

/** In a steady order, so that two people see the same colours. */
function nameColors(): void {
  for (const name of collectorNames.value) nodeColor(name);
}
