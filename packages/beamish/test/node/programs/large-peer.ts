/** A node for tests of large messages and of stalled peers: `large-peer.ts NAME EPMD_PORT COOKIE`. Says "up", and serves until it is ended. */
import { Node } from '../../../src/node/index.ts';
import { GenServer } from '../../../src/process/index.ts';
import type { Term } from '../../../src/term/index.ts';

const [name, epmdPort, cookie] = process.argv.slice(2) as [string, string, string];

export class Small extends GenServer {
  echo(value: Term): Term {
    return value;
  }
  /** Bytes of this process now, and at most so far. */
  memory(): { now: number; most: number } {
    return { now: process.memoryUsage.rss(), most: process.resourceUsage().maxRSS * 1024 };
  }
}

export class Large extends GenServer {
  #last: Uint8Array = new Uint8Array(0);
  /** Keeps the bytes. @returns how many they are */
  take(bytes: Uint8Array): number {
    this.#last = bytes;
    return bytes.length;
  }
  /** What was taken last. */
  give(): Uint8Array {
    return this.#last;
  }
  count(terms: readonly Term[]): number {
    return terms.length;
  }
  #swallowed = 0;
  /** For casts. */
  swallow(_value: Term): void {
    this.#swallowed += 1;
  }
  swallowed(): number {
    return this.#swallowed;
  }
}

if (import.meta.main) {
  const node = await Node.start({ name, cookie, epmd: { port: Number(epmdPort) } });
  await node.spawn(Small, [], { name: 'small' });
  await node.spawn(Large, [], { name: 'large' });
  console.log('up');
}
