/** Compiled, never run: each `@ts-expect-error` fails the type check when the mistake below it would compile. */
import { Node } from '../../src/node/index.ts';

export async function allowed(node: Node): Promise<void> {
  node.expose('shop', { price: () => 5 }, { allow: 'web*@10.0.0.*' });
  node.expose('shop', { price: () => 5 }, { allow: ['a@h', 'b@h'] });
  const exposed = node.expose('shop', { price: () => 5 }, { allow: (nodeName) => nodeName.endsWith('@h') });
  exposed.remove();
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
