/** Compiled, never run: each `@ts-expect-error` fails the type check when the mistake below it would compile. */
import {
  GenServer,
  NO_REPLY,
  Runtime,
  child,
  type PartitionSupervisor,
  type Registry,
} from '../../src/process/index.ts';
import type { ServerRef } from '../../src/process/index.ts';
import { realWorld } from '../../src/world/index.ts';

class Counter extends GenServer {
  #count = 0;
  readonly title: string;
  constructor(title: string) {
    super();
    this.title = title;
  }
  increment(by = 1): number {
    return (this.#count += by);
  }
  async names(prefix: string): Promise<readonly string[]> {
    return [prefix];
  }
  later(): typeof NO_REPLY | { readonly ok: boolean } {
    return NO_REPLY;
  }
  reset(): void {}
  _internal(): void {}
  // A callback that a subclass makes public is no call all the same.
  override init(): void {}
}

const runtime = new Runtime({ world: realWorld() });

export async function calls(counter: ServerRef<Counter>): Promise<void> {
  (await counter.increment()) satisfies number;
  (await counter.increment(2)) satisfies number;
  (await counter.names('a')) satisfies readonly string[];
  (await counter.later()) satisfies { readonly ok: boolean };
  (await counter.with({ timeout: 10 }).increment()) satisfies number;
  counter.cast.increment(3) satisfies void;

  // @ts-expect-error no such method
  await counter.decrement();
  // @ts-expect-error an argument of another type
  await counter.increment('2');
  // @ts-expect-error an argument is missing
  await counter.names();
  // @ts-expect-error too many arguments
  await counter.reset(1);
  // @ts-expect-error the reply is a number
  (await counter.increment()) satisfies string;
  // @ts-expect-error a call gives a promise
  void (counter.increment() satisfies number);
  // @ts-expect-error NO_REPLY is not what the caller gets
  (await counter.later()) satisfies typeof NO_REPLY;
  // @ts-expect-error a cast has no reply
  counter.cast.increment(1) satisfies number;
  // @ts-expect-error no such method to cast to
  counter.cast.decrement();
  // @ts-expect-error a field is no call
  await counter.title();
  // @ts-expect-error a name with an underscore is no call
  await counter._internal();
  // @ts-expect-error a callback is no call
  await counter.init();
  // @ts-expect-error a callback is no call
  await counter.handleInfo(1);
  // @ts-expect-error a private method is not there
  await counter['#count']();
  // @ts-expect-error no such option
  counter.with({ timeOut: 10 });
}

class BadCast extends GenServer {
  cast(): void {}
}
class BadThen extends GenServer {
  then(): void {}
}

export async function starts(): Promise<void> {
  (await runtime.startServer(Counter, ['a'])) satisfies ServerRef<Counter>;
  // @ts-expect-error the constructor takes a title
  await runtime.startServer(Counter, []);
  // @ts-expect-error the title is a string
  await runtime.startServer(Counter, [1]);
  // @ts-expect-error cast is a name that references use
  await runtime.startServer(BadCast, []);
  // @ts-expect-error then is a name that references use
  await runtime.startServer(BadThen, []);
  // @ts-expect-error no such option
  await runtime.startServer(Counter, ['a'], { startTimeOut: 1 });
  child(Counter, ['a']);
  // @ts-expect-error the title is a string
  child(Counter, [1]);
  // @ts-expect-error pid, with, cast ... are refused here too
  child(BadCast, []);
  // @ts-expect-error not one of the three
  child(Counter, ['a'], { restart: 'always' });
  // @ts-expect-error no such strategy
  await runtime.startSupervisor({ strategy: 'one_for_some', children: [] });
  (await runtime.ref<Counter>('counter').increment()) satisfies number;
  // @ts-expect-error without a type there is nothing to call
  await runtime.ref('counter').increment();
}

export async function otherReferences(registry: Registry, partitions: PartitionSupervisor): Promise<void> {
  const named = [registry.ref<Counter>('a'), partitions.ref<Counter>('a'), runtime.ref<Counter>(registry.via('a'))];
  for (const counter of [...named, runtime.ref<Counter>({ name: 'counter', node: 'b@h' })]) {
    (await counter.increment(1)) satisfies number;
    // @ts-expect-error no such method
    await counter.decrement();
    // @ts-expect-error an argument of another type
    await counter.increment('2');
    // @ts-expect-error the reply is a number
    (await counter.increment()) satisfies string;
    // @ts-expect-error casts are checked too
    counter.cast.increment('2');
  }
  const all = runtime.multiRef<Counter>(['a@h', 'b@h'], 'counter', { timeout: 10 });
  (await all.increment(1)).replies[0]?.reply satisfies number | undefined;
  // @ts-expect-error no such method
  await all.decrement();
  // @ts-expect-error an argument of another type
  await all.increment('2');
  // @ts-expect-error the reply is a number
  (await all.increment()).replies[0]?.reply satisfies string | undefined;
  // @ts-expect-error casts are checked too
  all.cast.increment('2');
}
