/**
 * What a web node knows of the devices: every device's owner, state and last sample, built from what the collectors
 * broadcast. Messages go in, pushes for the browsers come out. Pure.
 */
import {
  deviceTopic,
  devicesTopic,
  pendingDevice,
  type DeviceState,
  type DeviceSummary,
  type Sample,
  type StateMessage,
  type StoredDevice,
} from '../contract.ts';

/** `[at in ms, in, out]` in bits per second. */
export type RatePoint = readonly [at: number, inBps: number | null, outBps: number | null];

/** One event for the browsers that have joined the topic. */
export interface Push {
  readonly topic: string;
  readonly event: string;
  readonly payload: object;
}

/** Pushed on `devices` for every poll. */
export interface RatesMessage {
  readonly device: string;
  /** sysName: it may be heard for the first time, or have been changed. */
  readonly name: string;
  readonly at: number;
  readonly in_bps: number | null;
  readonly out_bps: number | null;
  readonly owner: string;
  readonly state: 'up';
}

/** How much of the past a browser gets when it joins, so that its sparklines do not begin empty, in ms. */
const RECENT = 60_000;

interface Known {
  summary: DeviceSummary;
  last: Sample | null;
  recent: RatePoint[];
  /** Its owner went away, and nobody has told of it since. */
  orphaned: boolean;
  /** Ticks since it was heard of last. */
  quiet: number;
  /** Its owner is connected, and says nothing of it: a process that is stopped is noticed by the net tick a minute later. */
  silent: boolean;
}

const collator = new Intl.Collator('en', { numeric: true });

export class TelemetryView {
  readonly #devices = new Map<string, Known>();
  #alive: ReadonlySet<string> = new Set();

