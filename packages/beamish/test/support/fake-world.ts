/** A world with a clock that only the test moves and seeded randomness; no network, no disk. For the process model and above. */
import type { Clock, Logger, LogLevel, LogMethod, Network, Random, Timer, World } from '../../src/world/index.ts';

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Time stands still until `advance`. `defer` is Node's `setImmediate`: a turn passes, no time. */
export class FakeClock implements Clock {
  /** Milliseconds since the epoch at monotonic time 0; set it to let the wall clock jump. */
  wallStart = 1_700_000_000_000;
  #now = 0;
  #order = 0;
  readonly #timers = new Set<Pending>();

  wallTime(): number {
    return this.wallStart + this.#now;
  }

  monotonicTime(): number {
    return this.#now;
  }

  /** Timers not yet fired or cancelled: 0 when nothing leaked. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  setTimer(delay: number, callback: () => void): Timer {
    const pending: Pending = { at: this.#now + Math.max(0, delay), order: this.#order++, callback };
    this.#timers.add(pending);
    return { cancel: () => void this.#timers.delete(pending) };
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }

  sleep(delay: number, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        timer.cancel();
        reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
      };
      const timer = this.setTimer(delay, () => {
        signal?.removeEventListener('abort', stop);
        resolve();
      });
      if (signal?.aborted === true) stop();
      else signal?.addEventListener('abort', stop, { once: true });
    });
  }

  /** Lets `milliseconds` pass: timers fire in order of their time, and what each causes happens before the next. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await settle();
    }
    this.#now = end;
  }

  #next(end: number): Pending | undefined {
    let first: Pending | undefined;
    for (const timer of this.#timers) {
      if (timer.at > end) continue;
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer;
    }
    return first;
  }
}

/** Lets everything that needs no time happen: microtasks, and two turns of the event loop. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => void setImmediate(resolve));
}

/** mulberry32: small, good enough for tests, the same everywhere. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const uint32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    uint32,
    float: () => uint32() / 2 ** 32,
    below: (bound) => Math.floor((uint32() / 2 ** 32) * bound),
    bytes: (length) => Uint8Array.from({ length }, () => uint32() & 255),
  };
}

/** A logger that keeps its lines. */
export class CapturingLogger implements Logger {
  readonly lines: LogLine[];
  readonly #bindings: object;
  readonly trace = this.#method('trace');
  readonly debug = this.#method('debug');
  readonly info = this.#method('info');
  readonly warn = this.#method('warn');
  readonly error = this.#method('error');
  readonly fatal = this.#method('fatal');

  constructor(lines: LogLine[] = [], bindings: object = {}) {
    this.lines = lines;
    this.#bindings = bindings;
  }

  child(bindings: object): Logger {
    return new CapturingLogger(this.lines, { ...this.#bindings, ...bindings });
  }

  /** The lines of one level. */
  at(level: LogLevel): LogLine[] {
    return this.lines.filter((line) => line.level === level);
  }

  #method(level: LogLevel): LogMethod {
    return (first: object | string, message?: string) => {
      const fields = typeof first === 'string' ? {} : first;
      this.lines.push({
        level,
        message: typeof first === 'string' ? first : (message ?? ''),
        fields: { ...this.#bindings, ...fields },
      });
    };
  }
}

export interface FakeWorld extends World {
  readonly clock: FakeClock;
  readonly logger: CapturingLogger;
}

const nowhere = (): never => {
  throw new Error('the fake world has no network and no disk');
};

/** `const world = fakeWorld()`; give `network` a fake of your own if you need one. */
export function fakeWorld(options: { readonly seed?: number; readonly network?: Network } = {}): FakeWorld {
  return {
    clock: new FakeClock(),
    random: seededRandom(options.seed ?? 1),
    logger: new CapturingLogger(),
    network: options.network ?? {
      hostName: 'fake',
      listen: nowhere,
      connect: nowhere,
      checkTls: nowhere,
      bindDatagram: nowhere,
      resolveAddresses: nowhere,
      resolveServices: nowhere,
    },
    disk: { homeDirectory: '/', status: nowhere, readFile: nowhere, writeFile: nowhere, remove: nowhere },
  };
}
