/** Nodes that lack abilities: what they say of themselves in the handshake is changed on its way, and nothing else. */
import type { Network, Socket, World } from '../../../src/world/index.ts';

const EPMD_PORT = 4369;
const NAME = 0x4e;

/** A world in which every connection between nodes lacks the flags, whichever side dials. */
export function withoutFlags(world: World, flags: bigint): World {
  if (flags === 0n) return world;
  const { network } = world;
  const own: Pick<Network, 'listen' | 'connect'> = {
    listen: (options, onConnection) =>
      network.listen(options, (socket) =>
        onConnection(options.port === EPMD_PORT ? socket : socketWithout(socket, flags)),
      ),
    connect: async (options) => {
      const socket = await network.connect(options);
      return options.port === EPMD_PORT ? socket : socketWithout(socket, flags);
    },
  };
  const wrapped = Object.assign(Object.create(network) as Network, own);
  // Its methods use private fields.
  for (const method of ['checkTls', 'bindDatagram', 'resolveAddresses', 'resolveServices'] as const)
    Object.defineProperty(wrapped, method, { value: network[method].bind(network) });
  return { ...world, network: wrapped };
}

function socketWithout(socket: Socket, flags: bigint): Socket {
  const outgoing = clearFlags(flags);
  const incoming = clearFlags(flags);
  return {
    local: socket.local,
    remote: socket.remote,
    get bufferedBytes() {
      return socket.bufferedBytes;
    },
    handle: (handler) =>
      socket.handle({
        data: (chunk) => handler.data(incoming(chunk)),
        drain: () => handler.drain?.(),
        ...(handler.end === undefined ? {} : { end: () => handler.end?.() }),
        close: (error) => handler.close(error),
      }),
    write: (chunk) => socket.write(outgoing(chunk)),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => socket.end(),
    destroy: (error) => socket.destroy(error),
  };
}

/**
 * One direction of a handshake: frames of two bytes of length, of which the first that begins with N has the flags behind it
 * (protocols 2.2, 2.3). The stream may be cut anywhere.
 */
function clearFlags(flags: bigint): (chunk: Uint8Array) => Uint8Array {
  /** Of the frame; its length has two bytes. */
  let position = 0;
  let length = 0;
  let found = false;
  let over = false;
  return (chunk) => {
    if (over) return chunk;
    const changed = Uint8Array.from(chunk);
    for (let index = 0; index < changed.length && !over; index++) {
      const byte = changed[index] as number;
      if (position < 2) length = (length << 8) | byte;
      else if (position === 2) found = byte === NAME;
      else if (found && position < 11) {
        changed[index] = byte & ~Number((flags >> BigInt(8 * (10 - position))) & 0xffn);
        over = position === 10;
      }
      if (++position >= 2 && position === length + 2) position = length = 0;
    }
    return changed;
  };
}
