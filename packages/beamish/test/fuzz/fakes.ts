/** A clock, sockets and a network that do nothing by themselves: what happens, and when, is in the input. */
import type { Address, Clock, Logger, Network, Socket, SocketHandler, Timer, World } from '../../src/world/index.ts';
import { join } from './mutate.ts';
import { holds } from './target.ts';

interface Pending {
  readonly at: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #now = 1000;
  readonly #timers = new Set<Pending>();
  #deferred: (() => void)[] = [];

  get pending(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the last of the pending timers is due. */
  get furthest(): number {
    return Math.max(0, ...Array.from(this.#timers, ({ at }) => at - this.#now));
  }

  wallTime(): number {
    return this.#now;
  }

  monotonicTime(): number {
    return this.#now;
  }

  setTimer(delay: number, callback: () => void): Timer {
    const pending = { at: this.#now + delay, callback };
    this.#timers.add(pending);
    return { cancel: () => void this.#timers.delete(pending) };
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  sleep(delay: number): Promise<void> {
    return new Promise((resolve) => void this.setTimer(delay, resolve));
  }

  /** The end of a turn. */
  turn(): void {
    while (this.#deferred.length > 0) {
      const due = this.#deferred;
      this.#deferred = [];
      for (const callback of due) callback();
    }
  }

  /** Lets the timer that is due first fire. @returns false when there is none */
  fire(): boolean {
    let first: Pending | undefined;
    for (const timer of this.#timers) if (first === undefined || timer.at < first.at) first = timer;
    if (first === undefined) return false;
    this.#timers.delete(first);
    this.#now = Math.max(this.#now, first.at);
    first.callback();
    this.turn();
    return true;
  }

  /** Fires until no timer is left; what arms itself for ever is a finding. */
  runOut(): void {
    for (let left = 1000; this.fire(); left--) holds(left > 0, 'timers are armed again and again after the end');
  }
}

export class FakeSocket implements Socket {
  readonly local: Address = { host: '127.0.0.1', port: 1 };
  readonly remote: Address;
  readonly bufferedBytes = 0;
  readonly #sent: Uint8Array[] = [];
  #handler: SocketHandler | undefined;
  /** This side closed it, gently or not. */
  ended = false;
  closed = false;
  paused = false;

  constructor(remote = '127.0.0.1') {
    this.remote = { host: remote, port: 2 };
  }

  get sent(): Uint8Array {
    return join(...this.#sent);
  }

  handle(handler: SocketHandler): void {
    this.#handler = handler;
  }

  write(chunk: Uint8Array): boolean {
    if (this.ended) return false;
    this.#sent.push(Uint8Array.from(chunk));
    return true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.ended = true;
    this.#destroyed = true;
  }

  #destroyed = false;

  // --- the other side ---

  receive(chunk: Uint8Array): void {
    if (!this.#destroyed && !this.closed) this.#handler?.data(chunk);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.ended = true;
    this.#handler?.close();
  }
}

const quiet = (): void => {};
export const silent: Logger = {
  trace: quiet,
  debug: quiet,
  info: quiet,
  warn: quiet,
  error: quiet,
  fatal: quiet,
  child: () => silent,
};

export interface FakeWorld extends World {
  readonly clock: ManualClock;
  /** Sockets that this side has dialled and that wait to be answered. */
  readonly dials: PromiseWithResolvers<Socket>[];
  /** What was given to `listen`. */
  readonly accept: (socket: Socket) => void;
}

export function fakeWorld(): FakeWorld {
  const clock = new ManualClock();
  const dials: PromiseWithResolvers<Socket>[] = [];
  let onConnection: (socket: Socket) => void = () => {};
  let word = 0x1234567;
  const random = (): number => (word = (Math.imul(word, 1664525) + 1013904223) >>> 0);
  const missing = (): never => {
    throw new Error('the fuzzed world has no such thing');
  };
  const network: Network = {
    hostName: 'fuzz',
    listen: (options, accept) => {
      onConnection = accept;
      const address = { host: options.host, port: 1 };
      return Promise.resolve({ address, renewTls() {}, close: () => Promise.resolve() });
    },
    connect: () => {
      const dial = Promise.withResolvers<Socket>();
      dials.push(dial);
      return dial.promise;
    },
    checkTls: missing,
    bindDatagram: missing,
    resolveAddresses: missing,
    resolveServices: missing,
  };
  return {
    clock,
    dials,
    accept: (socket) => onConnection(socket),
    network,
    logger: silent,
    random: {
      uint32: random,
      float: () => random() / 2 ** 32,
      below: (bound) => Math.floor((random() / 2 ** 32) * bound),
      bytes: (length) => Uint8Array.from({ length }, () => random()),
    },
    disk: { homeDirectory: '/', status: missing, readFile: missing, writeFile: missing, remove: missing },
  };
}
