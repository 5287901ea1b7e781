/** Global beside the real `global` of OTP (protocols 7). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { Global, GlobalDelegate } from '../../src/global/index.ts';
import { Node } from '../../src/node/index.ts';
import { GenServer } from '../../src/process/index.ts';
import { atom, formatTerm, tuple } from '../../src/term/index.ts';
import type { Pid, Term } from '../../src/term/index.ts';
import { startNode } from '../../src/start-node.ts';
import { realWorld } from '../../src/world/index.ts';
import { eventually } from '../support/eventually.ts';
import { collectLogs } from '../support/logs.ts';
import { row } from '../support/row.ts';
import { skipUnless } from '../support/peers.ts';
import { freePort } from '../support/ports.ts';
import { Beam } from './fixtures/beam.ts';

const options = { ...skipUnless('erl'), timeout: 90_000 };
const cookie = 'globaltest';
const patient = { timeout: 30_000 };
const leader = atom('leader');

class Setup {
  readonly epmdPort: number;
  readonly t: TestContext;
  readonly logs = collectLogs();
  constructor(t: TestContext, epmdPort: number) {
    this.t = t;
    this.epmdPort = epmdPort;
  }
  static async make(t: TestContext): Promise<Setup> {
    return new Setup(t, await freePort());
  }
  /** Nodes that are all connected, in one partition; each BEAM with its further arguments. */
  async together(
    names: readonly string[],
    beamArgs: Readonly<Record<string, readonly string[]>>,
  ): Promise<{ nodes: Node[]; globals: Global[]; beams: Beam[] }> {
    const nodes: Node[] = [];
    const globals: Global[] = [];
    for (const name of names) {
      const node = await this.node(name);
      nodes.push(node);
      globals.push(await Global.start(node));
    }
    const beams: Beam[] = [];
    for (const [name, args] of Object.entries(beamArgs)) beams.push(await this.beam(name, args));
    const [first] = nodes;
    for (const { name } of [...nodes.slice(1), ...beams]) await first?.connect(name);
    await eventually(() => isSynced(beams, globals, nodes.length + beams.length), patient);
    return { nodes, globals, beams };
  }
  async node(name: string, hidden = false): Promise<Node> {
    const world = realWorld({ logger: this.logs.logger });
    const node = await Node.start({ name: `${name}@127.0.0.1`, cookie, epmd: { port: this.epmdPort }, world, hidden });
    this.t.after(() => node.stop());
    return node;
  }
  beam(name: string, args: readonly string[] = []): Promise<Beam> {
    return Beam.start({ name: `${name}@127.0.0.1`, cookie, epmdPort: this.epmdPort, t: this.t, args });
  }
}

/** A process of the BEAM, registered as `local` and in global, that keeps what it is sent for `kept`. */
const keeper = async (beam: Beam, name: string, method: string): Promise<void> => {
  const loop = 'fun F(L) -> receive {kept, P} -> P ! {kept, L}, F(L); M -> F([M | L]) end end';
  const registering = `P = spawn(fun() -> (${loop})([]) end), register(${name}, P), global:register_name(${name}, P, fun global:${method}/3)`;
  assert.equal(await beam.eval(registering), 'yes');
};

const kept = (beam: Beam, name: string): Promise<string> =>
  beam.eval(`${name} ! {kept, self()}, receive {kept, L} -> [element(1, M) || M <- L] end`);

/** A process of the BEAM that locks a resource until it is told to let go; its answer, whether it has it. */
const hold = (beam: Beam, resource: string, retries: string): Promise<string> =>
  beam.eval(`S = self(), P = spawn(fun() ->
    S ! {locked, global:set_lock({${resource}, self()}, [node() | nodes()], ${retries})}, receive release -> ok end end),
    catch unregister(holder), register(holder, P), receive {locked, L} -> L end`);

const pids = (beam: Beam, name: string): Promise<string> => beam.eval(`node(global:whereis_name(${name}))`);

