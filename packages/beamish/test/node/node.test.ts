import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { epmdNames, Node, type NodeEvent } from '../../src/node/index.ts';
import { GenServer } from '../../src/process/index.ts';
import { atom, formatTerm, isAtom, type Pid, type Term, tuple } from '../../src/term/index.ts';
import { realWorld } from '../../src/world/index.ts';
import { code } from '../support/code.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { cookie, testCluster, types } from './nodes.ts';

const options = { timeout: 60_000 };

class Counter extends GenServer {
  #count = 0;
  increment(by = 1): number {
    return (this.#count += by);
  }
  count(): number {
    return this.#count;
  }
  slow(): Promise<never> {
    return new Promise(() => {});
  }
}

test('two nodes: calls by name and by pid, one nodeup each, one nodedown each', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1');
  const local = await a.node.spawn(Counter, [], { name: 'counter' });
  const remote = b.node.at('a@127.0.0.1').ref<Counter>('counter');
  assert.equal(await remote.increment(2), 2);
  assert.equal(
    await b.node
      .at('a@127.0.0.1')
      .ref<Counter>(local.pid as Pid)
      .increment(3),
    5,
  );
  assert.equal(await b.node.at('a@127.0.0.1').ping(), true);
  assert.deepEqual(types(a.events), ['nodeup b@127.0.0.1']);
  assert.deepEqual(types(b.events), ['nodeup a@127.0.0.1']);
  assert.deepEqual(
    b.node.nodes().map(({ name, hidden, direction }) => ({ name, hidden, direction })),
    [{ name: 'a@127.0.0.1', hidden: true, direction: 'out' }],
  );
  assert.equal(b.node.nodes('visible').length, 0);
  assert.equal(b.node.nodes()[0]?.creation, a.node.creation);
  const [statistics] = b.node.statistics().peers;
  assert.ok(statistics !== undefined && statistics.messagesIn >= 3 && statistics.bytesOut > 100);
  assert.ok(b.node.disconnect('a@127.0.0.1'));
  await eventually(() => a.events.length === 2);
  assert.deepEqual(types(a.events), ['nodeup b@127.0.0.1', 'nodedown b@127.0.0.1 closed']);
  assert.deepEqual(types(b.events), ['nodeup a@127.0.0.1', 'nodedown a@127.0.0.1 disconnected']);
  assert.equal(await remote.count(), 5);
});

test('nodeup comes before the first message of a node, nodedown after its last', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const order: Term[] = [];
  a.node.monitorNodes((event: NodeEvent) => order.push(event.type));
  a.node.runtime.spawn({ handle: (message) => void order.push(message) }, { name: 'sink' });
  const b = await cluster.start('b@127.0.0.1');
  for (let index = 0; index < 100; index++) b.node.runtime.send({ name: 'sink', node: 'a@127.0.0.1' }, index);
  await eventually(() => order.length === 101);
  assert.deepEqual(order, ['nodeup', ...Array.from({ length: 100 }, (_, index) => index)]);
  b.node.runtime.send({ name: 'sink', node: 'a@127.0.0.1' }, 'last');
  await b.node.stop();
  await eventually(() => order.includes('nodedown'));
  await eventually(() => order.includes('last'));
});

test('what is lost with a node: calls, monitors, links', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1');
  const counter = await a.node.spawn(Counter, [], { name: 'counter' });
  const call = b.node.at('a@127.0.0.1').ref<Counter>('counter').slow();
  const downs: Term[] = [];
  b.node.runtime.monitor(counter.pid as Pid, (reason) => downs.push(reason));
  b.node.runtime.monitor({ name: 'nobody', node: 'a@127.0.0.1' }, (reason) => downs.push(reason));
  const exits: Term[] = [];
  const linked = b.node.runtime.spawn(
    {
      init: (self) => self.link(counter.pid as Pid),
      handle: () => {},
      exit: (_from, reason) => void exits.push(reason),
    },
    { trapExit: true },
  );
  await eventually(() => downs.length === 1);
  assert.ok(isAtom(downs[0], 'noproc'));
  await eventually(() => a.node.runtime.processes().some((info) => info.links.some((pid) => pid.equals(linked.pid))));
  b.node.disconnect('a@127.0.0.1');
  await assert.rejects(call, code('noconnection'));
  await eventually(() => downs.length === 2 && exits.length === 1);
  assert.ok(isAtom(downs[1], 'noconnection') && isAtom(exits[0], 'noconnection'));
});

