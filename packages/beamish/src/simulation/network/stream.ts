import type { Address, PeerCertificate, Socket, SocketHandler } from '../../world/index.ts';
import type { Host } from '../host.ts';
import type { Life } from '../life.ts';

/** What may be on its way unread, in bytes: a send and a receive buffer of the kernel. */
const WINDOW = 512 * 1024;
/** `write` gives false above this (Node's writableHighWaterMark). */
const HIGH_WATER = 16 * 1024;
/** Node reads so much at once. */
const READ_SIZE = 64 * 1024;
/** Retransmission: the first after 200 ms, doubled up to 120 s (Linux TCP_RTO_MIN, TCP_RTO_MAX). Microseconds. */
const FIRST_RETRY = 200_000;
const LAST_RETRY = 120_000_000;
/** After so long without an acknowledgement the sender is told ETIMEDOUT (Linux tcp_retries2 = 15). Microseconds. */
const GIVE_UP = 924_600_000;
/** Bytes that arrive though no acknowledgement comes back (ten segments, RFC 6928). */
const UNACKNOWLEDGED = 14_600;

type Segment = { readonly at: number; readonly bytes: Uint8Array | undefined };

/**
 * One end of a TCP connection. Its sending direction lives here too: what is queued, what is on its way. Bytes are never
 * lost while both kernels live: a cut line makes them late, by the backing-off retransmissions of a real kernel, and after
 * a quarter of an hour the sender is told.
 */
export class Stream implements Socket {
  readonly local: Address;
  readonly remote: Address;
  readonly life: Life;
  readonly #kernel: number;
  peer!: Stream;
  certificate: PeerCertificate | undefined;
  #handler: SocketHandler | undefined;
  // receiving
  readonly #inbox: Uint8Array[] = [];
  #readable = false;
  #paused = false;
  #endReceived = false;
  #endTold = false;
  // sending
  #queue: Uint8Array[] = [];
  #queued = 0;
  #needsDrain = false;
  #flight: Segment[] = [];
  #inFlight = 0;
  #lastArrival = 0;
  #unacknowledged = 0;
  #stalledSince: number | undefined;
  #ending = false;
  #endSent = false;
  /** The program has nothing to do with it any more; `close` is told or about to be. */
  #closed = false;
  #error: Error | undefined;

  constructor(life: Life, local: Address, remote: Address) {
    this.life = life;
    this.local = local;
    this.remote = remote;
    this.#kernel = life.host.kernel;
    life.network.streams.add(this);
  }

  get host(): Host {
    return this.life.host;
  }