const member = (node: Node, got: Term[] = []): Pid =>
  node.runtime.spawn({ handle: (message) => void got.push(message) }).pid;

/** Registers a process of the BEAM that answers `{From, M}` with `{echo, M}`. */
const registerEcho = (name: string): string =>
  `global:register_name(${name}, spawn(fun F() -> receive {From, M} -> From ! {echo, M}, F() end end))`;

const knownCount = async (beam: Beam): Promise<number> =>
  Number(await beam.eval('length(gen_server:call(global_name_server, get_known))'));

const isSynced = async (beams: readonly Beam[], globals: readonly Global[], count: number): Promise<boolean> => {
  for (const beam of beams) if ((await knownCount(beam)) !== count - 1) return false;
  return globals.every((each) => each.statistics().known.length === count - 1);
};

class Counter extends GenServer {
  #count = 0;
  increment(): number {
    return ++this.#count;
  }
}

test(
  row('7.4', 'erl and us', 'names of two BEAMs and two of ours are seen by all, and go with their processes'),
  options,
  async (t) => {
    const setup = await Setup.make(t);
    const [ts1, ts2] = [await setup.node('ts1'), await setup.node('ts2')];
    const [of1, of2] = [await Global.start(ts1), await Global.start(ts2)];
    const [a, b] = [await setup.beam('a'), await setup.beam('b')];
    assert.equal(await a.eval(`${registerEcho('early')}, net_kernel:connect_node('${b.name}')`), 'true');
    await ts1.connect(a.name);
    await ts2.connect(ts1.name);
    await eventually(() => isSynced([a, b], [of1, of2], 4), patient);

    await of1.sync();
    assert.equal(await a.eval('global:sync()'), 'ok');
    assert.equal(of2.whereis(atom('early'))?.node, a.name);

    const counter = await ts2.spawn(Counter, []);
    assert.equal(await of2.register(atom('counter'), counter), true);
    assert.equal(await of1.ref<Counter>(atom('counter')).increment(), 1);
    assert.equal(await b.eval(`gen_server:call({global, counter}, increment)`), '2');
    assert.equal(await of1.register(atom('counter'), member(ts1)), false);
    assert.equal(await a.eval('global:register_name(counter, self())'), 'no');

    assert.equal(await b.eval(registerEcho('leader')), 'yes');
    const got: Term[] = [];
    const mine = member(ts1, got);
    await eventually(() => of1.whereis(leader) !== undefined);
    assert.equal(of1.send(leader, tuple(mine, 'hello')).node, b.name);
    await eventually(() => got.length === 1);
    assert.deepEqual(got, [tuple(atom('echo'), 'hello')]);

    await b.eval('exit(global:whereis_name(leader), kill)');
    ts2.runtime.exit(counter.pid as Pid, atom('kill'));
    await eventually(() => of1.registeredNames().length === 1 && of2.registeredNames().length === 1);
    await eventually(async () => (await a.eval('global:registered_names()')) === '[early]');
    await eventually(async () => (await b.eval('global:registered_names()')) === '[early]');
    for (const beam of [a, b]) assert.equal(await beam.eval('ets:tab2list(global_locks)'), '[]');
    assert.equal(of1.statistics().locks + of2.statistics().locks, 0);
    assert.deepEqual(
      setup.logs.warnings().map(({ msg }) => msg),
      [],
    );
  },
);