  /** In the order of their ids, `sw-2` before `sw-10`. */
  devices(): DeviceSummary[] {
    return [...this.#devices.values()].map(({ summary }) => summary).toSorted((a, b) => collator.compare(a.id, b.id));
  }

  device(id: string): { readonly summary: DeviceSummary; readonly last: Sample | null } | undefined {
    return this.#devices.get(id);
  }

  get ids(): readonly string[] {
    return [...this.#devices.keys()];
  }

  recent(): Record<string, readonly RatePoint[]> {
    return Object.fromEntries([...this.#devices].map(([id, { recent }]) => [id, recent]));
  }

  /** Node -> the devices it owns. */
  owned(): Map<string, string[]> {
    const owned = new Map<string, string[]>();
    for (const { id, owner } of this.devices()) if (owner !== null) owned.set(owner, [...(owned.get(owner) ?? []), id]);
    return owned;
  }

  applySample(sample: Sample): Push[] {
    const known = this.#devices.get(sample.device) ?? this.#add(sample.device, '');
    const [inBps, outBps] = [total(sample, 'in_bps'), total(sample, 'out_bps')];
    const push: Push = { topic: deviceTopic(sample.device), event: 'sample', payload: sample };
    // Both sides of a handover may poll at nearly the same time; what is older than what is known changes nothing.
    if (known.last !== null && sample.at <= known.last.at) return sample.at === known.last.at ? [] : [push];
    known.last = sample;
    heard(known);
    known.recent = [...known.recent.filter(([at]) => at > sample.at - RECENT), [sample.at, inBps, outBps]];
    known.summary = {
      ...known.summary,
      name: sample.name,
      owner: sample.owner,
      state: 'up',
      reason: null,
      last_poll: sample.at,
      in_bps: inBps,
      out_bps: outBps,
      interfaces: sample.interfaces.length,
    };
    const { device, name, at, owner } = sample;
    const rates: RatesMessage = { device, name, at, in_bps: inBps, out_bps: outBps, owner, state: 'up' };
    return [push, { topic: devicesTopic, event: 'rates', payload: rates }];
  }

  applyState(message: StateMessage): Push[] {
    const known = this.#devices.get(message.device) ?? this.#add(message.device, message.address);
    heard(known);
    return this.#change(
      known,
      {
        ...known.summary,
        address: message.address || known.summary.address,
        owner: message.owner,
        state: message.state,
        reason: message.reason,
        last_poll: message.last_poll ?? known.summary.last_poll,
        ...(message.state === 'up' ? {} : { in_bps: null, out_bps: null }),
      },
      message.at,
    );
  }

  /**
   * What the collectors answer when asked: for the time before their next broadcast. `rows` by the collector that said so;
   * the word of a device's owner counts most. Devices that nobody names any more are taken out.
   */
  applyLists(lists: ReadonlyMap<string, readonly DeviceSummary[]>, now: number): Push[] {
    const best = new Map<string, DeviceSummary>();
    for (const [collector, rows] of lists) {
      for (const row of rows) {
        const before = best.get(row.id);
        if (before === undefined || row.owner === collector || (row.last_poll ?? 0) > (before.last_poll ?? 0)) {
          if (
            before?.owner !== undefined &&
            before.owner !== null &&
            lists.has(before.owner) &&
            row.owner !== collector
          )
            continue;
          best.set(row.id, row);
        }
      }
    }
    const pushes: Push[] = [];
    let added = false;
    for (const row of best.values()) {
      const known = this.#devices.get(row.id);
      if (known === undefined) {
        this.#devices.set(row.id, { summary: row, last: null, recent: [], orphaned: false, quiet: 0, silent: false });
        added = true;
        continue;
      }
      const { summary } = known;
      const newer = (row.last_poll ?? 0) > (summary.last_poll ?? 0);
      const unheard = summary.state === 'pending' || known.orphaned || summary.owner === null;
      // Others believe of a silent owner what was believed here.
      const silent = known.silent && row.owner === summary.owner;
      if (!newer && (!unheard || silent)) continue;
      if (row.owner === null || !this.#alive.has(row.owner)) continue;
      heard(known);
      pushes.push(
        ...this.#change(
          known,
          {
            ...row,
            name: row.name || summary.name,
            last_poll: Math.max(row.last_poll ?? 0, summary.last_poll ?? 0) || null,
          },
          now,
        ),
      );
    }
    return added ? [...pushes, this.#everything(now)] : pushes;
  }

  /** The inventory: devices that are not in it are gone, those that nobody has told of yet wait. */
  applyInventory(stored: readonly StoredDevice[], now: number): Push[] {
    const ids = new Set(stored.map(({ id }) => id));
    let changed = false;
    for (const id of this.#devices.keys()) if (!ids.has(id)) changed = this.#devices.delete(id) || changed;
    for (const { id, address } of stored) {
      if (this.#devices.has(id)) continue;
      this.#add(id, address);
      changed = true;
    }
    return changed ? [this.#everything(now)] : [];
  }

  /** The nodes that are there now: a device whose owner is not is shown so until somebody takes it over. */
  applyNodes(names: readonly string[], now: number): Push[] {
    this.#alive = new Set(names);
    const pushes: Push[] = [];
    for (const known of this.#devices.values()) {
      const { owner } = known.summary;
      if (owner === null || this.#alive.has(owner) || known.orphaned) continue;
      known.orphaned = true;
      const reason = `${owner} is gone; another collector takes over`;
      pushes.push(
        ...this.#change(known, { ...known.summary, state: 'pending', reason, in_bps: null, out_bps: null }, now),
      );
    }
    return pushes;
  }

  /**
   * A poll interval has passed: devices that are up and were not heard of for more than `patience` of them are shown so.
   * They are up again with the next sample.
   */
  tick(patience: number, now: number): Push[] {
    const pushes: Push[] = [];
    for (const known of this.#devices.values()) {
      if (known.summary.state !== 'up') continue;
      known.quiet += 1;
      if (known.quiet <= patience) continue;
      known.silent = true;
      const reason = `${known.summary.owner ?? 'its collector'} is connected but has stopped telling of it`;
      pushes.push(
        ...this.#change(known, { ...known.summary, state: 'pending', reason, in_bps: null, out_bps: null }, now),
      );
    }
    return pushes;
  }

  /** How many devices are in each state. */
  states(): Record<DeviceState, number> {
    const states = { up: 0, unreachable: 0, error: 0, pending: 0 };
    for (const { summary } of this.#devices.values()) states[summary.state] += 1;
    return states;
  }

  #add(id: string, address: string): Known {
    const summary = pendingDevice(id, address);
    const known: Known = { summary, last: null, recent: [], orphaned: false, quiet: 0, silent: false };
    this.#devices.set(id, known);
    return known;
  }

  #change(known: Known, summary: DeviceSummary, at: number): Push[] {
    const before = known.summary;
    known.summary = summary;
    const { id: device, address, owner, state, reason, last_poll } = summary;
    if (before.owner === owner && before.state === state && before.reason === reason) return [];
    const message: StateMessage = { device, address, owner: owner ?? '', state, reason, at, last_poll };
    return [{ topic: devicesTopic, event: 'state', payload: message }];
  }

  #everything(now: number): Push {
    return { topic: devicesTopic, event: 'devices', payload: { devices: this.devices(), recent: this.recent(), now } };
  }
}

function heard(known: Known): void {
  known.orphaned = false;
  known.silent = false;
  known.quiet = 0;
}

/** Null when no interface has a rate yet. */
function total(sample: Sample, field: 'in_bps' | 'out_bps'): number | null {
  let sum: number | null = null;
  for (const port of sample.interfaces) if (port[field] !== null) sum = (sum ?? 0) + port[field];
  return sum;
}