  get #core(): Host['simulation'] {
    return this.life.host.simulation;
  }

  // --- what the program does ---

  handle(handler: SocketHandler): void {
    if (this.#handler !== undefined) throw new Error('a socket has one handler');
    this.#handler = handler;
    if (this.#closed) this.life.later(0, () => handler.close(this.#error));
    else if (this.#inbox.length > 0 || this.#endReceived) this.#wakeReader();
  }

  write(chunk: Uint8Array): boolean {
    if (this.#closed || this.#ending || this.life.over) return false;
    if (chunk.length === 0) return this.#queued < HIGH_WATER;
    this.#queue.push(chunk);
    this.#queued += chunk.length;
    this.#pump();
    this.#needsDrain ||= this.#queued >= HIGH_WATER;
    return this.#queued < HIGH_WATER;
  }

  get bufferedBytes(): number {
    return this.#queued;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wakeReader();
  }

  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    this.#pump();
  }

  destroy(error?: Error): void {
    if (this.#closed) return;
    const unread = this.#inbox.length > 0;
    this.#close(error);
    this.#release(unread);
  }

  /** The kernel closes what the program left: with a reset where bytes were unread, else with an end. */
  #release(unread: boolean): void {
    this.#queue = [];
    this.#queued = 0;
    if (unread) this.#reset();
    else if (!this.#endSent) this.#launch(undefined);
  }

  // --- what happens to the host ---

  /** The program was killed. */
  killed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#release(this.#inbox.length > 0);
  }

  /** The power was cut: nobody is told, and what was on its way from here is not sent again. */
  vanished(): void {
    this.#closed = true;
    this.#queue = [];
    this.#queued = 0;
    this.#flight = [];
  }

  /** A fault: the connection is reset, both ends are told, wherever in a frame that is. */
  reset(): void {
    if (this.#closed || this.peer.#closed) return;
    this.peer.#wasReset();
    this.#wasReset();
  }

  get open(): boolean {
    return !this.#closed;
  }

  // --- sending ---

  #pump(): void {
    while (this.#queue.length > 0 && this.#inFlight < WINDOW) {
      const chunk = this.#queue.shift() as Uint8Array;
      this.#queued -= chunk.length;
      this.#launchBytes(chunk);
    }
    if (this.#needsDrain && this.#queued === 0) {
      this.#needsDrain = false;
      this.life.later(0, () => !this.#closed && this.#handler?.drain?.());
    }
    if (this.#ending && !this.#endSent && this.#queue.length === 0) this.#launch(undefined);
  }

  /** No part is larger than what Node reads at once, and now and then they are smaller. */
  #launchBytes(chunk: Uint8Array): void {
    const { host, peer } = this;
    this.#inFlight += chunk.length;
    const random = this.#core.fabric.random(host, peer.host);
    const { split } = this.#core.fabric.link(host, peer.host);
    for (let rest = chunk; rest.length > 0;) {
      const most = Math.min(rest.length, READ_SIZE);
      const length = host.machine !== peer.host.machine && random.chance(split) ? 1 + random.below(most) : most;
      this.#launch(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  }

  /** @param bytes undefined: the end */
  #launch(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) this.#endSent = true;
    const { scheduler, fabric } = this.#core;
    const length = bytes?.length ?? 0;
    const at = Math.max(this.#lastArrival, scheduler.now + fabric.transit(this.host, this.peer.host, length));
    this.#lastArrival = at;
    this.#flight.push({ at, bytes });
    scheduler.at(at, () => this.#arrive());
  }

  #arrive(): void {
    if (this.#stalledSince !== undefined || this.#flight.length === 0) return;
    const segment = this.#flight[0] as Segment;
    if (segment.at > this.#core.scheduler.now) return; // sent again before it was due
    if (this.#isLost(segment)) this.#stall(segment);
    else this.#deliver(this.#flight.shift() as Segment);
  }

  #isLost(segment: Segment): boolean {
    const { host, peer } = this;
    const { fabric } = this.#core;
    if (!peer.host.powered || fabric.blocked(host, peer.host)) return true;
    if (!fabric.blocked(peer.host, host)) {
      this.#unacknowledged = 0;
      return false;
    }
    this.#unacknowledged += segment.bytes?.length ?? 1;
    return this.#unacknowledged > UNACKNOWLEDGED;
  }

  #stall(segment: Segment): void {
    const { scheduler } = this.#core;
    this.#stalledSince = scheduler.now;
    this.#tell('lost', segment);
    this.#retryAfter(FIRST_RETRY);
  }

  #retryAfter(delay: number): void {
    const { scheduler } = this.#core;
    scheduler.at(scheduler.now + delay, () => {
      const [segment] = this.#flight;
      // Nobody sends again what a machine without power had sent.
      if (
        segment === undefined ||
        this.#stalledSince === undefined ||
        !this.host.powered ||
        this.#kernel !== this.host.kernel
      )
        return;
      if (this.#isLost(segment)) {
        if (scheduler.now - this.#stalledSince < GIVE_UP) this.#retryAfter(Math.min(delay * 2, LAST_RETRY));
        else this.#wasReset('ETIMEDOUT');
        return;
      }
      this.#stalledSince = undefined;
      while (this.#flight.length > 0 && (this.#flight[0] as Segment).at <= scheduler.now)
        this.#deliver(this.#flight.shift() as Segment);
    });
  }

  #deliver(segment: Segment): void {
    this.#tell('sent', segment);
    const { peer } = this;
    if (peer.#kernel !== peer.host.kernel || (peer.#closed && segment.bytes !== undefined)) {
      // The kernel there knows of no such connection, or nobody reads: it answers with a reset.
      this.#resetComesBack();
    } else peer.#receive(segment.bytes);
  }

  #resetComesBack(): void {
    const { host, peer } = this;
    const { scheduler, fabric } = this.#core;
    scheduler.at(scheduler.now + fabric.transit(peer.host, host, 0), () => {
      if (!fabric.blocked(peer.host, host)) this.#wasReset();
    });
  }

  /** Tells the peer's kernel that this end is gone. Once: a reset that is lost is not sent again. */
  #reset(): void {
    const { host, peer } = this;
    const { scheduler, fabric } = this.#core;
    this.#flight = [];
    scheduler.at(scheduler.now + fabric.transit(host, peer.host, 0), () => {
      if (peer.host.powered && !fabric.blocked(host, peer.host)) peer.#wasReset();
    });
  }

  #wasReset(code = 'ECONNRESET'): void {
    this.#flight = [];
    this.#inbox.length = 0;
    if (this.#closed) return;
    this.#close(Object.assign(new Error(`read ${code}`), { code }));
  }

  // --- receiving ---

  #receive(bytes: Uint8Array | undefined): void {
    if (bytes !== undefined) this.#inbox.push(bytes);
    else if (this.#closed) return;
    else this.#endReceived = true;
    this.life.post(() => this.#read());
  }

  #wakeReader(): void {
    if (this.#readable) return;
    this.#readable = true;
    this.life.later(0, () => {
      this.#readable = false;
      this.#read();
    });
  }

  #read(): void {
    const handler = this.#handler;
    if (handler === undefined || this.#paused || this.#closed) return;
    const chunk = this.#take();
    if (chunk !== undefined) {
      const { trace } = this.#core;
      trace.number(this.#core.scheduler.now);
      trace.bytes(chunk);
      handler.data(chunk);
      if (this.#inbox.length > 0 || this.#endReceived) this.#wakeReader();
    } else if (this.#endReceived && !this.#endTold) {
      this.#endTold = true;
      if (handler.end === undefined) this.end();
      else handler.end();
      this.#closeIfOver();
    }
  }

  #take(): Uint8Array | undefined {
    const first = this.#inbox.shift();
    if (first === undefined) return undefined;
    const chunks = [first];
    let length = first.length;
    while (this.#inbox.length > 0 && length + (this.#inbox[0] as Uint8Array).length <= READ_SIZE) {
      const next = this.#inbox.shift() as Uint8Array;
      chunks.push(next);
      length += next.length;
    }
    this.peer.#consumed(length);
    // No copy: the writer gave its bytes away. One that changes them all the same is found here, as on a real socket.
    return chunks.length === 1 ? first : joined(chunks, length);
  }

  /** The other end has read: the window is open again. */
  #consumed(length: number): void {
    this.#inFlight -= length;
    if (this.#closed) return;
    if (this.#queue.length > 0) this.#pump();
    this.#closeIfOver();
  }

  #closeIfOver(): void {
    if (this.#endTold && this.#endSent && !this.#closed) this.#close(this.#error);
  }

  #close(error: Error | undefined): void {
    this.#closed = true;
    this.#error ??= error;
    this.life.network.streams.delete(this);
    this.life.later(0, () => this.#handler?.close(this.#error));
  }

  #tell(kind: 'sent' | 'lost', segment: Segment): void {
    const { trace, scheduler } = this.#core;
    if (!trace.reading) return;
    const what = segment.bytes === undefined ? 'end' : `${segment.bytes.length} B ${preview(segment.bytes)}`;
    trace.line(
      scheduler.now,
      kind,
      this.host.name,
      this.peer.host.name,
      `${this.local.port}>${this.remote.port} ${what}`,
    );
  }
}

/** A `Uint8Array`, as sockets give it: a `Buffer` would behave differently here and there. */
function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** The printable part of the bytes: node names and atoms can be read in the frames. */
function preview(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length && text.length < 40; i++) {
    const byte = bytes[i] as number;
    if (byte > 32 && byte < 127) text += String.fromCharCode(byte);
    else if (!text.endsWith('·')) text += '·';
  }
  return text;
}
