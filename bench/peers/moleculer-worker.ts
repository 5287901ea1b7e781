/** Moleculer over its TCP transporter: a service's action for calls, an event for one-way messages. Its serializer is JSON. */
import net from 'node:net';
import os from 'node:os';
import { ServiceBroker } from 'moleculer';
import { inFlight, oneWay, roundTrip, type Figures, type Time } from '../harness/loops.ts';
import { object1k, object64, type JsonObject } from '../harness/objects.ts';
import { serve, type Address } from '../harness/serve.ts';

// The transporter listens on every address and tells its peers the machine's name; the options have no word for either.
const listen = Reflect.get(net.Server.prototype, 'listen') as (this: net.Server, ...args: unknown[]) => net.Server;
const listenHere = function (this: net.Server, options: object, ...rest: unknown[]): net.Server {
  return listen.call(this, { ...options, host: '127.0.0.1' }, ...rest);
};
net.Server.prototype.listen = listenHere as typeof net.Server.prototype.listen;
os.hostname = () => '127.0.0.1';

/** The transporter gives no word of back-pressure but the promise of each message: awaited one batch later. */
const batch = 256;

const broker = (nodeID: 'server' | 'client', ports: Address): ServiceBroker =>
  new ServiceBroker({
    nodeID,
    logger: false,
    requestTimeout: 0,
    transporter: {
      type: 'TCP',
      options: {
        udpDiscovery: false,
        gossipPeriod: 1,
        port: Number(ports[nodeID]),
        urls: [`127.0.0.1:${ports['server']}/server`, `127.0.0.1:${ports['client']}/client`],
      },
    },
  });

let running: ServiceBroker | undefined;

await serve({
  async server(ports) {
    running = broker('server', ports);
    let count = 0;
    running.createService({
      name: 'bench',
      actions: { echo: (context) => context.params, count: () => count },
      events: {
        sink: (context) => {
          if (typeof context.params === 'object') count++;
        },
      },
    });
    await running.start();
    return ports;
  },
  async client(ports) {
    const client = (running = broker('client', ports));
    await client.start();
    await client.waitForServices('bench', 15_000);
    const call = (): Promise<unknown> => client.call('bench.echo', object64);
    const received = async (): Promise<number> => Number(await client.call('bench.count'));

    let sent = 0;
    let before: Promise<unknown> = Promise.resolve();
    let last: Promise<unknown> = before;
    const stream = (object: JsonObject, time: Time): Promise<Figures> =>
      oneWay(
        {
          send() {
            last = client.emit('sink', object);
            return ++sent % batch !== 0;
          },
          async writable() {
            await before;
            before = last;
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
  stop: () => running?.stop(),
});
