/** The measuring loops that all Node.js peers share. Each is bounded by `time`, and gives the figures of its workload. */
import { setTimeout as delay } from 'node:timers/promises';

/** ms of unmeasured warm-up, then ms that count. */
export interface Time {
  readonly warmup: number;
  readonly measure: number;
}

export type Figures = Record<string, number>;

const drainLimit = 30_000;

/** What single events of one run took, in us. */
export class Latencies {
  readonly #values: number[] = [];

  get count(): number {
    return this.#values.length;
  }

  record(ms: number): void {
    this.#values.push(ms * 1000);
  }

  figures(): Figures {
    const sorted = Float64Array.from(this.#values).sort();
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
    return { p50: at(0.5), p99: at(0.99), count: sorted.length };
  }
}

export async function roundTrip(call: () => Promise<unknown>, time: Time): Promise<Figures> {
  for (const end = performance.now() + time.warmup; performance.now() < end;) await call();
  const latencies = new Latencies();
  let now = performance.now();
  for (const end = now + time.measure; now < end;) {
    await call();
    const then = now;
    now = performance.now();
    latencies.record(now - then);
  }
  return latencies.figures();
}

export async function inFlight(call: () => Promise<unknown>, time: Time, width = 64): Promise<Figures> {
  const run = async (ms: number): Promise<number> => {
    const start = performance.now();
    const end = start + ms;
    let count = 0;
    const caller = async (): Promise<void> => {
      while (performance.now() < end) {
        await call();
        count++;
      }
    };
    await Promise.all(Array.from({ length: width }, caller));
    return count / ((performance.now() - start) / 1000);
  };
  await run(time.warmup);
  return { rate: await run(time.measure) };
}

export interface OneWay {
  /** Sends one message. False: `writable()` must be awaited before the next. */
  send(): boolean;
  writable(): Promise<unknown>;
  /** How many messages the receiver has counted so far. */
  received(): Promise<number>;
}

/** Messages per second from the first send to the receiver's word that it has all of them. */
export async function oneWay(channel: OneWay, time: Time): Promise<Figures> {
  const run = async (ms: number): Promise<number> => {
    const before = await channel.received();
    const start = performance.now();
    const end = start + ms;
    let sent = 0;
    while (performance.now() < end) {
      for (let n = 0; n < 32; n++) {
        sent++;
        if (!channel.send()) await channel.writable();
      }
    }
    await channel.writable();
    const limit = performance.now() + drainLimit;
    for (;;) {
      const count = (await channel.received()) - before;
      if (count === sent) return sent / ((performance.now() - start) / 1000);
      if (count > sent) throw new Error(`${sent} messages sent, the receiver has counted ${count}`);
      if (performance.now() > limit) throw new Error(`${sent} messages sent, only ${count} have arrived`);
      await delay(1);
    }
  };
  await run(time.warmup);
  return { rate: await run(time.measure) };
}

/** One sample after the other: those of the warm-up are not counted, and one at least is. `sample` gives ms. */
export async function samples(sample: () => Promise<number>, time: Time): Promise<Figures> {
  for (const end = performance.now() + time.warmup; performance.now() < end;) await sample();
  const latencies = new Latencies();
  for (const end = performance.now() + time.measure; performance.now() < end || latencies.count === 0;) {
    latencies.record(await sample());
  }
  return latencies.figures();
}

/** How often `work` can be done in a second of this process's processor time. */
export function repeated(work: () => unknown, time: Time): Figures {
  let made: unknown;
  const run = (ms: number): number => {
    const start = processorTime();
    let count = 0;
    let taken = 0;
    do {
      for (let n = 0; n < 1000; n++) made = work();
      count += 1000;
      taken = processorTime() - start;
    } while (taken < ms);
    return count / (taken / 1000);
  };
  run(time.warmup);
  const rate = run(time.measure);
  // Without a use the engine might leave the work out.
  if (made === undefined) throw new Error('nothing was made');
  return { rate };
}

/** ms, all threads. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
