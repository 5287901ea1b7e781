/** Groups beside the real `pg` of OTP. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Groups } from '../../src/groups/index.ts';
import { Node } from '../../src/node/index.ts';
import { atom, tuple } from '../../src/term/index.ts';
import type { Pid, Term } from '../../src/term/index.ts';
import { realWorld } from '../../src/world/index.ts';
import { eventually } from '../support/eventually.ts';
import { collectLogs } from '../support/logs.ts';
import { skipUnless } from '../support/peers.ts';
import { freePort } from '../support/ports.ts';
import { row } from '../support/row.ts';
import { Beam } from './fixtures/beam.ts';

const options = { ...skipUnless('erl'), timeout: 60_000 };
const cookie = 'pgtest';
const g = atom('g');

interface Setup {
  readonly node: Node;
  readonly groups: Groups;
  readonly beam: Beam;
  readonly epmdPort: number;
  /** The scope process of the BEAM, as it prints. */
  readonly scope: string;
  readonly logs: ReturnType<typeof collectLogs>;
}

async function setup(t: TestContext, hidden = true): Promise<Setup> {
  const epmdPort = await freePort();
  const logs = collectLogs();
  const node = await startNode(t, 'ts@127.0.0.1', epmdPort, logs, hidden);
  const beam = await Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort, t, args: ['-kernel', 'start_pg', 'true'] });
  const groups = await Groups.start(node);
  await node.connect(beam.name);
  return { node, groups, beam, epmdPort, logs, scope: await beam.eval('whereis(pg)') };
}

async function startNode(
  t: TestContext,
  name: string,
  port: number,
  logs: ReturnType<typeof collectLogs>,
  hidden = true,
): Promise<Node> {
  const world = realWorld({ logger: logs.logger });
  const node = await Node.start({ name, cookie, epmd: { port }, world, hidden });
  t.after(() => node.stop());
  return node;
}

function member(node: Node, got: Term[] = []): Pid {
  return node.runtime.spawn({ handle: (message) => void got.push(message) }).pid;
}

const count = async (beam: Beam, group = 'g'): Promise<number> =>
  Number(await beam.eval(`length(pg:get_members(${group}))`));

for (const hidden of [true, false]) {
  test(
    row('6', 'erl and us', `members are seen both ways, and reached (${hidden ? 'hidden' : 'visible'})`),
    options,
    async (t) => {
      const { node, groups, beam, scope } = await setup(t, hidden);
      await beam.eval(
        'register(echo, spawn(fun F() -> receive {From, M} -> From ! {echo, M}, F() end end)), pg:join(g, whereis(echo))',
      );
      await eventually(() => groups.members(g).length === 1);
      const got: Term[] = [];
      const ours = member(node, got);
      groups.join(g, ours);
      await eventually(async () => (await count(beam)) === 2);
      assert.equal(await beam.eval('length(pg:get_local_members(g))'), '1');
      await beam.eval('[P ! hello || P <- pg:get_members(g), node(P) =/= node()]');
      await eventually(() => got.length === 1);
      for (const pid of groups.members(g)) if (pid.node === beam.name) node.runtime.send(pid, tuple(ours, 'x'));
      await eventually(() => got.length === 2);
      assert.deepEqual(got, [atom('hello'), tuple(atom('echo'), 'x')]);
      await beam.eval('exit(whereis(echo), kill)');
      await eventually(() => groups.members(g).length === 1);
      assert.equal(await beam.eval('whereis(pg)'), scope);
    },
  );
}

test(
  row('6 A4', 'us to erl', 'multiple joins, leaves and deaths are counted alike, and never harm the pg of the BEAM'),
  options,
  async (t) => {
    const { node, groups, beam, scope } = await setup(t);
    const [a, b, c] = [member(node), member(node), member(node)];
    groups.join(g, [a, a, b]);
    groups.join({ any: 'term', of: [1.5, 2] }, c);
    await eventually(async () => (await count(beam)) === 3);
    assert.equal(await beam.eval('length(pg:which_groups())'), '2');
    groups.leave(g, [a, c, b, b]);
    groups.leave('never', [a]);
    await eventually(async () => (await count(beam)) === 1);
    groups.join(g, [a, a]);
    groups.join('other', [a, b]);
    await eventually(async () => (await count(beam, '<<"other">>')) === 2);
    node.runtime.exit(a, atom('kill'));
    await eventually(async () => (await count(beam)) === 0 && (await count(beam, '<<"other">>')) === 1);
    const pid = groups.members('other')[0];
    assert.equal(await beam.eval('[node(P) || P <- pg:get_members(<<"other">>)]'), `['${pid?.node}']`);
    assert.equal(await beam.eval('whereis(pg)'), scope);
  },
);

test(row('6', 'erl and us', 'a severed connection empties both views, its return fills them'), options, async (t) => {
  const { node, groups, beam, scope } = await setup(t);
  await beam.eval('P = spawn(fun() -> receive after infinity -> ok end end), pg:join(g, [P, P])');
  groups.join(g, member(node));
  await eventually(async () => groups.members(g).length === 3 && (await count(beam)) === 3);
  node.disconnect(beam.name);
  await eventually(async () => groups.members(g).length === 1 && (await count(beam)) === 2);
  await node.connect(beam.name);
  await eventually(async () => groups.members(g).length === 3 && (await count(beam)) === 3);
  assert.equal(await beam.eval('whereis(pg)'), scope);
});

