/** Compiled, never run: each `@ts-expect-error` fails the type check when the mistake below it would compile. */
import { Node } from '../../src/node/index.ts';
import type { RemoteNode } from '../../src/node/index.ts';
import { GenServer, Sys, whichChildren } from '../../src/process/index.ts';
import type { Runtime } from '../../src/process/index.ts';
import { startNode } from '../../src/start-node.ts';
import type { Pid } from '../../src/term/index.ts';

export async function allowed(node: Node): Promise<void> {
  node.expose('shop', { price: () => 5 }, { allow: 'web*@10.0.0.*' });
  node.expose('shop', { price: () => 5 }, { allow: ['a@h', 'b@h'] });
  const exposed = node.expose('shop', { price: () => 5 }, { allow: (nodeName) => nodeName.endsWith('@h') });
  exposed.remove();
  node.expose('shop', { close: () => {}, closeLater: async () => {} });
  // @ts-expect-error: who may call is said under its name
  node.expose('shop', { price: () => 5 }, 'web*@10.0.0.*');
  // @ts-expect-error: a promise is no answer, and would let everybody in
  node.expose('shop', { price: () => 5 }, { allow: async () => true });
  // @ts-expect-error: a pattern is a text
  node.expose('shop', { price: () => 5 }, { allow: /web/ });
  // @ts-expect-error: only functions can be called
  node.expose('shop', { price: 5 });
  await Node.start({ name: 'a@127.0.0.1', cookie: 'c', allow: ['b@127.0.0.1'] });
  // @ts-expect-error: not by number
  await Node.start({ name: 'a@127.0.0.1', cookie: 'c', allow: 5 });
}

interface Shop {
  price(name: string): number;
  stock(): Promise<readonly string[]>;
}

export async function modules(remote: RemoteNode): Promise<void> {
  const shop = remote.module<Shop>('Elixir.Shop', { timeout: 1000, onOutput: (text: string) => void text });
  const price: number = await shop.price('pear');
  const stock: readonly string[] = await shop.stock();
  shop.cast.price('pear');
  // @ts-expect-error the argument is a string
  await shop.price(1);
  // @ts-expect-error the result is a number
  const wrong: string = await shop.price('pear');
  // @ts-expect-error no such function
  await shop.prices();
  // @ts-expect-error a cast has no result to wait for
  shop.cast.price('pear').then(() => {});
  void [price, stock, wrong];
}

export async function services(runtime: Runtime, remote: Pid): Promise<void> {
  const state: number = await Sys.getState<number>(runtime, remote);
  const children = await whichChildren(runtime, { name: 'top', node: 'b@h' });
  const kind: 'worker' | 'supervisor' | undefined = children[0]?.type;
  // @ts-expect-error who asks must be given
  await Sys.suspend(remote);
  void [state, kind];
}

class Counter extends GenServer {
  increment(by = 1): number {
    return by;
  }
}

export async function inGlobal(): Promise<void> {
  const visible = await startNode({ name: 'a@127.0.0.1', cookie: 'c', hidden: false });
  visible.global.whereis('leader') satisfies Pid | undefined;
  const hidden = await startNode({ name: 'a@127.0.0.1', cookie: 'c' });
  // @ts-expect-error a hidden node takes no part in it
  hidden.global.whereis('leader');
}

export async function remoteReferences(node: Node, remote: RemoteNode, pid: Pid): Promise<void> {
  for (const counter of [node.ref<Counter>('counter'), remote.ref<Counter>('counter'), remote.ref<Counter>(pid)]) {
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
}
