/** The process of one channel: its code's calls one at a time, and its end told exactly once, whatever the cause. */
import type { Runtime } from 'beamish/process';
import { atom, tuple, Tuple, type Pid, type Term } from 'beamish/term';
import type { Channel, ChannelSocket, EndReason } from './channel.ts';
import { error, type Payload, type Reply } from './message.ts';

const JOIN = atom('join');
const IN = atom('in');

export interface ChannelProcessOptions<Assigns extends object> {
  readonly runtime: Runtime;
  readonly channel: Channel<Assigns>;
  readonly socket: ChannelSocket<Assigns>;
  readonly onReply: (to: 'join' | 'push', ref: string | null, reply: Reply) => void;
  /** A push has been dealt with, or never will be. */
  readonly onHandled: (count: number) => void;
  /** The channel's code failed, or somebody ended its process. */
  readonly onCrash: () => void;
}

export class ChannelProcess<Assigns extends object> {
  readonly pid: Pid;
  readonly #options: ChannelProcessOptions<Assigns>;
  readonly #monitor: { cancel(): void };
  #unhandled = 0;
  /** A call of the channel's code runs now; `terminate` waits for it, or what it takes hold of would never be given back. */
  #busy = false;
  #ending: EndReason | undefined;

  constructor(options: ChannelProcessOptions<Assigns>) {
    this.#options = options;
    const { runtime, socket } = options;
    this.pid = runtime.spawn(
      { handle: (message) => this.#handle(message) },
      { label: `phoenix channel ${socket.topic}` },
    ).pid;
    this.#monitor = runtime.monitor(this.pid, () => {
      options.onCrash();
      this.end('crashed');
    });
  }

  join(ref: string | null, params: Payload): void {
    this.#options.runtime.send(this.pid, tuple(JOIN, ref, params));
  }

  deliver(event: string, ref: string | null, payload: Payload): void {
    this.#unhandled += 1;
    this.#options.runtime.send(this.pid, tuple(IN, ref, payload, event));
  }

  /** Idempotent: the first reason counts. */
  end(reason: EndReason): void {
    if (this.#ending !== undefined) return;
    this.#ending = reason;
    this.#monitor.cancel();
    this.#options.runtime.exit(this.pid, atom('shutdown'));
    this.#options.onHandled(this.#unhandled);
    this.#unhandled = 0;
    if (!this.#busy) this.#terminate(reason);
  }

  async #handle(message: Term): Promise<void> {
    if (this.#ending !== undefined || !(message instanceof Tuple)) return;
    const [kind, ref, payload, event] = message.elements as readonly [Term, string | null, Payload, string];
    this.#busy = true;
    try {
      if (kind === JOIN) this.#options.onReply('join', ref, await this.#join(payload));
      else if (kind === IN) await this.#push(event, ref, payload);
    } finally {
      this.#busy = false;
      if (this.#ending !== undefined) this.#terminate(this.#ending);
    }
  }

  async #join(params: Payload): Promise<Reply> {
    const { channel, socket, runtime } = this.#options;
    try {
      return await channel.join(params, socket);
    } catch (cause) {
      runtime.logger.error({ err: cause, topic: socket.topic, peer: socket.peer }, 'a channel failed in join');
      return error({ reason: 'join crashed' });
    }
  }

  async #push(event: string, ref: string | null, payload: Payload): Promise<void> {
    const { channel, socket } = this.#options;
    this.#unhandled -= 1;
    this.#options.onHandled(1);
    if (channel.handleIn === undefined)
      throw new Error(`the channel of ${socket.topic} takes no pushes, and got "${event}"`);
    const reply = await channel.handleIn(event, payload, socket);
    if (reply) this.#options.onReply('push', ref, reply);
  }

  #terminate(reason: EndReason): void {
    const { channel, socket, runtime } = this.#options;
    try {
      channel.terminate?.(reason, socket);
    } catch (cause) {
      runtime.logger.error({ err: cause, topic: socket.topic, peer: socket.peer }, 'a channel failed in terminate');
    }
  }
}
