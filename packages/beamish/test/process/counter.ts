/** The server that tests of GenServer call, and the node that it runs on. */
import { CallRejected, GenServer, Runtime } from '../../src/process/index.ts';
import type { Term } from '../../src/term/index.ts';
import { fakeWorld } from '../support/fake-world.ts';
import type { FakeWorld } from '../support/fake-world.ts';

export class Counter extends GenServer {
  #count: number;
  readonly log: unknown[] = [];
  constructor(first = 0) {
    super();
    this.#count = first;
  }
  increment(by = 1): number {
    return (this.#count += by);
  }
  async slowly(milliseconds: number): Promise<number> {
    await this.process.sleep(milliseconds);
    return this.#count;
  }
  count(): number {
    return this.#count;
  }
  listDevices(): string[] {
    return ['a'];
  }
  refuse(): never {
    throw new CallRejected('not today', { retry_after: 5 });
  }
  crash(): never {
    throw new RangeError('broken');
  }
  stopWith(reason: Term): string {
    this.stop(reason);
    return 'stopping';
  }
  _hidden(): number {
    return 1;
  }
}

export function start(): { world: FakeWorld; runtime: Runtime } {
  const world = fakeWorld();
  return { world, runtime: new Runtime({ world, nodeName: 'a@h', creation: 1 }) };
}
