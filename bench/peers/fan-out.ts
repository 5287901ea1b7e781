/** A broadcast as all its peers make it: the same object, the same subscribers, the same nodes. */
import { setImmediate as turn } from 'node:timers/promises';
import { oneWay, type Figures, type Time } from '../harness/loops.ts';

export const nodes = 3;
export const subscribers = 1000;
/** Broadcasts in one turn of the event loop. */
const burst = 32;

export interface FanOut {
  broadcast(): void;
  /** Resolves when more may be sent. */
  writable(): Promise<unknown>;
  /** Deliveries so far on all nodes together. */
  delivered(): Promise<number>;
}

/** Deliveries per second, until the last subscriber of the last node has all of them; a lost one is a failure. */
export async function fanOut(channel: FanOut, time: Time): Promise<Figures> {
  let sent = 0;
  const { rate = NaN } = await oneWay(
    {
      send() {
        channel.broadcast();
        return ++sent % burst !== 0;
      },
      async writable() {
        await turn(); // subscribers of the broadcasting node have theirs
        await channel.writable();
      },
      received: async () => (await channel.delivered()) / (nodes * subscribers),
    },
    time,
  );
  return { rate: rate * nodes * subscribers };
}
