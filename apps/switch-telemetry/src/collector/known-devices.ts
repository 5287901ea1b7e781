/** What a collector knows of every device, its own and the others', pure but for being mutable. */
import { pendingDevice } from '../contract.ts';
import type { DeviceDetail, DeviceState, DeviceSummary, Sample, StateMessage } from '../contract.ts';
import type { Device } from '../inventory/device.ts';

export class KnownDevices {
  readonly #devices = new Map<string, DeviceDetail>();

  /** Takes the inventory over: forgets what is not in it any more. */
  setInventory(devices: readonly Device[]): void {
    const listed = new Set(devices.map(({ id }) => id));
    for (const id of this.#devices.keys()) if (!listed.has(id)) this.#devices.delete(id);
    for (const { id, address } of devices) {
      const known = this.#devices.get(id);
      this.#devices.set(id, known === undefined ? blank(id, address) : { ...known, address });
    }
  }

  get(id: string): DeviceDetail | undefined {
    return this.#devices.get(id);
  }

  list(): DeviceSummary[] {
    return [...this.#devices.values()].map(summaryOf).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  owners(): Record<string, string> {
    return Object.fromEntries(
      [...this.#devices.values()].flatMap(({ id, owner }) => (owner === null ? [] : [[id, owner]])),
    );
  }

  applySample(sample: Sample): void {
    const known = this.#devices.get(sample.device);
    if (known === undefined || (known.last !== null && known.last.at > sample.at)) return;
    const sum = (pick: (each: Sample['interfaces'][number]) => number | null): number | null => {
      const values = sample.interfaces.map(pick).filter((value) => value !== null);
      return values.length === 0 ? null : values.reduce((total, value) => total + value, 0);
    };
    this.#devices.set(sample.device, {
      ...known,
      name: sample.name,
      owner: sample.owner,
      state: 'up',
      reason: null,
      last_poll: sample.at,
      in_bps: sum((each) => each.in_bps),
      out_bps: sum((each) => each.out_bps),
      interfaces: sample.interfaces.length,
      last: sample,
    });
  }

  applyState({ device, owner, state, reason, last_poll }: StateMessage): void {
    const known = this.#devices.get(device);
    if (known === undefined) return;
    const rates = state === 'up' ? {} : { in_bps: null, out_bps: null };
    this.#devices.set(device, { ...known, ...rates, owner, state, reason, last_poll: last_poll ?? known.last_poll });
  }

  /** What another collector knows, where this one knows nothing yet. */
  seed(summaries: readonly DeviceSummary[]): void {
    for (const summary of summaries) {
      const known = this.#devices.get(summary.id);
      if (known !== undefined && known.owner === null && known.last === null)
        this.#devices.set(summary.id, { ...known, ...summary, address: known.address });
    }
  }

  /** A device that this collector takes over. @returns the message that says so. */
  own(device: string, owner: string, now: number): StateMessage | undefined {
    const known = this.#devices.get(device);
    if (known === undefined) return undefined;
    this.#devices.set(device, { ...known, owner });
    return {
      device,
      address: known.address,
      owner,
      state: known.state,
      reason: known.reason,
      at: now,
      last_poll: known.last_poll,
    };
  }

  /** @returns the message to send when that is a change. */
  fail(device: string, owner: string, state: DeviceState, reason: string, now: number): StateMessage | undefined {
    const known = this.#devices.get(device);
    if (known === undefined) return undefined;
    const changed = known.state !== state || known.reason !== reason || known.owner !== owner;
    const message = { device, address: known.address, owner, state, reason, at: now, last_poll: known.last_poll };
    this.applyState(message);
    return changed ? message : undefined;
  }
}

function blank(id: string, address: string): DeviceDetail {
  return { ...pendingDevice(id, address), last: null };
}

function summaryOf(device: DeviceDetail): DeviceSummary {
  const { id, name, address, owner, state, reason, last_poll, in_bps, out_bps, interfaces } = device;
  return { id, name, address, owner, state, reason, last_poll, in_bps, out_bps, interfaces };
}
