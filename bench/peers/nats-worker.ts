/** NATS core: request and reply, and plain publish, over a nats-server on loopback. Objects travel as JSON. */
import { connect } from '@nats-io/transport-node';
import { inFlight, oneWay, roundTrip, type Figures, type Time } from '../harness/loops.ts';
import { object1k, object64, type JsonObject } from '../harness/objects.ts';
import { serve } from '../harness/serve.ts';

/** NATS drops a subscriber that falls behind, so the sender keeps at most this many ahead of what was confirmed. */
const window = 65_536;
const confirmEvery = 4_096;
/** A ping to the server per this many messages, its answer awaited one ping later. */
const flushEvery = 512;

const open = (port: string | number | undefined): ReturnType<typeof connect> =>
  connect({ servers: `127.0.0.1:${port}`, reconnect: false, noAsyncTraces: true });

await serve({
  async server(given) {
    const connection = await open(given['port']);
    let count = 0;
    connection.subscribe('echo', { callback: (_, message) => message.respond(JSON.stringify(message.json())) });
    connection.subscribe('count', { callback: (_, message) => message.respond(String(count)) });
    connection.subscribe('sink', {
      callback: (_, message) => {
        if (typeof message.json() !== 'object') return;
        count++;
        if (count % confirmEvery === 0) connection.publish('confirmed', String(count));
      },
    });
    await connection.flush();
    return given;
  },
  async client(server) {
    const connection = await open(server['port']);
    const call = async (): Promise<unknown> =>
      (await connection.request('echo', JSON.stringify(object64), { timeout: 10_000 })).json();
    const received = async (): Promise<number> =>
      Number((await connection.request('count', undefined, { timeout: 10_000 })).string());

    let sent = 0;
    let confirmed = 0;
    let wake: (() => void) | undefined;
    connection.subscribe('confirmed', {
      callback: (_, message) => {
        confirmed = Number(message.string());
        if (sent - confirmed < window) wake?.();
      },
    });
    await connection.flush();
    let flushing = Promise.resolve();
    const stream = (object: JsonObject, time: Time): Promise<Figures> =>
      oneWay(
        {
          send() {
            connection.publish('sink', JSON.stringify(object));
            return ++sent % flushEvery !== 0;
          },
          async writable() {
            const before = flushing;
            flushing = connection.flush();
            await before;
            if (sent - confirmed < window) return;
            await new Promise<void>((resolve) => (wake = resolve));
            wake = undefined;
          },
          received,
        },
        time,
      );
    return {
      roundTrip: (time) => roundTrip(call, time),
      inFlight: (time) => inFlight(call, time),
      oneWay64: (time) => stream(object64, time),
      oneWay1k: (time) => stream(object1k, time),
    };
  },
});
