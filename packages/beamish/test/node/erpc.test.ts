/** Spawn requests and erpc as bytes of a peer (protocols 5.3): how the process ends is the answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OWN_FLAGS } from '../../src/node/flags.ts';
import { atom, formatTerm, Reference, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { RAW, Raw } from '../interop/fixtures/raw.ts';
import { eventually } from '../support/eventually.ts';
import { testCluster } from './nodes.ts';

async function setup(t: Parameters<typeof testCluster>[0]) {
  const cluster = await testCluster(t);
  const { node } = await cluster.start('a@127.0.0.1', { cookie: 'interop' });
  const raw = await Raw.connect(t, { name: node.name, port: node.address.port }, OWN_FLAGS);
  await eventually(() => node.isConnected(RAW));
  let asked = 0;
  /** @returns how the process ended that it asks for */
  const ends = async (module: string, name: string, args: readonly Term[]): Promise<string> => {
    const reference = new Reference(RAW, 5, [++asked, 1, 1]);
    const mfa = tuple(atom(module), atom(name), args.length);
    raw.send(tuple(29, reference, raw.pid(1), raw.pid(1), mfa, [atom('monitor')]), { term: args });
    const down = await eventually(() =>
      raw.seen.find(({ op, control }) => op === 28 && formatTerm(control.at(3)) === formatTerm(reference)),
    );
    return formatTerm(down.payload);
  };
  return { node, ends };
}

test('a function that was spawned ends with normal, or with what it threw', async (t) => {
  const { node, ends } = await setup(t);
  const fails = (): never => {
    throw new TypeError('no such pear');
  };
  node.expose('shop', { price: () => 5, fails });
  assert.equal(await ends('shop', 'price', []), 'normal');
  assert.match(await ends('shop', 'fails', []), /^\{.*no such pear.*\}$/s);
  assert.match(await ends('erpc', 'execute_cast', [atom('shop'), atom('fails'), []]), /no such pear/);
});

test('erpc: a call that is none is badarg, and calls nothing', async (t) => {
  const { node, ends } = await setup(t);
  let called = 0;
  node.expose('shop', { price: () => ++called });
  const result = atom('res');
  const call = (module: Term, name: Term, args: Term): Promise<string> =>
    ends('erpc', 'execute_call', [result, module, name, args]);
  for (const [module, name, args] of [
    ['shop', atom('price'), []],
    [atom('shop'), 1, []],
    [atom('shop'), atom('price'), 'no list'],
    [atom('shop'), atom('price'), tuple()],
  ] as const) {
    assert.equal(await call(module, name, args), '{res,error,{erpc,badarg}}');
  }
  assert.equal(called, 0);
  assert.equal(await call(atom('shop'), atom('price'), []), '{res,return,1}');
});
