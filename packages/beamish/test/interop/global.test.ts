/** Global beside the real `global` of OTP (protocols 7). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Global, GlobalDelegate } from '../../src/global/index.ts';
import { Node } from '../../src/node/index.ts';
import { GenServer } from '../../src/process/index.ts';
import { atom, formatTerm, tuple } from '../../src/term/index.ts';
import type { Pid, Term } from '../../src/term/index.ts';
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
