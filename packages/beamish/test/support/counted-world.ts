/** A world whose timers and sockets are counted: what is left when nothing goes on any more is a leak. */
import type { Clock, Network, Socket, SocketHandler, Timer, World } from '../../src/world/index.ts';

export interface CountedWorld {
  readonly world: World;
  /** Timers and sleeps that have neither fired nor been cancelled: who set them. */
  timers(): string[];
  /** Sockets that have not told their end yet, and listeners that are open: who made them. */
  sockets(): string[];
  /** Those that are open now, to do something to them. */
  readonly open: ReadonlySet<Socket>;
}

/** The place in the sources that called, e.g. `node/connection.ts:279`; a frame of this file or of `world/` is none. */
function placeOfCaller(): string {
  const frames = new Error('where').stack?.split('\n').slice(2) ?? [];
  const frame = frames.find((line) => !/counted-world|\/src\/world\/|node:|<anonymous>/.test(line));
  return /(?:\/src\/|\/)([^/]+\/[^/]+\.ts:\d+)/.exec(frame ?? '')?.[1] ?? 'unknown';
}

/** @param places whether each is told with the place that made it, which costs as much as many timers do; else by its kind. Default true. */
export function countedWorld(real: World, { places = true } = {}): CountedWorld {
  const caller = places ? placeOfCaller : () => '';
  const timers = new Map<object, string>();
  const sockets = new Map<object, string>();
  const open = new Set<Socket>();

  const clock: Clock = {
    wallTime: () => real.clock.wallTime(),
    monotonicTime: () => real.clock.monotonicTime(),
    defer: (callback) => real.clock.defer(callback),
    setTimer(delay, callback, options): Timer {
      const entry = {};
      timers.set(entry, caller());
      const fired = (): void => {
        timers.delete(entry);
        callback();
      };
      const timer = real.clock.setTimer(delay, fired, options);
      return {
        cancel() {
          timers.delete(entry);
          timer.cancel();
        },
      };
    },
    async sleep(delay, options) {
      const entry = {};
      timers.set(entry, caller());
      try {
        await real.clock.sleep(delay, options);
      } finally {
        timers.delete(entry);
      }
    },
  };

  const counted = (socket: Socket, where: string): Socket => {
    sockets.set(socket, where);
    open.add(socket);
    return new Proxy(socket, {
      get(target, property) {
        if (property === 'handle') {
          return (handler: SocketHandler): void => {
            target.handle({
              data: (chunk) => handler.data(chunk),
              ...(handler.drain === undefined ? {} : { drain: () => handler.drain?.() }),
              ...(handler.end === undefined ? {} : { end: () => handler.end?.() }),
              close(error) {
                sockets.delete(socket);
                open.delete(socket);
                handler.close(error);
              },
            });
          };
        }
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  };

  const network: Network = {
    hostName: real.network.hostName,
    async listen(options, onConnection) {
      const where = caller();
      const listener = await real.network.listen(options, (socket) => onConnection(counted(socket, `to ${where}`)));
      sockets.set(listener, `listener ${where}`);
      return {
        address: listener.address,
        renewTls: (tls) => listener.renewTls(tls),
        close() {
          sockets.delete(listener);
          return listener.close();
        },
      };
    },
    async connect(options) {
      const where = caller();
      return counted(await real.network.connect(options), `from ${where}`);
    },
    checkTls: (options) => real.network.checkTls(options),
    bindDatagram: (options) => real.network.bindDatagram(options),
    resolveAddresses: (name, options) => real.network.resolveAddresses(name, options),
    resolveServices: (name, options) => real.network.resolveServices(name, options),
  };

  return {
    world: { clock, network, random: real.random, disk: real.disk, logger: real.logger },
    timers: () => [...timers.values()],
    sockets: () => [...sockets.values()],
    open,
  };
}
