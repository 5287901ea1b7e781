import type { Logger, LogMethod, Timer, World } from '../world/index.ts';
import { SimulatedClock } from './clock.ts';
import type { Host } from './host.ts';
import { HostNetwork } from './network/host-network.ts';

/**
 * One run of a host's program, from its start to its crash. What belongs to it never happens once it is over: its timers are
 * gone, its callbacks are dropped, promises that wait for them wait for ever, as memory that was lost does.
 */
export class Life {
  readonly host: Host;
  /** 1 for the first. */
  readonly number: number;
  readonly world: World;
  readonly network: HostNetwork;
  readonly timers = new Set<Timer>();
  over = false;
  /** Callbacks that wait for the event loop to go on; undefined while it runs. */
  #backlog: (() => void)[] | undefined;

  constructor(host: Host, number: number) {
    this.host = host;
    this.number = number;
    this.network = new HostNetwork(this);
    this.world = {
      clock: new SimulatedClock(this),
      random: host.simulation.random.fork(`${host.name}#${number}`),
      network: this.network,
      disk: host.disk.forLife(this),
      logger: logger(this, {}),
      stackTraces: false,
    };
  }

  /** Runs a callback of the program within the event that happens now, or when its event loop goes on. */
  post(callback: () => void): void {
    if (this.over) return;
    if (this.#backlog === undefined) callback();
    else this.#backlog.push(callback);
  }

  /** Runs a callback of the program in an event of its own. */
  later(microseconds: number, callback: () => void): void {
    if (this.over) return;
    const { scheduler } = this.host.simulation;
    scheduler.at(scheduler.now + microseconds, () => this.post(callback));
  }

  get paused(): boolean {
    return this.#backlog !== undefined;
  }

  pause(): void {
    this.#backlog ??= [];
  }

  resume(): void {
    const waiting = this.#backlog ?? [];
    this.#backlog = undefined;
    for (const callback of waiting) this.later(0, callback);
  }

  end(): void {
    this.over = true;
    for (const timer of [...this.timers]) timer.cancel();
    this.#backlog = undefined;
  }
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** Lines go to the trace, if somebody reads it. */
function logger(life: Life, bindings: object): Logger {
  const { simulation, name } = life.host;
  const method = (level: (typeof LEVELS)[number]): LogMethod => {
    if (!simulation.trace.reading) return () => {};
    return (first: object | string, message?: string) => {
      if (life.over) return;
      const fields = typeof first === 'string' ? {} : (first as { err?: unknown });
      const text = typeof first === 'string' ? first : (message ?? '');
      const error = fields.err instanceof Error ? `: ${fields.err.message}` : '';
      simulation.trace.line(simulation.scheduler.now, 'log', name, undefined, `${level} ${text}${error}`);
    };
  };
  const [trace, debug, info, warn, error, fatal] = LEVELS.map(method) as [
    LogMethod,
    LogMethod,
    LogMethod,
    LogMethod,
    LogMethod,
    LogMethod,
  ];
  return { trace, debug, info, warn, error, fatal, child: (more) => logger(life, { ...bindings, ...more }) };
}
