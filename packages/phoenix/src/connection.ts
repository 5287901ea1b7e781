/**
 * The host of one client: carries frames between its WebSocket, the socket state machine and the channels' processes.
 * The connection is a process, and so is every channel on it; what a channel's code does wrong ends that channel alone.
 */
import type { ProcessBehaviour, Runtime } from 'beamish/process';
import { atom, tuple, Tuple, type Pid, type Term } from 'beamish/term';
import type { Timer } from 'beamish/world';
import type { WebSocket } from 'ws';
import type { Channel, ChannelSocket, EndReason } from './channel.ts';
import { ChannelProcess } from './channel-process.ts';
import type { OutPayload, Payload } from './message.ts';
import { OutQueue } from './out-queue.ts';
import { decode, encodePush, FrameError, type Frame } from './serializer.ts';
import {
  initialSocketState,
  stepSocket,
  type SocketConfig,
  type SocketEffect,
  type SocketInput,
} from './socket-core.ts';

/** Frames read and not yet handled at which reading pauses, so that a flood waits in the client's own buffers. */
const MAX_UNHANDLED = 128;

const FRAME = atom('frame');

export interface ConnectionLimits {
  readonly maxQueued: number;
  readonly maxBufferedBytes: number;
  readonly idleTimeout: number;
}

/** What the server does for its connections. */
export interface ConnectionOwner<Assigns extends object> {
  readonly runtime: Runtime;
  readonly config: SocketConfig;
  readonly limits: ConnectionLimits;
  open(topic: string): { readonly channel: Channel<Assigns>; readonly rest: string };
  subscribe(topic: string, listener: TopicListener): void;
  unsubscribe(topic: string, listener: TopicListener): void;
  broadcast(topic: string, event: string, payload: OutPayload, except?: TopicListener): void;
  /** The client does what it must not; the connection ends by itself. */
  misbehaved(connection: Connection<Assigns>, cause: 'frame' | 'slow', reason: string): void;
  gone(connection: Connection<Assigns>): void;
}

/** A channel that hears the broadcasts of its topic. */
export interface TopicListener {
  hear(frame: Frame): void;
}

interface Running {
  readonly process: { deliver(event: string, ref: string | null, payload: Payload): void };
  end(reason: EndReason): void;
}

export class Connection<Assigns extends object> {
  readonly id: number;
  readonly peer: string;
  readonly host: string;
  readonly assigns: Assigns;
  readonly pid: Pid;
  readonly #owner: ConnectionOwner<Assigns>;
  readonly #ws: WebSocket;
  readonly #queue: OutQueue;
  readonly #running = new Map<number, Running>();
  #state = initialSocketState;
  #unhandled = 0;
  #closed = false;
  #lastHeard: number;
  #idle: Timer;

