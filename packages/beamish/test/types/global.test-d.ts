/** Compiled, never run: each `@ts-expect-error` fails the type check when the mistake below it would compile. */
import { Global, GlobalDelegate } from '../../src/global/index.ts';
import type { GlobalLock } from '../../src/global/index.ts';
import type { Node } from '../../src/node/index.ts';
import { GenServer } from '../../src/process/index.ts';
import { atom, type Pid } from '../../src/term/index.ts';

class Counter extends GenServer {
  increment(by = 1): number {
    return by;
  }
}

const leader = atom('leader');

export async function names(node: Node, pid: Pid): Promise<void> {
  await using global = await Global.start(node, { preventOverlappingPartitions: false });
  (await global.register(leader, pid)) satisfies boolean;
  await global.register(leader, await node.spawn(Counter, []), { resolve: 'notify_all', timeout: 1000 });
  await global.register(leader, pid, { resolve: (_name, one, other) => (one.id < other.id ? one : other) });
  global.whereis(leader) satisfies Pid | undefined;
  (await global.ref<Counter>(leader).increment(2)) satisfies number;
  // As in Elixir: GenServer.call({:global, :leader}, ...)
  await node.runtime.call(global.via(leader), atom('increment'));

  // @ts-expect-error no such method of resolving
  await global.register(leader, pid, { resolve: 'random' });
  // @ts-expect-error it must choose a process
  await global.register(leader, pid, { resolve: () => 'mine' });
  // @ts-expect-error no such method of the process
  await global.ref<Counter>(leader).decrement();
  // @ts-expect-error no such option
  await Global.start(node, { preventOverlapping: true });
}

export async function locks(node: Node): Promise<void> {
  await using global = await Global.start(node);
  (await global.setLock('resource', { retries: 0 })) satisfies GlobalLock | undefined;
  (await global.trans('resource', () => 1)) satisfies number;
  (await global.trans('resource', async () => 'done')) satisfies string;

  // @ts-expect-error it may not have been free
  await (await global.setLock('resource')).release();
}

export async function delegated(node: Node): Promise<void> {
  await using names = new GlobalDelegate(node, { through: ['a@host'] });
  (await names.whereis(leader)) satisfies Pid | undefined;
  // Nobody here has the table: it must be asked for, each time.
  (await (await names.ref<Counter>(leader)).increment()) satisfies number;

  // @ts-expect-error it is asked first
  await names.ref<Counter>(leader).increment();
}
