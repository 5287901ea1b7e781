/** How long a device is polled by nobody, watched event by event. */
import type { Host, Simulation } from 'beamish/simulation';
import type { Socket, SocketHandler, World } from 'beamish/world';

/** A collector as this watch sees it. */
export interface Polling {
  readonly host: Host;
  /** The devices that it polls. */
  readonly running: ReadonlySet<string>;
  /** It has given its devices up and will end. */
  readonly drained: boolean;
}

export interface UnownedOptions {
  readonly devices: readonly string[];
  /** Milliseconds. */
  readonly bound: number;
  /** Those whose program has started. */
  readonly collectors: () => readonly Polling[];
}

/**
 * Fails the run when a device has been polled by nobody for longer than `bound`, though some collector was there to do it.
 *
 * A collector is awake when its program has started, is not paused and was not told to drain. The time begins anew when one
 * stops being awake, when a paused one goes on, when nobody is awake, and when bytes come from one that is not: what it had
 * sent before makes it look alive, and a cut line can hold that back. Nothing else is an excuse: no cut, no delay, no reset,
 * no newcomer. A collector that is cut off polls, for its devices are not behind the network that it lost. The time is that of
 * the slowest clock among those awake, since timers run by it.
 */
export class UnownedWatch {
  readonly #world: Simulation;
  readonly #options: UnownedOptions;
  readonly #clocks = new Map<Host, number>();
  /** Who is awake, in which life. */
  #awake = new Map<Host, Host['life']>();
  readonly #last = new Map<Host, Host['life']>();
  readonly #polledAt: Map<string, number>;
  #unowned: readonly string[];
  #now = 0;
  #calmSince = 0;
  #stale = true;
  #trouble = false;
  /** Milliseconds: the longest time so far. */
  longest = 0;

  constructor(world: Simulation, options: UnownedOptions) {
    this.#world = world;
    this.#options = options;
    this.#unowned = options.devices;
    this.#polledAt = new Map(options.devices.map((device) => [device, 0]));
    world.always('no device is polled by nobody for too long', () => this.#look());
  }

  /** To be called when any `running` or `drained` has changed. */
  changed(): void {
    this.#stale = true;
  }

  #look(): void {
    const awake = this.#options.collectors().filter(({ host, drained }) => !drained && !host.life.paused);
    this.#pass(awake);
    const before = this.#unowned;
    for (const device of before) {
      const time = this.#now - Math.max(this.#polledAt.get(device) ?? 0, this.#calmSince);
      if (time > this.longest) this.longest = time;
      if (time > this.#options.bound) throw new Error(`${device} is polled by nobody for ${Math.round(time)} ms`);
    }
    if (!this.#stale) return;
    this.#stale = false;
    this.#unowned = this.#options.devices.filter((device) => !awake.some(({ running }) => running.has(device)));
    const was = new Set(before);
    for (const device of this.#unowned) if (!was.has(device)) this.#polledAt.set(device, this.#now);
  }

  /** Bytes have come from this address. */
  heard(address: string): void {
    const host = this.#world.hosts.find((each) => each.address === address);
    if (host === undefined) return;
    const drained = this.#options.collectors().some((each) => each.host === host && each.drained);
    if (host.life.over || host.life.paused || drained) this.#trouble = true;
  }

  /** Time passes, or begins anew. */
  #pass(awake: readonly Polling[]): void {
    const before = this.#awake;
    this.#awake = new Map(awake.map(({ host }) => [host, host.life]));
    let slowest = Infinity;
    for (const host of this.#world.hosts) {
      const { monotonic } = host.oscillator;
      if (this.#awake.has(host)) slowest = Math.min(slowest, monotonic - (this.#clocks.get(host) ?? monotonic));
      this.#clocks.set(host, monotonic);
      const life = this.#awake.get(host);
      if (life === before.get(host)) continue;
      this.#stale = true;
      // A new life is no trouble: that the one before ended was.
      if (life === undefined || life === this.#last.get(host)) this.#trouble = true;
      if (life !== undefined) this.#last.set(host, life);
    }
    if (awake.length > 0) this.#now += slowest;
    if (awake.length === 0 || this.#trouble) this.#calmSince = this.#now;
    this.#trouble = false;
  }
}

/** A world that tells from which address bytes have come. */
export function hearing(world: World, heard: (address: string) => void): World {
  const listening = (socket: Socket): Socket => {
    const handle = socket.handle.bind(socket);
    socket.handle = (handler: SocketHandler) => {
      const data = handler.data.bind(handler);
      handler.data = (chunk) => {
        heard(socket.remote.host);
        data(chunk);
      };
      handle(handler);
    };
    return socket;
  };
  const real = world.network;
  const network: World['network'] = {
    hostName: real.hostName,
    listen: (options, onConnection) => real.listen(options, (socket) => onConnection(listening(socket))),
    connect: async (options) => listening(await real.connect(options)),
    checkTls: (options) => real.checkTls(options),
    bindDatagram: (options) => real.bindDatagram(options),
    resolveAddresses: (name, options) => real.resolveAddresses(name, options),
    resolveServices: (name, options) => real.resolveServices(name, options),
  };
  return { ...world, network };
}
