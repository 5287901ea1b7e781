import { BeamishError, type BeamishErrorCode } from '../../error/index.ts';
import type { ListenOptions, Socket } from '../../world/index.ts';

/** A port that accepts connections. */
export interface Listening {
  readonly options: ListenOptions;
  readonly port: number;
  readonly onConnection: (socket: Socket) => void;
}

/** Whether it accepts what is dialled at that address. */
export function reaches({ options }: Listening, address: string): boolean {
  return isAny(options.host) || options.host === address;
}

export function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

export function failure(code: BeamishErrorCode, message: string): BeamishError {
  return new BeamishError(code, message, {
    retryable: code === 'connection_refused' || code === 'timeout' || code === 'host_unresolved',
  });
}

export function isAddress(host: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(host) || host.includes(':');
}
