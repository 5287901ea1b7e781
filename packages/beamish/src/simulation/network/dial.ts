import { BeamishError } from '../../error/index.ts';
import type { ConnectOptions, PeerCertificate, Socket, Timer } from '../../world/index.ts';
import type { Host } from '../host.ts';
import type { Life } from '../life.ts';
import { failure, isAddress, type Listening } from './common.ts';
import { Stream } from './stream.ts';

const DEFAULT_TIMEOUT = 7000;
/** A lost SYN is sent again after 1 s, then 2, 4, ... (RFC 6298). Microseconds. */
const FIRST_RETRY = 1_000_000;

/** One attempt to connect: SYN, the answer, and what may go wrong with either. */
export class Dial {
  readonly #life: Life;
  readonly #options: ConnectOptions;
  readonly #doing: string;
  readonly #resolve: (socket: Socket) => void;
  readonly #reject: (error: Error) => void;
  readonly #abort: () => void;
  #timer: Timer | undefined;
  #settled = false;
  #accepted: Stream | undefined;

  constructor(life: Life, options: ConnectOptions, resolve: (socket: Socket) => void, reject: (error: Error) => void) {
    this.#life = life;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#doing = `connect to ${options.host}:${options.port}`;
    this.#abort = () =>
      this.#fail(new BeamishError('aborted', `${this.#doing} was aborted`, { cause: options.signal?.reason }));
  }

  start(): void {
    const { signal, timeout = DEFAULT_TIMEOUT } = this.#options;
    if (signal?.aborted === true) {
      this.#abort();
      return;
    }
    signal?.addEventListener('abort', this.#abort, { once: true });
    this.#timer = this.#life.world.clock.setTimer(timeout, () => {
      this.#fail(failure('timeout', `${this.#doing}: no answer within ${timeout} ms`));
    });
    void this.#find();
  }

  async #find(): Promise<void> {
    const { host } = this.#options;
    try {
      const [address] = isAddress(host) ? [host] : await this.#life.network.resolveAddresses(host);
      if (address === undefined)
        this.#fail(failure('host_unresolved', `${this.#doing}: getaddrinfo ENOTFOUND ${host}`));
      else this.#send(address, FIRST_RETRY);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #send(address: string, retry: number): void {
    if (this.#settled || this.#life.over) return;
    const from = this.#life.host;
    const { scheduler, fabric } = from.simulation;
    const [to] = fabric.hostsAt(address, from);
    // An address that nobody has does not answer; nor does a machine without power.
    if (to !== undefined) {
      scheduler.at(scheduler.now + fabric.transit(from, to, 0), () => {
        if (to.powered && !fabric.blocked(from, to)) this.#arrived(to, address);
        else from.simulation.trace.line(scheduler.now, 'lost', from.name, to.name, `connect ${this.#options.port}`);
      });
    }
    scheduler.at(scheduler.now + retry, () => {
      if (this.#accepted === undefined) this.#send(address, retry * 2);
    });
  }

  /** At the other kernel. */
  #arrived(to: Host, address: string): void {
    const from = this.#life.host;
    if (this.#accepted !== undefined) return;
    const { scheduler, fabric, trace } = from.simulation;
    const { port } = this.#options;
    const running = to.machine.hosts.filter((host) => host.running);
    const owner = running.find(({ life }) => life.network.listeningAt(port, address) !== undefined);
    const listening = owner?.life.network.listeningAt(port, address);
    const refused = listening === undefined;
    trace.line(
      scheduler.now,
      'sent',
      from.name,
      (owner ?? to).name,
      `connect ${this.#options.port}${refused ? ' refused' : ''}`,
    );
    const there = (owner ?? to).life;
    scheduler.at(scheduler.now + fabric.transit(to, from, 0), () => {
      if (fabric.blocked(to, from) || this.#accepted !== undefined) return;
      if (refused)
        this.#life.post(() => this.#fail(failure('connection_refused', `${this.#doing}: connect ECONNREFUSED`)));
      else this.#established(there, listening, address);
    });
  }

  #established(there: Life, listening: Listening, address: string): void {
    const { host, network } = this.#life;
    if (this.#life.over || there.over) return;
    const loopback = there.host.machine === host.machine;
    const local = {
      host: this.#options.localHost ?? (loopback ? address : host.address),
      port: network.ephemeralPort(),
    };
    const remote = { host: address, port: this.#options.port };
    const near = new Stream(this.#life, local, remote);
    const far = new Stream(there, remote, local);
    near.peer = far;
    far.peer = near;
    this.#accepted = near;
    const { scheduler, fabric } = host.simulation;
    scheduler.at(scheduler.now + fabric.transit(host, there.host, 0), () => {
      there.post(() => {
        const secure = listening.options.tls !== undefined;
        if (secure !== (this.#options.tls !== undefined)) {
          far.handle({ data() {}, close() {} });
          far.destroy();
          if (secure) listening.options.onRefused?.(failure('tls_failed', 'TLS handshake: what came is no TLS'), local);
          return;
        }
        if (secure) far.certificate = certificateOf(host);
        if (there.network.listening.has(listening)) listening.onConnection(far);
        else {
          far.handle({ data() {}, close() {} });
          far.destroy();
        }
      });
    });
    const ready = (): void => {
      this.#life.post(() => {
        if (this.#settled) {
          near.handle({ data() {}, close() {} });
          near.destroy();
          return;
        }
        this.#settle();
        this.#resolve(near);
      });
    };
    if (this.#options.tls === undefined) ready();
    else {
      near.certificate = certificateOf(there.host);
      this.#secure(near, listening, ready);
    }
  }

  /** A TLS handshake costs two more round trips. Both sides must want TLS, no more: what each shows is for its host. */
  #secure(near: Stream, listening: Listening, ready: () => void): void {
    const { host } = this.#life;
    const { scheduler, fabric } = host.simulation;
    const there = near.peer.host;
    const time = 2 * (fabric.transit(host, there, 500) + fabric.transit(there, host, 2000));
    scheduler.at(scheduler.now + time, () => {
      if (listening.options.tls !== undefined && near.open) ready();
      else this.#life.post(() => this.#fail(failure('tls_failed', `${this.#doing}: what came is no TLS`)));
    });
  }

  #fail(error: Error): void {
    if (this.#settled) return;
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    this.#settled = true;
    this.#timer?.cancel();
    this.#options.signal?.removeEventListener('abort', this.#abort);
  }
}

function certificateOf({ name, address }: Host): PeerCertificate {
  const isFor = (host: string): boolean => host === name || host === address || /^(127\.|localhost$)/.test(host);
  return { title: `the simulated host ${name}`, isFor, commonNames: [] };
}
