/** What an application writes: channels, and what it is given to talk through. */
import type { OutPayload, Payload, Reply } from './message.ts';

/** One client on one topic, as the channel's code sees it. Calls after the end of the channel do nothing. */
export interface ChannelSocket<Assigns extends object = object> {
  /** Unique on this server, for presence keys and logs. */
  readonly id: string;
  readonly topic: string;
  /** What the `*` of the pattern stands for: `sw-01` when `device:*` serves `device:sw-01`. Empty for an exact name. */
  readonly rest: string;
  /** What `connect` returned; shared by the channels of the connection. */
  readonly assigns: Assigns;
  /** Address and port of the client, for logs. */
  readonly peer: string;
  /** To this client. While the channel joins it is kept, and follows the reply. */
  push(event: string, payload: OutPayload): void;
  /** To every client of the topic on this server, this one included. */
  broadcast(event: string, payload: OutPayload): void;
  /** To every client of the topic on this server but this one. */
  broadcastFrom(event: string, payload: OutPayload): void;
  /** Ends this channel; the client sees `phx_close` and does not join again. */
  close(): void;
}

/** Why a channel ended. `disconnected`: the connection is gone. */
export type EndReason = 'left' | 'rejoined' | 'closed' | 'refused' | 'crashed' | 'disconnected';

/**
 * The life of one client on one topic. Each has a process of its own: its calls happen one at a time, an `async` one is
 * awaited before the next, and a throw ends only this channel (the client sees `phx_error` and joins again, with backoff).
 */
export interface Channel<Assigns extends object = object> {
  /** Lets the client in with `ok(response)`, or not with `error(response)`. A throw is answered `join crashed`. */
  join(params: Payload, socket: ChannelSocket<Assigns>): Reply | Promise<Reply>;
  /** A push of the client. Without a returned value there is no reply; without this method a push crashes the channel, as in Phoenix. */
  handleIn?(event: string, payload: Payload, socket: ChannelSocket<Assigns>): Reply | void | Promise<Reply | void>;
  /** Called once, after the end, also when the join was refused or failed: give back what the channel holds. */
  terminate?(reason: EndReason, socket: ChannelSocket<Assigns>): void;
}

/** Makes the channel of one join: `() => new RoomChannel(database)`, or `() => ({ join: () => ok() })`. */
export type ChannelFactory<Assigns extends object = object> = () => Channel<Assigns>;
