/** A GenServer: state that only its own methods touch, one call at a time. Runs on one machine, without a cluster. */
import { CallRejected, GenServer, realWorld, Runtime } from 'beamish';

class Counter extends GenServer {
  #count = 0;
  increment(by = 1): number {
    if (!Number.isSafeInteger(by)) throw new CallRejected(`cannot count by ${by}`);
    return (this.#count += by);
  }
  value(): number {
    return this.#count;
  }
}

const runtime = new Runtime({ world: realWorld() });
const counter = await runtime.startServer(Counter, [], { name: 'counter' });
console.log(await counter.increment(2));
console.log(await runtime.ref<Counter>('counter').increment());
await counter.increment(0.5).catch((error: Error) => console.log(error.message));
console.log(await counter.value());
await runtime.stop();

// prints:
// 2
// 3
// cannot count by 0.5
// 3
