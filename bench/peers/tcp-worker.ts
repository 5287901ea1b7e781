/**
 * The floor: sockets and nothing else. Calls are an echo of 64 bytes; one-way messages are JSON behind a 4-byte length,
 * gathered into writes of 64 KiB.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Latencies, oneWay, type Figures, type Time } from '../harness/loops.ts';
import { object1k, object64, type JsonObject } from '../harness/objects.ts';
import { serve } from '../harness/serve.ts';

const size = 64;
const batch = 65_536;

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Cuts a stream into length-prefixed frames. */
function frames(socket: Socket, onFrame: (data: Buffer, start: number, end: number) => void): void {
  let rest: Buffer | undefined;
  socket.on('data', (chunk: Buffer) => {
    const data = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + 4 <= data.length) {
      const end = at + 4 + data.readUInt32BE(at);
      if (end > data.length) break;
      onFrame(data, at + 4, end);
      at = end;
    }
    rest = at < data.length ? data.subarray(at) : undefined;
  });
}

/** A connection whose server counts objects, and tells the count when it gets an empty frame. */
const sink = (): Server =>
  createServer({ noDelay: true }, (socket) => {
    let count = 0;
    frames(socket, (data, start, end) => {
      if (start === end) socket.write(`${count}\n`);
      else if (typeof JSON.parse(data.toString('utf8', start, end)) === 'object') count++;
    });
    socket.on('error', () => {});
  });

const echo = (): Server =>
  createServer({ noDelay: true }, (socket) => {
    socket.on('data', (chunk: Buffer) => socket.write(chunk));
    socket.on('error', () => {});
  });

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** Calls `onReply` for every 64 bytes that come back, with their number; it gives how many more to send. */
function exchange(socket: Socket, first: number, onReply: (replies: number) => number): Promise<void> {
  const message = Buffer.alloc(size, 1);
  const { promise, resolve } = Promise.withResolvers<void>();
  let open = first;
  let partial = 0;
  const onData = (chunk: Buffer): void => {
    partial += chunk.length;
    const replies = Math.floor(partial / size);
    partial -= replies * size;
    const more = onReply(replies);
    open += more - replies;
    if (more === 1) socket.write(message);
    else if (more > 1) socket.write(Buffer.alloc(size * more, message));
    else if (open === 0) {
      socket.off('data', onData);
      resolve();
    }
  };
  socket.on('data', onData);
  socket.write(Buffer.alloc(size * first, message));
  return promise;
}

async function roundTrip(socket: Socket, time: Time): Promise<Figures> {
  const run = async (ms: number): Promise<Latencies> => {
    const latencies = new Latencies();
    let now = performance.now();
    const end = now + ms;
    await exchange(socket, 1, () => {
      const then = now;
      now = performance.now();
      latencies.record(now - then);
      return now < end ? 1 : 0;
    });
    return latencies;
  };
  await run(time.warmup);
  return (await run(time.measure)).figures();
}

async function inFlight(socket: Socket, time: Time): Promise<Figures> {
  const run = async (ms: number): Promise<number> => {
    const start = performance.now();
    let count = 0;
    await exchange(socket, 64, (replies) => {
      count += replies;
      return performance.now() < start + ms ? replies : 0;
    });
    return count / ((performance.now() - start) / 1000);
  };
  await run(time.warmup);
  return { rate: await run(time.measure) };
}

async function stream(socket: Socket, object: JsonObject, time: Time): Promise<Figures> {
  let buffer = Buffer.allocUnsafe(batch);
  let used = 0;
  let writable = true;
  const flush = (): boolean => {
    writable = socket.write(buffer.subarray(0, used));
    buffer = Buffer.allocUnsafe(batch);
    used = 0;
    return writable;
  };
  return oneWay(
    {
      send() {
        const text = JSON.stringify(object);
        const full = used + 4 + text.length * 3 > batch; // UTF-8 at its longest
        if (full) flush();
        const length = buffer.write(text, used + 4);
        buffer.writeUInt32BE(length, used);
        used += 4 + length;
        return !full || writable;
      },
      async writable() {
        if (socket.writableNeedDrain) await once(socket, 'drain');
      },
      async received() {
        if (used + 4 > batch) flush();
        buffer.writeUInt32BE(0, used);
        used += 4;
        flush();
        const [answer] = (await once(socket, 'data')) as [Buffer];
        return Number(answer.toString());
      },
    },
    time,
  );
}

await serve({
  server: async () => ({ echo: await listen(echo()), sink: await listen(sink()) }),
  client: async (server) => {
    const echoed = await open(Number(server['echo']));
    const counted = await open(Number(server['sink']));
    return {
      roundTrip: (time) => roundTrip(echoed, time),
      inFlight: (time) => inFlight(echoed, time),
      oneWay64: (time) => stream(counted, object64, time),
      oneWay1k: (time) => stream(counted, object1k, time),
    };
  },
});
