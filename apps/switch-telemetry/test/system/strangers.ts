/** Peers that send nonsense. */
import { once } from 'node:events';
import { connect } from 'node:net';

/** Sends bytes and waits for the other side to close: `closed`, or `open` when it has not within 10 s. */
export async function sendUntilClosed(port: number, bytes: Uint8Array): Promise<'closed' | 'open'> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'connect');
  socket.write(bytes);
  const timeout = AbortSignal.timeout(10_000);
  try {
    await once(socket, 'close', { signal: timeout });
    return 'closed';
  } catch {
    return 'open';
  } finally {
    socket.destroy();
  }
}

/** Opens the channels' WebSocket as a browser of the page would, sends what is no frame of the protocol, waits for the close. */
export async function websocketGarbage(port: string): Promise<'closed' | 'open'> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`);
  await once(socket, 'open', { signal: AbortSignal.timeout(10_000) });
  socket.send('{"this is": no frame');
  try {
    await once(socket, 'close', { signal: AbortSignal.timeout(10_000) });
    return 'closed';
  } catch {
    return 'open';
  } finally {
    socket.close();
  }
}