test(row('7.1 A9', 'erl and us', 'names by delegation; every BEAM watches our process'), options, async (t) => {
  const setup = await Setup.make(t);
  const ts = await setup.node('ts', true);
  const [a, b] = [await setup.beam('a'), await setup.beam('b')];
  assert.equal(await a.eval(`net_kernel:connect_node('${b.name}')`), 'true');
  await eventually(() => isSynced([a, b], [], 2), patient);
  await ts.connect(a.name);
  await using names = new GlobalDelegate(ts);

  const counter = await ts.spawn(Counter, []);
  assert.equal(await names.register(atom('counter'), counter), true);
  assert.equal(await names.register(atom('counter'), counter), true);
  assert.equal(await b.eval('gen_server:call({global, counter}, increment)'), '1');
  // Pitfall A9: b has dialled us.
  await eventually(() => ts.nodes('hidden').some(({ name }) => name === b.name));
  assert.equal(await names.register(atom('counter'), member(ts)), false);

  assert.equal(await b.eval(registerEcho('leader')), 'yes');
  const got: Term[] = [];
  await names.send(leader, tuple(member(ts, got), 'hello'));
  await eventually(() => got.length === 1);
  assert.equal(
    (await names.registeredNames())
      .map((name) => formatTerm(name))
      .toSorted()
      .join(),
    'counter,leader',
  );
  await names.unregister(leader);
  assert.equal(await b.eval('global:whereis_name(leader)'), 'undefined');

  await names.trans('resource', async () => {
    assert.equal(await b.eval(`global:set_lock({<<"resource">>, self()}, [node()], 0)`), 'false');
    assert.equal(await a.eval(`global:set_lock({<<"resource">>, self()}, [node()], 0)`), 'false');
  });
  assert.equal(await b.eval(`global:set_lock({<<"resource">>, self()}, [node()], 0)`), 'true');

  ts.runtime.exit(counter.pid as Pid, atom('kill'));
  for (const beam of [a, b]) await eventually(async () => (await beam.eval('global:registered_names()')) === '[]');
  await assert.rejects(names.send(leader, 1), { code: 'noproc' });
});

test(
  row('7.1', 'erl to us', 'a BEAM that is hidden registers, looks up and unregisters by rpc to us'),
  options,
  async (t) => {
    const setup = await Setup.make(t);
    const { globals, beams } = await setup.together(['ts'], { a: [] });
    const [ours, a] = [globals[0]!, beams[0]!];
    const hidden = await Beam.start({ name: 'h@127.0.0.1', cookie, epmdPort: setup.epmdPort, t, hidden: true });
    const rpc = (call: string, args: string): Promise<string> =>
      hidden.eval(`rpc:call('ts@127.0.0.1', global, ${call}, ${args})`);
    await hidden.eval('register(owner, spawn(fun() -> receive stop -> ok end end))');
    assert.equal(await rpc('register_name', '[leader, whereis(owner), fun global:notify_all_name/3]'), 'yes');
    assert.equal(await rpc('register_name', '[leader, self()]'), 'no');
    assert.equal(await rpc('register_name', '[other, whereis(owner)]'), 'no');
    assert.equal(await rpc('whereis_name', '[leader]'), await hidden.eval('whereis(owner)'));
    assert.equal(await rpc('registered_names', '[]'), '[leader]');
    assert.equal(await a.eval('element(3, hd(ets:lookup(global_names, leader)))'), 'fun global:notify_all_name/3');
    assert.equal(await rpc('unregister_name', '[leader]'), 'ok');
    assert.equal(await a.eval('global:whereis_name(leader)'), 'undefined');
    assert.equal(await rpc('re_register_name', '[leader, whereis(owner)]'), 'yes');
    assert.equal(ours.whereis(leader)?.node, hidden.name);
    await hidden.eval('owner ! stop');
    await eventually(async () => (await a.eval('global:whereis_name(leader)')) === 'undefined');
    await eventually(() => ours.whereis(leader) === undefined);
  },
);

