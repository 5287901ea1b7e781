/** Compiled, never run: each `@ts-expect-error` fails the type check when the mistake below it would compile. */
import { GenServer, PartitionSupervisor, Registry, Runtime, Task, child } from '../../src/process/index.ts';
import type { MultiReply } from '../../src/process/index.ts';
import { Table } from '../../src/table/index.ts';
import { realWorld } from '../../src/world/index.ts';

class Counter extends GenServer {
  increment(by = 1): number {
    return by;
  }
}

const runtime = new Runtime({ world: realWorld() });

export function tables(): void {
  const table = Table.create<readonly [page: string, count: number]>(runtime, { name: 'hits' });
  table.insert(['/', 1]);
  table.lookup('/')[0]?.[1] satisfies number | undefined;
  table.lookupElement('/', 1) satisfies number;
  // @ts-expect-error the count is a number
  table.insert(['/', '1']);
  // @ts-expect-error the key is a string
  table.lookup(1);
  // @ts-expect-error no such type of table
  Table.create<readonly [string]>(runtime, { type: 'tree' });
  const second = Table.create<readonly [number, string], 1>(runtime, { keyPosition: 1 });
  second.lookup('x');
  // @ts-expect-error the key is the second element
  second.lookup(1);
  // @ts-expect-error the position of the key must be told
  Table.create<readonly [number, string], 1>(runtime, {});
}

export async function processes(): Promise<void> {
  (await Task.async(runtime, () => 1).await()) satisfies number;
  (await Task.async(runtime, async () => 'a').await()) satisfies string;
  // @ts-expect-error the result is a number
  (await Task.async(runtime, () => 1).await()) satisfies string;
  const all = runtime.multiRef<Counter>(['a@h'], 'counter');
  (await all.increment(2)) satisfies MultiReply<number>;
  // @ts-expect-error no such method
  await all.decrement();
  // @ts-expect-error an argument of another type
  all.cast.increment('2');
  const registry = new Registry<string>(runtime, { keys: 'unique' });
  (await registry.ref<Counter>(1).increment()) satisfies number;
  await runtime.startServer(Counter, [], { via: registry.via(1, 'value') });
  // @ts-expect-error the value is missing
  registry.via(1);
  // @ts-expect-error no such method
  await registry.ref<Counter>(1).decrement();
  const dynamic = await runtime.startDynamicSupervisor({ maxChildren: 1 });
  await dynamic.startChild(child(Counter, []));
  // @ts-expect-error no such option
  await runtime.startDynamicSupervisor({ maxChild: 1 });
  // @ts-expect-error the number of partitions is missing
  void new PartitionSupervisor({ name: 'x', child: () => child(Counter, []) });
}
