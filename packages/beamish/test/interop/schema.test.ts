/** Protocols 5.5: a BEAM against functions and servers of ours that stand behind a schema, and ours against its replies. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { isBeamishError } from '../../src/error/index.ts';
import { GenServer } from '../../src/process/index.ts';
import { guarded, plain } from '../../src/schema/index.ts';
import { atom } from '../../src/term/index.ts';
import { testCluster } from '../node/nodes.ts';
import { skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { Beam, cookie, nodeAndBeam } from './fixtures/beam.ts';

const options = { ...skipUnless('erl'), timeout: 90_000 };
const at = `'a@127.0.0.1'`;
const item = z.object({ id: z.number(), state: z.enum(['open', 'paid']) });
const contract = { take: { args: plain(z.tuple([item])), reply: z.number() } };

class Shop extends GenServer {
  static override readonly contract = contract;
  taken = 0;
  take(order: z.output<typeof item>): number {
    return (this.taken += order.id);
  }
}

test(
  row('5.5', 'erl to us', 'a schema guards calls, casts, erpc and rpc: the path of the fault in the answer'),
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const { node } = await cluster.start('a@127.0.0.1', { cookie });
    await node.spawn(Shop, [], { name: 'shop' });
    node.expose('shop', guarded(contract, { take: ({ id }) => id * 2 }));
    const beam = await Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort: cluster.epmdPort, t });
    const good = `#{id => 3, state => paid}`;
    const bad = `#{id => 3, state => lost}`;
    const refused =
      /'\$beamish_error',#\{.*<<"code">> => <<"value_invalid">>.*<<"message">> => <<"take: at \[0\]\.state: /s;
    assert.equal(await beam.eval(`gen_server:call({shop, ${at}}, {take, ${good}})`), '3');
    assert.match(await beam.eval(`gen_server:call({shop, ${at}}, {take, ${bad}})`), refused);
    assert.equal(await beam.eval(`gen_server:cast({shop, ${at}}, {take, ${bad}})`), 'ok');
    assert.equal(
      await beam.eval(`gen_server:call({shop, ${at}}, {take, #{<<"id">> => 4.0, <<"state">> => open}})`),
      '7',
    );
    assert.equal(await beam.eval(`erpc:call(${at}, shop, take, [${good}])`), '6');
    assert.match(await beam.eval(`erpc:call(${at}, shop, take, [${bad}])`), refused);
    assert.match(
      await beam.eval(`rpc:call(${at}, shop, take, [${bad}, more])`),
      /^\{badrpc,\{'EXIT',\{\{'\$beamish_error'/,
    );
  },
);

test(row('5.5', 'us to erl', 'a schema guards replies of gen_servers and of functions'), options, async (t) => {
  const { a, beam } = await nodeAndBeam(t);
  const { node } = a;
  const remote = node.at('beam@127.0.0.1');
  const tagged = plain(z.tuple([z.literal('ok'), z.number()]));
  assert.deepEqual(await remote.rpc('erlang', 'list_to_tuple', [[atom('ok'), 1]], { reply: tagged }), ['ok', 1]);
  await assert.rejects(
    remote.rpc('erlang', 'list_to_tuple', [[atom('error'), 1]], { reply: tagged }),
    (error) =>
      isBeamishError(error, 'value_invalid') && error.message.startsWith('reply of erlang:list_to_tuple: at [0]: '),
  );
  // {is_auth, Node} is what a BEAM asks to know that a node lives
  const kernel = remote.ref('net_kernel', {
    is_auth: { args: z.tuple([z.custom<ReturnType<typeof atom>>()]), reply: plain(z.literal('yes')) },
  });
  assert.equal(await kernel.is_auth(atom('a@127.0.0.1')), 'yes');
  const wrong = remote.ref('net_kernel', {
    is_auth: { args: z.tuple([z.custom<ReturnType<typeof atom>>()]), reply: plain(z.literal('no')) },
  });
  await assert.rejects(wrong.is_auth(atom('a@127.0.0.1')), (error) => isBeamishError(error, 'value_invalid'));
  assert.equal(await beam.eval('1'), '1');
});