test(
  row('6', 'us to erl', 'a pg that its supervisor started again is found, and told everything'),
  options,
  async (t) => {
    const { node, groups, beam, scope } = await setup(t);
    groups.join(g, member(node));
    await eventually(async () => (await count(beam)) === 1);
    await beam.eval('exit(whereis(pg), kill)');
    await eventually(async () => (await beam.eval('whereis(pg)')) !== scope && (await count(beam)) === 1);
  },
);

test(row('6', 'us to erl', 'a scope that the BEAM starts later is found'), options, async (t) => {
  const { node, beam } = await setup(t);
  const late = await Groups.start(node, 'late');
  late.join(g, member(node));
  await beam.eval('pg:start(late)');
  await eventually(async () => (await beam.eval('length(pg:get_members(late, g))')) === '1', { timeout: 10_000 });
});

for (const hidden of [true, false]) {
  test(
    row(
      '6 A4',
      'erl and us',
      `a storm of joins, leaves, deaths and lost connections: the views agree (${hidden ? 'hidden' : 'visible'})`,
    ),
    { ...options, timeout: 120_000 },
    async (t) => {
      const { node, groups, beam, epmdPort, logs, scope } = await setup(t, hidden);
      const second = await startNode(t, 'ts2@127.0.0.1', epmdPort, logs, hidden);
      const ofSecond = await Groups.start(second);
      await second.connect(beam.name);
      await second.connect(node.name);
      await beam.eval(`register(storm, spawn(fun F() ->
    P = spawn(fun() -> receive after 5 + rand:uniform(40) -> ok end end),
    pg:join(rand:uniform(5), P), pg:join(rand:uniform(5), [P, P]),
    receive stop -> ok after 3 -> F() end end))`);
      const living = new Map<Node, Pid[]>([
        [node, []],
        [second, []],
      ]);
      for (let round = 0; round < 400; round++) {
        for (const [each, itsGroups] of [
          [node, groups],
          [second, ofSecond],
        ] as const) {
          if (round % 40 === 20) each.disconnect(beam.name);
          if (round % 40 === 25) await each.connect(beam.name);
          const pids = living.get(each) ?? [];
          const { random } = each.world;
          const pick = (): Pid | undefined => pids[random.below(Math.max(1, pids.length))];
          const action = random.below(6);
          const group = 1 + random.below(5);
          if (action < 2) {
            const pid = member(each);
            pids.push(pid);
            itsGroups.join(group, action === 0 ? pid : [pid, pid]);
          } else if (action < 5) {
            const pid = pick();
            if (pid === undefined || !each.runtime.isAlive(pid)) continue;
            if (action === 4) itsGroups.leave(group, pid);
            else itsGroups.join(group, pid);
          } else {
            const pid = pick();
            if (pid !== undefined) each.runtime.exit(pid, atom('kill'));
          }
        }
        if (round % 5 === 0) await new Promise(setImmediate);
      }
      await beam.eval('storm ! stop');
      await node.connect(beam.name);
      await second.connect(beam.name);
      await second.connect(node.name);
      const view = (each: Groups): string[] =>
        [1, 2, 3, 4, 5].map((group) =>
          each
            .members(group)
            .map(({ key }) => key)
            .toSorted()
            .join(' '),
        );
      const ofBeam = async (): Promise<string[]> => {
        const lists = [1, 2, 3, 4, 5].map(
          (group) => node.at(beam.name).rpc('pg', 'get_members', [group]) as Promise<Pid[]>,
        );
        return (await Promise.all(lists)).map((pids) =>
          pids
            .map(({ key }) => key)
            .toSorted()
            .join(' '),
        );
      };
      await eventually(
        async () => {
          const views = [view(groups), view(ofSecond), await ofBeam()];
          assert.deepEqual(views[1], views[0]);
          assert.deepEqual(views[2], views[0]);
          return true;
        },
        { timeout: 20_000 },
      );
      assert.equal(await beam.eval('whereis(pg)'), scope, 'the pg of the BEAM lived through it all');
    },
  );
}

test(
  row('A4', 'us to erl', 'the hazard is real: one malformed message ends the scope of a BEAM'),
  options,
  async (t) => {
    const { node, beam, scope } = await setup(t);
    node.runtime.send({ name: 'pg', node: beam.name }, tuple(atom('leave'), node.runtime.pid));
    await eventually(async () => (await beam.eval('whereis(pg)')) !== scope);
  },
);

test(row('6 A4', 'erl to us', 'nonsense to our scope is refused, and nothing else happens'), options, async (t) => {
  const { node, groups, beam, logs } = await setup(t);
  await beam.eval(
    `[{pg, '${node.name}'} ! M || M <- [1, {leave, self()}, {join, self(), g, x}, {'$gen_cast', {sync, self(), [{g}]}}]]`,
  );
  await eventually(() => groups.statistics().refused === 4);
  await beam.eval('P = spawn(fun() -> receive after infinity -> ok end end), pg:join(g, P)');
  await eventually(() => groups.members(g).length === 1);
  assert.deepEqual(
    logs.warnings().map(({ msg }) => msg),
    ['refused a message to the scope: not a message of pg'],
  );
});
