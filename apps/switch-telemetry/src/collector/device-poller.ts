import { GenServer } from 'beamish/process';
import { atom, type Pid, type Term, tuple } from 'beamish/term';
import type { Timer } from 'beamish/world';
import type { DeviceState, Sample } from '../contract.ts';
import type { Device } from '../inventory/device.ts';
import { SnmpClient, NoAnswer } from '../snmp/client.ts';
import type { DeviceReading } from '../snmp/decode.ts';
import { type MeterState, stepMeter } from '../snmp/rate-meter.ts';
import type { Reading } from '../snmp/rates.ts';
import { dueBy, gridOf, nextDue } from './schedule.ts';

export interface PollerOptions {
  readonly device: Device;
  /** This node's name. */
  readonly owner: string;
  /** Milliseconds. */
  readonly interval: number;
  /** Poll at once. */
  readonly urgent: boolean;
  /** The last sample anybody took of it, so that rates and the schedule go on where they were. */
  readonly last: Sample | null;
  /** Where `{polled, Outcome}` goes. */
  readonly report: Pid;
}

/** What came of one poll. */
export type Outcome =
  | { readonly device: string; readonly at: number; readonly sample: Sample }
  | {
      readonly device: string;
      readonly at: number;
      readonly failure: { readonly state: DeviceState; readonly reason: string };
    };

export const polled = atom('polled');
const due = atom('due');

/** How long a poll that goes on may still take when the device is handed over, in ms. */
const grace = 300;

/** Polls one device, for ever, on its grid; one poll at a time. */
export class DevicePoller extends GenServer {
  readonly #options: PollerOptions;
  readonly #client: { current: SnmpClient | undefined } = { current: undefined };
  #meter: MeterState | undefined;
  /** When the last poll was due. */
  #last: number | undefined;
  #due = 0;
  #failures = 0;
  #poll: Promise<Outcome | undefined> | undefined;
  #timer: Timer | undefined;
  #halted = false;

  constructor(options: PollerOptions) {
    super();
    this.#options = options;
  }

  protected override init(): void {
    const { device, interval, last, urgent } = this.#options;
    const { clock } = this.process.world;
    // The answer must be there before the next poll is due.
    this.#client.current = new SnmpClient(device, Math.min(2000, interval * 0.8), clock);
    const now = clock.wallTime();
    if (last !== null) {
      this.#last = last.at;
      const base = readingOf(last, clock.monotonicTime() - now);
      this.#meter = { base, rates: last.interfaces.map((each) => ({ in: each.in_bps, out: each.out_bps })) };
    }
    // A poll that was due and that nobody did is done now.
    if (urgent || last === null || now - last.at > interval) this.#begin(now);
    else this.#schedule();
  }

  /** No poll begins any more. @returns what came of the one that goes on, which is not reported; null when it is given up. */
  async halt(): Promise<Outcome | null> {
    this.#halted = true;
    this.#timer?.cancel();
    const outcome = await Promise.race([this.#poll, this.process.world.clock.sleep(grace)]);
    this.#close();
    return outcome ?? null;
  }

  protected override handleInfo(message: Term): void | Promise<void> {
    if (message !== due) return super.handleInfo(message);
    const now = this.process.world.clock.wallTime();
    // Woken far from the time asked for: this program was stopped for a while, or the clock was set.
    this.#begin(Math.abs(now - this.#due) < this.#options.interval ? this.#due : dueBy(this.#grid, now));
  }

  protected override terminate(): void {
    this.#halted = true;
    this.#close();
  }

  get #grid() {
    return gridOf(this.#options.device.id, this.#options.interval);
  }

  #close(): void {
    this.#client.current?.close();
    this.#client.current = undefined;
  }

  #schedule(): void {
    if (this.#halted) return;
    const now = this.process.world.clock.wallTime();
    this.#due = nextDue(this.#grid, this.#last, now, this.#failures);
    this.#timer = this.process.setTimer(Math.max(0, this.#due - now), due);
  }

  /** @param at when it was due. The poll is not awaited by the mailbox, so that `halt` is heard while an agent is silent. */
  #begin(at: number): void {
    if (this.#halted || this.#poll !== undefined) return;
    this.#last = at;
    this.#poll = this.#run(at).then((outcome) => {
      this.#poll = undefined;
      if (outcome !== undefined && !this.#halted) this.process.send(this.#options.report, tuple(polled, outcome));
      this.#schedule();
      return outcome;
    });
  }

  async #run(at: number): Promise<Outcome | undefined> {
    const client = this.#client.current;
    if (client === undefined) return undefined;
    const { clock } = this.process.world;
    const { device } = this.#options;
    const begun = clock.monotonicTime();
    try {
      const reading = await client.poll();
      const took = Math.round((clock.monotonicTime() - begun) * 10) / 10;
      this.#meter = stepMeter(this.#meter, reading);
      const sample = this.#sample(reading, this.#meter, at, took);
      this.#failures = 0;
      return { device: device.id, at, sample };
    } catch (error) {
      if (this.#client.current === undefined) return undefined; // closed in the middle
      this.#failures += 1;
      const state = error instanceof NoAnswer && !error.late ? 'unreachable' : 'error';
      return { device: device.id, at, failure: { state, reason: (error as Error).message } };
    }
  }

  #sample(reading: DeviceReading, { base, rates }: MeterState, at: number, took: number): Sample {
    const { clock } = this.process.world;
    return {
      device: this.#options.device.id,
      at,
      owner: this.#options.owner,
      state: 'up',
      uptime: reading.uptime / 100,
      name: reading.name,
      poll_ms: took,
      counters_at: Math.round(clock.wallTime() - clock.monotonicTime() + base.time),
      interfaces: reading.interfaces.map((each, position) => ({
        index: each.index,
        name: each.name,
        alias: each.alias,
        oper: each.oper,
        speed: each.speed,
        in_bps: rates[position]?.in ?? null,
        out_bps: rates[position]?.out ?? null,
        in_octets: String(each.inOctets),
        out_octets: String(each.outOctets),
        in_errors: each.inErrors,
        out_errors: each.outErrors,
      })),
    };
  }
}

/**
 * What a sample of another owner tells of the counters. One with 32-bit counters gives no rate for the first time.
 * @param offset from the wall clock to the monotonic one, ms.
 */
function readingOf(sample: Sample, offset: number): Reading {
  const read = sample.at + sample.poll_ms / 2;
  const moved = sample.counters_at ?? read;
  const since = Math.max(0, read - moved);
  return {
    uptime: Math.round(sample.uptime * 100 - since / 10),
    time: moved + offset,
    interfaces: sample.interfaces.map((each) => ({
      index: each.index,
      name: each.name,
      inOctets: BigInt(each.in_octets),
      outOctets: BigInt(each.out_octets),
      bits: 64,
      speed: each.speed,
    })),
  };
}