for (const [name, order] of [
  ['a', 'before'],
  ['z', 'behind'],
] as const) {
  test(
    row(
      '7.3',
      'erl and us',
      `names given twice while apart, our node ${order} the BEAM: one process keeps each, all agree`,
    ),
    options,
    async (t) => {
      const setup = await Setup.make(t);
      const ts = await setup.node(name);
      const ours = await Global.start(ts);
      const erl = await setup.beam('m');
      const got = { exit: [] as Term[], notify: [] as Term[], all: [] as Term[], own: [] as Term[] };
      const mine = { exit: member(ts, got.exit), notify: member(ts, got.notify), all: member(ts, got.all) };
      const own = member(ts, got.own);
      await ours.register(atom('exit'), mine.exit);
      await ours.register(atom('notify'), mine.notify, { resolve: 'random_notify' });
      await ours.register(atom('all'), mine.all, { resolve: 'notify_all' });
      const asked: Term[] = [];
      const resolve = (what: Term, one: Pid, other: Pid): Pid => {
        asked.push(what);
        return one.node === erl.name ? one : other;
      };
      await ours.register(atom('own'), own, { resolve });
      await keeper(erl, 'exit', 'random_exit_name');
      await keeper(erl, 'notify', 'random_notify_name');
      await keeper(erl, 'all', 'notify_all_name');
      // Asked is the method of the decider's side: the node that comes first.
      await keeper(erl, 'own', 'random_notify_name');

      await ts.connect(erl.name);
      await eventually(() => isSynced([erl], [ours], 2), patient);
      const [least, greatest] = name === 'a' ? [ts.name, erl.name] : [erl.name, ts.name];
      await eventually(async () => (await pids(erl, 'exit')) === `'${least}'`);
      assert.equal(ours.whereis(atom('exit'))?.node, least);
      assert.equal(await erl.eval('whereis(exit) =:= undefined'), String(greatest === erl.name));
      await eventually(() => ts.runtime.isAlive(mine.exit) === (greatest === erl.name));

      assert.equal(await pids(erl, 'notify'), `'${least}'`);
      assert.equal(ours.whereis(atom('notify'))?.node, least);
      await eventually(async () => got.notify.length + (await kept(erl, 'notify')).split('global').length - 1 === 1);
      if (greatest === ts.name) assert.deepEqual(got.notify, [tuple(atom('global_name_conflict'), atom('notify'))]);

      assert.equal(await erl.eval('global:whereis_name(all)'), 'undefined');
      assert.equal(ours.whereis(atom('all')), undefined);
      await eventually(async () => got.all.length === 1 && (await kept(erl, 'all')) === '[global_name_conflict]');
      assert.equal(
        formatTerm(got.all[0]).startsWith('{global_name_conflict,all,#PID<m@'),
        true,
        formatTerm(got.all[0]),
      );

      assert.equal(await pids(erl, 'own'), `'${erl.name}'`);
      assert.equal(ours.whereis(atom('own'))?.node, erl.name);
      assert.deepEqual(asked, name === 'a' ? [atom('own')] : []);
      assert.ok(ts.runtime.isAlive(own));
      assert.equal(await erl.eval('ets:tab2list(global_locks)'), '[]');
    },
  );
}

test(
  row('7.3', 'erl to us', 'a BEAM that meets another asks us to decide on the name of our process'),
  options,
  async (t) => {
    const setup = await Setup.make(t);
    const { nodes, globals, beams } = await setup.together(['ts'], { b: [] });
    const [ts, ours, b] = [nodes[0]!, globals[0]!, beams[0]!];
    const mine = member(ts);
    await ours.register(leader, mine, { resolve: (_name, one, other) => (one.node === ts.name ? one : other) });
    const c = await setup.beam('c');
    await keeper(c, 'leader', 'random_exit_name');
    assert.equal(await b.eval(`net_kernel:connect_node('${c.name}')`), 'true');
    await eventually(() => isSynced([b, c], [ours], 3), patient);
    for (const beam of [b, c]) assert.equal(await pids(beam, 'leader'), `'${ts.name}'`);
    assert.ok(ours.whereis(leader)?.equals(mine));
    assert.equal(await c.eval('is_pid(whereis(leader))'), 'true');
  },
);

