/** Phoenix Channels v2 for a Beamish node: the official `phoenix` client, unmodified, talks to it. @module */
export type { Channel, ChannelFactory, ChannelSocket, EndReason } from './channel.ts';
export {
  ChannelServer,
  refuse,
  Refusal,
  type ChannelServerOptions,
  type ChannelServerStatistics,
  type ConnectRequest,
} from './channel-server.ts';
export type { ConnectParam, ConnectParams } from './handshake.ts';
export { error, ok, type Json, type OutPayload, type Payload, type Reply } from './message.ts';
export { PresenceTopic, type Presence, type PresenceDiff, type PresenceMeta, type PresenceState } from './presence.ts';
