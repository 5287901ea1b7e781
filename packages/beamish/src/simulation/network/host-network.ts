import type {
  ConnectOptions,
  DatagramOptions,
  DatagramSocket,
  ListenOptions,
  Listener,
  Network,
  ResolveOptions,
  Socket,
  SrvRecord,
} from '../../world/index.ts';
import type { CrashKind, Host } from '../host.ts';
import type { Life } from '../life.ts';
import { failure, isAddress, isAny, reaches, type Listening } from './common.ts';
import { DatagramPort } from './datagram.ts';
import { Dial } from './dial.ts';
import type { Stream } from './stream.ts';

const DEFAULT_RESOLVE_TIMEOUT = 5000;
/** Microseconds that the DNS takes. */
const RESOLVE_TIME = 1000;
const FIRST_EPHEMERAL = 32_768;
const EPHEMERAL_PORTS = 28_232;

/** The network as the program of one life has it. */
export class HostNetwork implements Network {
  readonly #life: Life;
  readonly listening = new Set<Listening>();
  readonly streams = new Set<Stream>();

  constructor(life: Life) {
    this.#life = life;
  }

  get hostName(): string {
    return this.#life.host.name;
  }

  async listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listener> {
    await this.#turn();
    const where = `listen on ${options.host}:${options.port}`;
    if (!this.#isOwn(options.host))
      throw failure('address_in_use', `${where}: EADDRNOTAVAIL (this machine has no such address)`);
    const port = options.port === 0 ? this.ephemeralPort() : options.port;
    if (this.#isTaken(port, options.host)) throw failure('address_in_use', `${where}: EADDRINUSE`);
    const listening: Listening = { options, port, onConnection };
    this.listening.add(listening);
    return {
      address: { host: options.host, port },
      renewTls() {},
      close: async () => void this.listening.delete(listening),
    };
  }

  /** Who accepts what is dialled there. */
  listeningAt(port: number, address: string): Listening | undefined {
    for (const listening of this.listening)
      if (listening.port === port && reaches(listening, address)) return listening;
    return undefined;
  }

  /** Certificates are not looked at: both sides must want TLS, no more. */
  checkTls(): void {}

  connect(options: ConnectOptions): Promise<Socket> {
    return new Promise((resolve, reject) => {
      new Dial(this.#life, options, resolve, reject).start();
    });
  }

  async bindDatagram(options: DatagramOptions): Promise<DatagramSocket> {
    await this.#turn();
    const where = `bind UDP ${options.host}:${options.port}`;
    if (!this.#isOwn(options.host))
      throw failure('address_in_use', `${where}: EADDRNOTAVAIL (this machine has no such address)`);
    const { datagrams } = this.#life.host.simulation.fabric;
    const taken = [...datagrams].find(
      ({ life, address }) => life.host.machine === this.#life.host.machine && address.port === options.port,
    );
    if (taken !== undefined && !(options.reuseAddress === true && taken.options.reuseAddress === true)) {
      throw failure('address_in_use', `${where}: EADDRINUSE`);
    }
    const port = options.port === 0 ? this.ephemeralPort() : options.port;
    return new DatagramPort(this.#life, { host: options.host, port }, options);
  }

  async resolveAddresses(name: string, options?: ResolveOptions): Promise<readonly string[]> {
    if (isAddress(name)) return [name];
    return this.#ask(options, (host) => host.simulation.fabric.names.addresses(name, host.name));
  }

  async resolveServices(name: string, options?: ResolveOptions): Promise<readonly SrvRecord[]> {
    return this.#ask(options, (host) => host.simulation.fabric.names.services(name, host.name));
  }

  ephemeralPort(): number {
    const { random } = this.#life.world;
    for (;;) {
      const port = FIRST_EPHEMERAL + random.below(EPHEMERAL_PORTS);
      if (!this.#isTaken(port, '0.0.0.0')) return port;
    }
  }

  /** The life is over: what its kernel does with what was open. */
  ended(kind: CrashKind): void {
    this.listening.clear();
    const { datagrams } = this.#life.host.simulation.fabric;
    for (const port of [...datagrams]) if (port.life === this.#life) datagrams.delete(port);
    for (const stream of [...this.streams]) {
      if (kind === 'kill') stream.killed();
      else stream.vanished();
    }
    this.streams.clear();
  }

  /** Ports are the machine's; two addresses of it may have the same one. */
  #isTaken(port: number, address: string): boolean {
    return this.#life.host.machine.hosts.some(({ life }) =>
      [...life.network.listening].some((one) => one.port === port && (isAny(address) || reaches(one, address))),
    );
  }

  #isOwn(address: string): boolean {
    return (
      address === '0.0.0.0' || address === '::' || address === this.#life.host.address || address.startsWith('127.')
    );
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#life.later(0, resolve));
  }

  #ask<T>(options: ResolveOptions | undefined, look: (host: Host) => readonly T[] | undefined): Promise<readonly T[]> {
    const life = this.#life;
    return new Promise((resolve, reject) => {
      life.later(RESOLVE_TIME, () => {
        const found = look(life.host);
        if (found !== undefined) {
          resolve(found);
          return;
        }
        const { timeout = DEFAULT_RESOLVE_TIMEOUT } = options ?? {};
        life.later(timeout * 1000, () => reject(failure('timeout', 'ask the DNS: no answer')));
      });
    });
  }
}