test(
  row('7.2', 'erl and us', 'a lock of one excludes the other, is waited for, and ends with its node'),
  options,
  async (t) => {
    const setup = await Setup.make(t);
    const { nodes, globals, beams } = await setup.together(['ts'], { a: [], b: [] });
    const [ts, ours, a, b] = [nodes[0]!, globals[0]!, beams[0]!, beams[1]!];
    const resource = atom('resource');

    assert.equal(await hold(a, 'resource', '0'), 'true');
    assert.equal(await ours.setLock(resource, { retries: 0 }), undefined);
    const waiting = ours.setLock(resource);
    await a.eval('holder ! release');
    const lock = await waiting;
    assert.ok(lock !== undefined);
    assert.equal(await hold(b, 'resource', '0'), 'false');
    assert.equal(await a.eval('global:trans({resource, self()}, fun() -> done end, [node() | nodes()], 0)'), 'aborted');
    const asked = a.eval('global:trans({resource, self()}, fun() -> done end)', 30_000);
    await lock.release();
    assert.equal(await asked, 'done');
    // Two with one requester have it together.
    const shared = await ours.setLock(resource, { requester: atom('team') });
    assert.equal(await a.eval('global:set_lock({resource, team}, [node() | nodes()], 0)'), 'true');
    await shared?.release();

    assert.equal(await hold(a, 'resource', 'infinity'), 'true');
    a.child.kill('SIGKILL');
    assert.equal(await ours.trans(resource, () => 'done'), 'done');

    assert.ok((await ours.setLock(resource)) !== undefined);
    assert.equal(await hold(b, 'resource', '0'), 'false');
    const freed = b.eval('global:trans({resource, self()}, fun() -> done end)', 30_000);
    await ts.stop();
    assert.equal(await freed, 'done');
  },
);

const ALLOWED = ['-kernel', 'prevent_overlapping_partitions', 'false'];

test(row('7.5', 'us to erl', 'a BEAM leaves the node that we say we have lost'), options, async (t) => {
  const setup = await Setup.make(t);
  // b itself would tell nobody.
  const { nodes, globals, beams } = await setup.together(['ts'], { a: [], b: ALLOWED });
  const [ts, ours, a, b] = [nodes[0]!, globals[0]!, beams[0]!, beams[1]!];
  assert.equal(await b.eval(registerEcho('leader')), 'yes');
  await eventually(() => ours.whereis(leader) !== undefined);
  ts.disconnect(b.name);
  await eventually(async () => (await a.eval('nodes()')) === `['${ts.name}']`, patient);
  await eventually(async () => (await a.eval('global:whereis_name(leader)')) === 'undefined');
  assert.deepEqual(ours.statistics().known, [a.name]);
  await ts.connect(b.name);
  await eventually(() => isSynced([a, b], [ours], 3), patient);
  assert.equal(await pids(a, 'leader'), `'${b.name}'`);
});

test(
  row('7.5', 'erl to us', 'we leave the node that a BEAM says it has lost, and are met again'),
  options,
  async (t) => {
    const setup = await Setup.make(t);
    const { nodes, globals, beams } = await setup.together(['ts'], { a: [], b: ALLOWED });
    const [ts, ours, a, b] = [nodes[0]!, globals[0]!, beams[0]!, beams[1]!];
    assert.equal(await b.eval(registerEcho('leader')), 'yes');
    await eventually(() => ours.whereis(leader) !== undefined);
    assert.equal(await a.eval(`erlang:disconnect_node('${b.name}')`), 'true');
    await eventually(() => ours.statistics().known.join() === a.name, patient);
    await eventually(async () => (await b.eval('nodes()')) === '[]', patient);
    assert.equal(ours.whereis(leader), undefined);
    // Here its end is seen later than there.
    await eventually(() => ts.nodes().every((each) => each.name === a.name));
    assert.equal(await b.eval(`net_kernel:connect_node('${ts.name}')`), 'true');
    await eventually(() => isSynced([a, b], [ours], 3), patient);
    assert.equal(ours.whereis(leader)?.node, b.name);
    assert.equal(await pids(a, 'leader'), `'${b.name}'`);
  },
);

