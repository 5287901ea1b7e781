/** Nodes that get their name from another (protocols 2.6). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Node, type NodeOptions } from '../../src/node/index.ts';
import { code } from '../support/code.ts';
import { eventually } from '../support/eventually.ts';
import { collectLogs } from '../support/logs.ts';
import { skipUnless } from '../support/peers.ts';
import { Authority } from '../world/certificates.ts';
import { testCluster } from './nodes.ts';

const options = { timeout: 60_000 };
const nameless = { namedBy: 'a@127.0.0.1' } satisfies Partial<NodeOptions>;

test('nodes without a name are given different ones, call and are called, and go', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { hidden: false });
  const b = await cluster.start('b@127.0.0.1');
  a.node.expose('shop', { price: () => 5 });
  const tools = [
    await cluster.start('undefined@127.0.0.1', nameless),
    await cluster.start('undefined@127.0.0.1', nameless),
  ];
  const names = tools.map(({ node }) => node.name);
  assert.equal(new Set(names).size, 2);
  for (const { node } of tools) {
    assert.match(node.name, /^[0-9A-Z]+@127\.0\.0\.1$/);
    assert.equal(node.address.port, 0);
    assert.ok(node.creation > 3);
    assert.equal(await node.at('a@127.0.0.1').rpc('shop', 'price'), 5);
    assert.equal(await a.node.at(node.name).ping(), true);
    // To others it comes with the name that it has now.
    assert.equal(await node.at('b@127.0.0.1').ping(), true);
    assert.equal(await b.node.at(node.name).ping(), true);
    const seen = a.node.nodes().find(({ name }) => name === node.name);
    assert.deepEqual([seen?.hidden, seen?.creation, seen?.direction], [true, node.creation, 'in']);
  }
  await tools[0]?.node.stop();
  await eventually(() => a.node.nodes().length === 1 && b.node.nodes().length === 1);
  // Nobody can dial it, and it comes back under its name.
  tools[1]?.node.disconnect('a@127.0.0.1');
  await eventually(() => a.node.nodes().length === 0);
  assert.equal(await tools[1]?.node.at('a@127.0.0.1').ping(), true);
  assert.equal(a.node.nodes()[0]?.name, names[1]);
});

test('by TLS', { ...options, ...skipUnless('openssl') }, async (t) => {
  const authority = new Authority();
  t.after(() => authority.dispose());
  const tls = { ...authority.issue(['IP:127.0.0.1']), ca: authority.ca };
  const cluster = await testCluster(t);
  await cluster.start('a@127.0.0.1', { tls });
  const tool = await cluster.start('undefined@127.0.0.1', { ...nameless, tls });
  assert.equal(await tool.node.at('a@127.0.0.1').ping(), true);
});

test('it gets none: refused, the wrong cookie, nobody there, not allowed; and nothing is left', options, async (t) => {
  const cluster = await testCluster(t);
  const start = (given: Partial<NodeOptions>): Promise<unknown> =>
    cluster.start('undefined@127.0.0.1', { ...nameless, ...given });
  const a = await cluster.start('a@127.0.0.1', { allow: '*@127.0.0.1' });
  await assert.rejects(start({ cookie: 'wrong' }), code('cookie_mismatch'));
  await assert.rejects(start({ namedBy: 'nobody@127.0.0.1' }), code('noconnection'));
  await assert.rejects(
    Node.start({
      ...nameless,
      name: 'undefined@elsewhere',
      cookie: 'test cookie',
      epmd: { port: cluster.epmdPort },
      logger: collectLogs().logger,
    }),
    code('handshake_failed', /does not allow/),
  );
  await eventually(() => a.node.statistics().pending === 0);
  assert.deepEqual(a.events, []);
});

test('its options go together', options, async (t) => {
  const cluster = await testCluster(t);
  const invalid = (name: string, given: Partial<NodeOptions>, text: RegExp): Promise<void> =>
    assert.rejects(cluster.start(name, given), code('option_invalid', text));
  await invalid('undefined@127.0.0.1', {}, /namedBy/);
  await invalid('tool@127.0.0.1', nameless, /undefined@127\.0\.0\.1/);
  await invalid('undefined@127.0.0.1', { namedBy: 'a' }, /"a" is no node name/);
  await invalid('undefined@127.0.0.1', { ...nameless, listen: true }, /does not listen/);
  await invalid('undefined@127.0.0.1', { ...nameless, hidden: false }, /hidden/);
});
