import type { Address, DatagramOptions, DatagramSocket } from '../../world/index.ts';
import type { Life } from '../life.ts';

/** What fits into one UDP packet over IPv4. */
const LARGEST = 65_507;

/** A bound UDP socket. */
export class DatagramPort implements DatagramSocket {
  readonly address: Address;
  readonly life: Life;
  readonly options: DatagramOptions;
  #closed = false;

  constructor(life: Life, address: Address, options: DatagramOptions) {
    this.life = life;
    this.address = address;
    this.options = options;
    life.host.simulation.fabric.datagrams.add(this);
  }

  send(message: Uint8Array, to: Address): void {
    if (this.#closed || this.life.over) return;
    if (message.length > LARGEST) {
      const error = Object.assign(new Error(`send EMSGSIZE ${to.host}:${to.port}`), { code: 'EMSGSIZE' });
      this.life.later(0, () => this.options.onError?.(error));
      return;
    }
    const copy = message.slice();
    const group = isMulticast(to.host) || isBroadcast(to.host);
    const receivers = group ? this.#group(to) : this.#one(to);
    for (const receiver of receivers) this.#transmit(copy, receiver);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.life.host.simulation.fabric.datagrams.delete(this);
    return new Promise((resolve) => this.life.later(0, resolve));
  }

  #group(to: Address): DatagramPort[] {
    const { fabric } = this.life.host.simulation;
    return [...fabric.datagrams].filter((port) => {
      if (port.address.port !== to.port) return false;
      if (isMulticast(to.host) && port.options.multicast?.group !== to.host) return false;
      if (port.life.host.machine === this.life.host.machine) return this.options.multicast?.loopback !== false;
      return fabric.link(this.life.host, port.life.host).multicast;
    });
  }

  /** Of several sockets on one port the last that was bound gets it, as on Linux. */
  #one(to: Address): DatagramPort[] {
    const { fabric } = this.life.host.simulation;
    const hosts = fabric.hostsAt(to.host, this.life.host);
    const bound = [...fabric.datagrams].filter(
      ({ life, address }) => hosts.includes(life.host) && address.port === to.port,
    );
    return bound.slice(-1);
  }

  #transmit(message: Uint8Array, to: DatagramPort): void {
    const from = this.life.host;
    const { fabric } = from.simulation;
    const there = to.life.host;
    const link = fabric.link(from, there);
    const random = fabric.random(from, there);
    const local = from.machine === there.machine;
    const copies = !local && random.chance(link.loss) ? 0 : !local && random.chance(link.duplicate) ? 2 : 1;
    if (copies === 0) this.#tell('lost', to, message);
    for (let copy = 0; copy < copies; copy++) {
      let transit = fabric.transit(from, there, message.length);
      if (!local && random.chance(link.reorder))
        transit += Math.ceil(random.between(1, 10) * 1000 * (link.latency + link.jitter));
      const { scheduler } = from.simulation;
      scheduler.at(scheduler.now + transit, () => this.#arrive(message, to));
    }
  }

  #arrive(message: Uint8Array, to: DatagramPort): void {
    const from = this.life.host;
    const { fabric, trace, scheduler } = from.simulation;
    const lost = to.#closed || to.life.over || fabric.blocked(from, to.life.host);
    this.#tell(lost ? 'lost' : 'sent', to, message);
    if (lost) return;
    trace.number(scheduler.now);
    trace.bytes(message);
    const source = { host: from === to.life.host ? to.life.host.address : from.address, port: this.address.port };
    to.life.post(() => !to.#closed && to.options.onMessage(message.slice(), source));
  }

  #tell(kind: 'sent' | 'lost', to: DatagramPort, message: Uint8Array): void {
    const { trace, scheduler } = this.life.host.simulation;
    if (trace.reading)
      trace.line(
        scheduler.now,
        kind,
        this.life.host.name,
        to.life.host.name,
        `udp ${to.address.port} ${message.length} B`,
      );
  }
}

function isMulticast(host: string): boolean {
  const first = Number(host.split('.')[0]);
  return first >= 224 && first <= 239;
}

function isBroadcast(host: string): boolean {
  return host.endsWith('.255');
}