test(
  row('7.5', 'erl and us', 'two BEAMs that lose each other do not both stay with us; connected again, all agree'),
  options,
  async (t) => {
    const setup = await Setup.make(t);
    const { nodes, globals, beams } = await setup.together(['ts'], { a: [], b: [] });
    const [ts, ours, a, b] = [nodes[0]!, globals[0]!, beams[0]!, beams[1]!];
    assert.equal(await b.eval(registerEcho('leader')), 'yes');
    await eventually(() => ours.whereis(leader) !== undefined);
    assert.equal(await a.eval(`erlang:disconnect_node('${b.name}')`), 'true');
    await eventually(() => ts.nodes().length < 2, patient);
    assert.ok(!(await a.eval('nodes()')).includes(b.name));
    await eventually(async () => {
      await Promise.allSettled([ts.connect(a.name), ts.connect(b.name)]);
      return isSynced([a, b], [ours], 3);
    }, patient);
    for (const beam of [a, b]) assert.equal(await pids(beam, 'leader'), `'${b.name}'`);
    assert.equal(ours.whereis(leader)?.node, b.name);
  },
);

test(
  row('5.4 A3', 'erl and us', 'a visible node runs global from its start: a BEAM that meets it in that moment syncs'),
  options,
  async (t) => {
    const setup = await Setup.make(t);
    await setup.node('mapper', true);
    const beam = await setup.beam('beam');
    const name = 'young@127.0.0.1';
    await beam.eval(`spawn(fun F() -> net_kernel:connect_node('${name}'), F() end)`);
    for (let life = 1; life <= 10; life++) {
      const world = realWorld({ logger: setup.logs.logger });
      const node = await startNode({ name, cookie, epmd: { port: setup.epmdPort }, world, hidden: false });
      t.after(() => node.stop());
      await eventually(async () => (await beam.eval('nodes()')) === `['${name}']`, patient);
      assert.equal(await beam.eval('global:sync()'), 'ok');
      assert.equal(await beam.eval(`global:re_register_name({life, ${life}}, whereis(init))`), 'yes');
      assert.ok(node.global?.whereis(tuple(atom('life'), life)) !== undefined);
      await node.stop();
      await eventually(async () => (await beam.eval('nodes()')) === '[]', patient);
    }
    await assert.rejects(startNode({ name, cookie, global: {} }), (error) => isBeamishError(error, 'option_invalid'));
  },
);

test(
  row(
    '7.4',
    'erl and us',
    'a server that is started under a global name has it on a BEAM too, and neither side starts a second',
  ),
  options,
  async (t) => {
    const setup = await Setup.make(t);
    const { nodes, globals, beams } = await setup.together(['ts1'], { a: [] });
    const [ts1, of1, a] = [nodes[0] as Node, globals[0] as Global, beams[0] as Beam];
    const name = atom('counter');
    const start = () => ts1.spawn(Counter, [], { via: of1.via(name) });
    const counter = await start();
    assert.equal(await a.eval('gen_server:call({global, counter}, increment)'), '1');
    assert.equal(await a.eval('node(global:whereis_name(counter))'), `'${ts1.name}'`);
    const startThere = 'gen_event:start({global, counter})';
    const second = `{error, {already_started, Pid}} = ${startThere}, Pid =:= global:whereis_name(counter)`;
    assert.equal(await a.eval(second), 'true');
    ts1.runtime.exit(counter.pid as Pid, atom('kill'));
    await eventually(async () => (await a.eval('global:whereis_name(counter)')) === 'undefined', patient);
    assert.equal(await a.eval(`element(1, ${startThere})`), 'ok');
    await eventually(() => of1.whereis(name)?.node === a.name);
    await assert.rejects(start(), (error) => {
      assert.ok(isBeamishError(error, 'name_taken'), String(error));
      return (error.details['pid'] as Pid).node === a.name;
    });
    await a.eval('gen_event:stop({global, counter})');
    await eventually(() => of1.whereis(name) === undefined);
    await start();
    assert.equal(await a.eval('gen_server:call({global, counter}, increment)'), '1');
  },
);