test('a link and a monitor across nodes tell the reason', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1');
  const target = a.node.runtime.spawn({ handle: (message, self) => self.exit(message) });
  const told: Term[] = [];
  const linked = b.node.runtime.spawn(
    { init: (self) => self.link(target.pid), handle: () => {}, exit: (_from, reason) => void told.push(reason) },
    { trapExit: true },
  );
  b.node.runtime.monitor(target.pid, (reason) => told.push(reason));
  await eventually(() => a.node.runtime.processes().some((info) => info.links.some((pid) => pid.equals(linked.pid))));
  b.node.runtime.send(target.pid, tuple(atom('done'), 1));
  await eventually(() => told.length === 2);
  assert.deepEqual(told, [tuple(atom('done'), 1), tuple(atom('done'), 1)]);
});

test('both connect at the same moment: one connection, one nodeup on each side', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1');
  for (let round = 1; round <= 40; round++) {
    const both = [a.node.connect(b.node.name), b.node.connect(a.node.name)];
    await Promise.all(round % 2 === 0 ? both : both.toReversed());
    await eventually(() => a.node.nodes().length === 1 && b.node.nodes().length === 1);
    assert.equal(await a.node.at(b.node.name).ping(), true);
    assert.equal(a.node.nodes()[0]?.direction === 'in', b.node.nodes()[0]?.direction === 'out');
    a.node.disconnect(b.node.name);
    await eventually(() => a.node.nodes().length === 0 && b.node.nodes().length === 0);
    assert.equal(a.events.filter((event) => event.type === 'nodeup').length, round);
    assert.equal(b.events.filter((event) => event.type === 'nodeup').length, round);
  }
  assert.deepEqual(a.warnings(), []);
  assert.deepEqual(b.warnings(), []);
});

test('a node that was restarted takes the place of its former life', options, async (t) => {
  const cluster = await testCluster(t);
  const b = await cluster.start('b@127.0.0.1');
  const first = await Node.start({ name: 'a@127.0.0.1', cookie, epmd: { port: cluster.epmdPort } });
  t.after(() => first.stop());
  await first.connect(b.node.name);
  // The same name, unknown to the port mapper: what b sees when a machine came back before its connections broke.
  const resolve = (): typeof b.node.address => b.node.address;
  const second = await Node.start({ name: 'a@127.0.0.1', cookie, epmd: false, resolve });
  t.after(() => second.stop());
  await second.connect(b.node.name);
  assert.deepEqual(types(b.events), ['nodeup a@127.0.0.1', 'nodedown a@127.0.0.1 replaced', 'nodeup a@127.0.0.1']);
  assert.equal(b.node.nodes()[0]?.creation, second.creation);
  await eventually(() => first.nodes().length === 0);
});

test('a node that does not listen can use the others', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  await a.node.spawn(Counter, [], { name: 'counter' });
  const tool = await cluster.start('tool@127.0.0.1', { listen: false });
  assert.equal(await tool.node.at('a@127.0.0.1').ref<Counter>('counter').increment(), 1);
  const names = await epmdNames(realWorld(), { host: '127.0.0.1', port: cluster.epmdPort });
  assert.deepEqual(names, [{ name: 'a', port: a.node.address.port }]);
});

