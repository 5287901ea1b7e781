/** Time, randomness, network and disk as parameters. @module */
export type { World } from './world.ts';
export type { Clock, SleepOptions, Timer } from './clock.ts';
export type { Random } from './random.ts';
export type { LogLevel, LogMethod, Logger } from './logger.ts';
export { Crowd } from './crowd.ts';
export { LogThrottle } from './log-throttle.ts';
export type { Disk, FileStatus } from './disk.ts';
export type {
  Address,
  ConnectOptions,
  DatagramOptions,
  DatagramSocket,
  ListenOptions,
  Listener,
  PeerCertificate,
  Network,
  ResolveOptions,
  Socket,
  SocketHandler,
  SrvRecord,
  TlsOptions,
} from './network.ts';
export { realWorld, type RealWorldOptions } from './real/index.ts';
export { createLogger, type LoggerOptions } from './real/logger.ts';
