import type { Socket } from '../world/index.ts';
import type { Connection } from './connection.ts';
import { dial, type DialOptions } from './dial.ts';
import { CALLS, NAME_ME, OWN_FLAGS } from './flags.ts';
import { handshakeError, type HandshakeHost } from './handshake/host.ts';
import type { GivenName, HandshakePeer } from './handshake/machine.ts';
import type { Settings } from './options.ts';
import type { Refusals } from './refusals.ts';
import type { TlsMaterial } from './tls-material.ts';

export interface AskForName {
  readonly settings: Settings;
  /** The node that is asked. */
  readonly of: string;
  readonly refusals: Refusals;
  readonly tls: TlsMaterial | undefined;
  readonly nameFault: DialOptions['nameFault'];
  readonly locate: DialOptions['locate'];
  /** Makes the node of that name. @returns the connection that takes the socket over: that on which the name came */
  readonly take: (given: GivenName, socket: Socket, host: HandshakeHost, peer: HandshakePeer) => Connection | undefined;
}

/**
 * Connects without a name and gets one (protocols 2.6): what `erl -name undefined@HOST` does.
 * @throws BeamishError as `Node.connect`
 */
export function askForName({ settings, of, refusals, tls, nameFault, locate, take }: AskForName): Promise<void> {
  const { world, parts, setupTime, cookieFor } = settings;
  return new Promise((resolve, reject) => {
    const nothing = (): void =>
      reject(handshakeError(of, { code: 'handshake_failed', cause: 'bad_name', message: 'it gave no name' }));
    dial({
      world,
      nodeName: of,
      config: {
        name: parts.host,
        flags: OWN_FLAGS | CALLS | NAME_ME,
        creation: 0,
        challenge: world.random.uint32(),
        cookieFor,
      },
      tls: tls?.current,
      setupTime,
      nameFault,
      locate,
      established: (socket, host, peer, given) => {
        const connection = given && take(given, socket, host, peer);
        if (connection === undefined) nothing();
        else resolve();
        return connection;
      },
      // Only who has a name can cross with the other's dial.
      yielded: nothing,
      refused: (socket, failure) => {
        refusals.refuse(failure.cause, socket.remote, failure.message, { node: of, direction: 'out' });
        reject(handshakeError(of, failure));
      },
      unreachable: reject,
    });
  });
}