test('rpc reaches what is exposed, and nothing else', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1');
  const exposed = a.node.expose('math', {
    add: (x, y) => (x as number) + (y as number),
    later: async (x) => Promise.resolve(x),
    fail: () => {
      throw new Error('it does not work');
    },
    socket: () => new WeakMap() as unknown as Term,
    never: () => new Promise(() => {}),
  });
  const remote = b.node.at('a@127.0.0.1');
  assert.equal(await remote.rpc('math', 'add', [1, 2]), 3);
  assert.equal(await remote.rpc('math', 'later', ['x']), 'x');
  await assert.rejects(remote.rpc('math', 'fail'), code('remote_error', /it does not work/));
  await assert.rejects(remote.rpc('math', 'socket'), code('term_not_encodable'));
  await assert.rejects(remote.rpc('math', 'toString'), code('not_exposed'));
  await assert.rejects(remote.rpc('os', 'cmd', ['id']), code('not_exposed', /os:cmd\/1 on a@127.0.0.1/));
  await assert.rejects(
    remote.rpc('math', 'never', [], { timeout: 50 }),
    code('timeout', /math:never\/0 on a@127.0.0.1: no answer within 50 ms/),
  );
  const controller = new AbortController();
  const aborted = remote.rpc('math', 'never', [], { signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(aborted, code('aborted'));
  assert.throws(() => a.node.expose('math', { add: () => 1 }), code('name_taken'));
  exposed.remove();
  await assert.rejects(remote.rpc('math', 'add', [1, 2]), code('not_exposed'));
  const lost = remote.rpc('x', 'y');
  b.node.disconnect('a@127.0.0.1');
  await assert.rejects(lost, code('noconnection'));
});

test('connecting fails with what is wrong', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { setupTime: 1000 });
  await assert.rejects(
    a.node.connect('nobody@127.0.0.1'),
    code('noconnection', /no node nobody is registered at epmd/),
  );
  await assert.rejects(a.node.connect('no name'), code('option_invalid'));
  await assert.rejects(a.node.connect('x@127.0.0.77'), code('noconnection'));
  assert.throws(() => a.node.at('no name'), code('option_invalid'));
  await a.node.connect('a@127.0.0.1');
  const closed = await cluster.start('c@127.0.0.1', { epmd: false, resolve: () => ({ host: '127.0.0.1', port: 1 }) });
  await assert.rejects(closed.node.connect('a@127.0.0.1'), code('connection_refused'));
  await assert.rejects(a.node.connect('d@127.0.0.1', { signal: AbortSignal.abort('why') }), code('aborted'));
  const call = a.node.at('nobody@127.0.0.1').ref<Counter>('counter').count();
  await assert.rejects(call, code('noconnection', /counter\.count on nobody@127\.0\.0\.1/));
});

test('a value that has no form on the wire is its sender’s error, and nobody else’s', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1');
  await a.node.spawn(Counter, [], { name: 'counter' });
  const counter = b.node.at('a@127.0.0.1').ref<Counter>('counter');
  for (const connected of [false, true]) {
    assert.equal(b.node.nodes().length > 0, connected);
    await assert.rejects(counter.increment((() => 1) as unknown as number), code('term_not_encodable'));
    assert.equal(await counter.increment(1), connected ? 2 : 1);
  }
  assert.equal(b.node.nodes().length, 1);
});

test('messages of many megabytes, and small ones among them, arrive in order', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1');
  const sizes: number[] = [];
  a.node.runtime.spawn({ handle: (message) => void sizes.push((message as string).length) }, { name: 'sink' });
  const wanted = [10, 5_000_000, 3, 70_000, 65_536, 1, 12_000_000, 2];
  for (const size of wanted) b.node.runtime.send({ name: 'sink', node: 'a@127.0.0.1' }, 'x'.repeat(size));
  await b.node.at('a@127.0.0.1').drained();
  await eventually(() => sizes.length === wanted.length, { timeout: 20_000 });
  assert.deepEqual(sizes, wanted);
});

test('another cookie for some nodes', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1', { cookies: { 'b@127.0.0.1': 'between us' } });
  const b = await cluster.start('b@127.0.0.1', { cookies: { 'a@127.0.0.1': 'between us' } });
  const c = await cluster.start('c@127.0.0.1');
  await b.node.connect('a@127.0.0.1');
  await c.node.connect('a@127.0.0.1');
  assert.equal(a.node.nodes().length, 2);
});

test('a listener that throws disturbs nobody; a cancelled one hears nothing', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1');
  let heard = 0;
  a.node.monitorNodes(() => (heard += 1)).cancel();
  a.node.monitorNodes(() => {
    throw new Error('a bug');
  });
  const later: NodeEvent[] = [];
  a.node.monitorNodes((event) => later.push(event));
  await b.node.connect(a.node.name);
  assert.equal(heard, 0);
  assert.equal(later.length, 1);
  assert.ok(a.lines.some((line) => line.msg === 'a listener of monitorNodes threw'));
});

test('starting fails with what is wrong', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const epmd = { port: cluster.epmdPort };
  await assert.rejects(
    Node.start({ name: 'a@127.0.0.1', cookie, epmd }),
    code('name_taken', /a node named a runs on this machine/),
  );
  await assert.rejects(
    Node.start({ name: 'b@127.0.0.1', cookie, epmd, port: a.node.address.port }),
    code('address_in_use'),
  );
  const nobody = await freePort();
  await assert.rejects(
    Node.start({ name: 'b@127.0.0.1', cookie, epmd: { port: nobody, embedded: 'never' } }),
    code('epmd_failed', new RegExp(`127.0.0.1:${nobody}`)),
  );
  await assert.rejects(
    Node.start({ name: 'b@127.0.0.1', cookie, epmd: { ...epmd, embedded: 'always' } }),
    code('address_in_use'),
  );
  await assert.rejects(
    Node.start({
      name: 'bad name',
      cookie: '',
      port: 70_000,
      tickTime: NaN,
      epmd: false,
      host: 'localhost',
      cookies: { x: 'a\nb' },
    }),
    (error: unknown) => {
      assert.ok(isBeamishError(error, 'option_invalid'));
      for (const fault of ['name:', 'cookie:', 'cookies["x"]:', 'port:', 'tickTime:', 'host:', 'epmd:'])
        assert.ok(error.message.includes(fault), fault);
      return true;
    },
  );
  // None of them left a name behind.
  assert.deepEqual(
    (await epmdNames(realWorld(), { host: '127.0.0.1', port: epmd.port })).map((entry) => entry.name),
    ['a'],
  );
});