  constructor(
    owner: ConnectionOwner<Assigns>,
    ws: WebSocket,
    id: number,
    peer: { host: string; port: number },
    assigns: Assigns,
  ) {
    this.#owner = owner;
    this.#ws = ws;
    this.id = id;
    this.host = peer.host;
    this.peer = `${peer.host}:${peer.port}`;
    this.assigns = assigns;
    this.#queue = new OutQueue(owner.limits.maxQueued);
    const { runtime } = owner;
    this.pid = runtime.spawn(this.#behaviour(), { label: `phoenix connection ${this.peer}` }).pid;
    // Whoever ends the process ends the connection.
    runtime.monitor(this.pid, () => this.close(1011, 'process ended'));
    this.#lastHeard = runtime.world.clock.monotonicTime();
    this.#idle = this.#watchIdle(owner.limits.idleTimeout);
    ws.on('message', (data: Buffer, isBinary: boolean) =>
      this.#heard(isBinary ? new Uint8Array(data) : data.toString('utf8')),
    );
    // ws answers a breach of RFC 6455 with its close code (1002, 1007, 1009) and tells of it here.
    ws.on('error', (cause) => owner.misbehaved(this, 'frame', cause.message));
    ws.on('close', () => this.#ended());
  }

  get dropped(): number {
    return this.#queue.dropped;
  }

  get queued(): number {
    return this.#queue.length;
  }

  get channels(): number {
    return this.#running.size;
  }

  /** @param code of the WebSocket close frame; the official client comes back after every code but 1000 */
  close(code: number, reason: string): void {
    if (!this.#closed) this.#ws.close(code, reason);
  }

  /** Without a closing handshake. */
  terminate(): void {
    this.#ws.terminate();
  }

  #behaviour(): ProcessBehaviour {
    return {
      handle: (message: Term) => {
        if (!(message instanceof Tuple) || message.at(0) !== FRAME) return; // a stray message of another process
        this.#handled(1);
        this.#receive(message.at(1) as Frame);
      },
    };
  }

  #heard(frame: Frame): void {
    this.#lastHeard = this.#owner.runtime.world.clock.monotonicTime();
    this.#unhandled += 1;
    if (this.#unhandled >= MAX_UNHANDLED) this.#ws.pause();
    this.#owner.runtime.send(this.pid, tuple(FRAME, frame));
  }

  #handled(count: number): void {
    this.#unhandled -= count;
    if (this.#ws.isPaused && this.#unhandled < MAX_UNHANDLED / 2) this.#ws.resume();
  }

  #receive(frame: Frame): void {
    if (this.#closed) return;
    try {
      this.#feed({ type: 'received', message: decode(frame) });
    } catch (cause) {
      if (!(cause instanceof FrameError)) throw cause;
      this.#owner.misbehaved(this, 'frame', cause.message);
      this.close(1007, 'not a channel message');
    }
  }

  #feed(input: SocketInput): void {
    if (this.#closed) return;
    const { state, effects } = stepSocket(this.#owner.config, this.#state, input);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: SocketEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#send(effect.frame, effect.topic, effect.droppable);
      case 'start':
        return this.#start(effect.id, effect.topic, effect.ref, effect.payload);
      case 'deliver': {
        const running = this.#running.get(effect.id);
        if (running === undefined) return;
        this.#unhandled += 1;
        return running.process.deliver(effect.event, effect.ref, effect.payload);
      }
      case 'stop':
        this.#queue.forget(effect.topic);
        return this.#running.get(effect.id)?.end(effect.reason);
    }
  }

  #start(id: number, topic: string, ref: string | null, params: Payload): void {
    const { runtime } = this.#owner;
    const { channel, rest } = this.#owner.open(topic);
    const listener: TopicListener = { hear: (frame) => this.#feed({ type: 'broadcast', id, topic, frame }) };
    const socket: ChannelSocket<Assigns> = {
      id: `${this.id}.${id}`,
      topic,
      rest,
      assigns: this.assigns,
      peer: this.peer,
      push: (event, payload) => this.#feed({ type: 'pushed', id, topic, event, payload }),
      broadcast: (event, payload) => this.#owner.broadcast(topic, event, payload),
      broadcastFrom: (event, payload) => this.#owner.broadcast(topic, event, payload, listener),
      close: () => this.#feed({ type: 'ended', id, topic, crashed: false }),
    };
    const process = new ChannelProcess({
      runtime,
      channel,
      socket,
      onReply: (to, replyRef, reply) =>
        this.#feed({ type: to === 'join' ? 'joined' : 'replied', id, topic, ref: replyRef, reply }),
      onHandled: (count) => this.#handled(count),
      onCrash: () => this.#feed({ type: 'ended', id, topic, crashed: true }),
    });
    // Before the join, not after it: what is broadcast while it runs is kept, and follows the reply.
    this.#owner.subscribe(topic, listener);
    this.#running.set(id, {
      process,
      end: (reason) => {
        this.#running.delete(id);
        this.#owner.unsubscribe(topic, listener);
        process.end(reason);
      },
    });
    process.join(ref, params);
  }

  #send(frame: Frame, topic: string, droppable: boolean): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return; // it is closing: nobody will read this
    if (this.#queue.empty && this.#takes()) return this.#write(frame);
    if (!this.#queue.add(frame, topic, droppable)) {
      this.#owner.misbehaved(this, 'slow', 'asks more than it reads: its queue is full of replies');
      this.#ws.terminate(); // a close frame would wait behind what it does not read
    }
  }

  #takes(): boolean {
    return this.#ws.bufferedAmount < this.#owner.limits.maxBufferedBytes;
  }

  #write(frame: Frame): void {
    this.#ws.send(frame, { binary: typeof frame !== 'string' }, () => this.#flush());
  }

  /** Called when the operating system has taken a frame. */
  #flush(): void {
    while (!this.#closed && !this.#queue.empty && this.#takes()) {
      const next = this.#queue.next();
      if (next?.type === 'frame') this.#write(next.frame);
      else if (next) this.#write(encodePush(null, next.topic, 'missed', { count: next.count }));
    }
  }

  #watchIdle(delay: number): Timer {
    const { clock } = this.#owner.runtime.world;
    return clock.setTimer(
      delay,
      () => {
        const left = this.#lastHeard + this.#owner.limits.idleTimeout - clock.monotonicTime();
        if (left > 0) this.#idle = this.#watchIdle(left);
        else if (!this.#closed) this.close(1001, 'idle');
      },
      { background: true },
    );
  }

  #ended(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#idle.cancel();
    for (const running of [...this.#running.values()]) running.end('disconnected');
    this.#owner.runtime.exit(this.pid, atom('shutdown'));
    this.#owner.gone(this);
  }
}