test('a node that other machines reach starts only with TLS or by the word plaintext', options, async (t) => {
  const cluster = await testCluster(t);
  await assert.rejects(cluster.start('a@127.0.0.1', { host: '0.0.0.0' }), (error: unknown) => {
    assert.ok(isBeamishError(error, 'option_invalid'));
    assert.match(error.message, /other machines reach 0\.0\.0\.0.* give tls: .* or plaintext: true/);
    return true;
  });
  const open = await cluster.start('a@127.0.0.1', { host: '0.0.0.0', plaintext: true });
  assert.ok(open.lines.some(({ level, msg }) => level === 40 && msg.includes('not encrypted')));
  const private_ = await cluster.start('b@127.0.0.1');
  assert.ok(!private_.lines.some(({ msg }) => msg.includes('not encrypted')));
});

test('a stopped node is gone: its name, its port, its connections; stopping again is nothing', options, async (t) => {
  const cluster = await testCluster(t);
  const a = await cluster.start('a@127.0.0.1');
  const b = await cluster.start('b@127.0.0.1');
  await b.node.connect(a.node.name);
  await Promise.all([b.node.stop(), b.node.stop()]);
  await b.node.stop();
  await eventually(() => a.node.nodes().length === 0);
  const names = await epmdNames(realWorld(), { host: '127.0.0.1', port: cluster.epmdPort });
  assert.deepEqual(
    names.map((entry) => entry.name),
    ['a'],
  );
  await assert.rejects(b.node.connect(a.node.name), code('closed'));
  await assert.rejects(a.node.connect(b.node.name), code('noconnection'));
  const again = await cluster.start('b@127.0.0.1');
  assert.notEqual(again.node.creation, b.node.creation);
  await again.node.connect(a.node.name);
});

test('a node asks itself as it asks any other, and dialling itself harms nobody', options, async (t) => {
  const cluster = await testCluster(t);
  const { node, events, warnings } = await cluster.start('a@127.0.0.1');
  const own = node.at(node.name);
  node.expose('shop', {
    add: (x, y) => (x as number) + (y as number),
    fail: () => {
      throw new Error('sold out');
    },
    wait: () => new Promise(() => {}),
  });
  const before = node.runtime.processes().length;
  assert.equal(await own.rpc('shop', 'add', [1, 2]), 3);
  await assert.rejects(own.rpc('shop', 'fail'), code('remote_error', /sold out/));
  await assert.rejects(own.rpc('shop', 'none'), code('not_exposed'));
  await assert.rejects(own.rpc('shop', 'wait', [], { timeout: 20 }), code('timeout'));
  assert.deepEqual(await node.multicall([node.name], 'shop', 'add', [3, 4]), [{ node: node.name, value: 7 }]);
  assert.equal(await own.ping(), true);
  const exits: string[] = [];
  const downs: string[] = [];
  const linked = node.runtime.spawn(
    { handle() {}, exit: (_from, reason) => void exits.push(formatTerm(reason)) },
    { trapExit: true },
  );
  const forever = await node.runtime.requestSpawn(
    node.name,
    { module: 'shop', function: 'wait', arguments: [] },
    { link: linked.pid, onDown: (reason) => downs.push(formatTerm(reason)) },
  );
  node.runtime.exit(forever, atom('enough'));
  await eventually(() => exits.length === 1 && downs.length === 1);
  assert.deepEqual([exits, downs], [['enough'], ['enough']]);
  await node.connect(node.name);
  assert.ok(node.runtime.whereis('rex') !== undefined && linked.alive);
  assert.deepEqual(node.runtime.processes().length, before + 2, 'the one that waits, and the linked one');
  assert.deepEqual(events, []);
  assert.deepEqual(
    warnings().map(({ msg }) => msg),
    ['refused: a@127.0.0.1 calls shop:none, which is not exposed'],
  );
});
