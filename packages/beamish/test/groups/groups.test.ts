import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Groups } from '../../src/groups/index.ts';
import type { GroupEvent } from '../../src/groups/index.ts';
import { atom, tuple } from '../../src/term/index.ts';
import type { Pid } from '../../src/term/index.ts';
import { eventually } from '../support/eventually.ts';
import { Mesh } from './mesh.ts';
import type { MeshNode } from './mesh.ts';

const g = tuple(atom('role'), atom('web'));
const member = (node: MeshNode): Pid => node.runtime.spawn({ handle() {} }).pid;
const keys = (pids: readonly Pid[]): string[] => pids.map((pid) => pid.key).toSorted();

async function pair(): Promise<{ mesh: Mesh; a: MeshNode; b: MeshNode; ofA: Groups; ofB: Groups }> {
  const mesh = new Mesh();
  const a = mesh.add('a@h');
  const b = mesh.add('b@h');
  return { mesh, a, b, ofA: await Groups.start(a.node, 'scope'), ofB: await Groups.start(b.node, 'scope') };
}

test('members of one node are seen on another, whenever they joined', async () => {
  const { mesh, a, b, ofA, ofB } = await pair();
  await using _ = mesh;
  const before = member(a);
  ofA.join(g, before);
  mesh.connect(a, b);
  const after = [member(b), member(b)];
  ofB.join(g, after);
  await eventually(() => ofB.members(g).length === 3 && ofA.members(g).length === 3);
  assert.deepEqual(keys(ofA.members(g)), keys([before, ...after]));
  assert.deepEqual(keys(ofA.localMembers(g)), keys([before]));
  assert.deepEqual(ofB.groups(), [g]);
  assert.equal(a.runtime.whereis('scope') !== undefined, true);
  ofB.leave(g, after[0] as Pid);
  b.runtime.exit(after[1] as Pid, atom('kill'));
  await eventually(() => ofA.members(g).length === 1 && ofB.members(g).length === 1);
  assert.deepEqual(ofA.statistics(), { groups: 1, peers: 1, localMembers: 1, remoteMembers: 0, refused: 0 });
});

test('a lost connection takes the members of the other side, a new one brings them back', async () => {
  const { mesh, a, b, ofA, ofB } = await pair();
  await using _ = mesh;
  ofA.join(g, member(a));
  ofB.join(g, member(b));
  const events: string[] = [];
  ofA.monitor(undefined, ({ type, pids }: GroupEvent) => events.push(`${type} ${pids.map(({ node }) => node).join()}`));
  ofA.monitor('another', () => events.push('wrong group'));
  for (let round = 0; round < 5; round++) {
    mesh.connect(a, b);
    await eventually(() => ofA.members(g).length === 2 && ofB.members(g).length === 2);
    mesh.disconnect(a, b);
    await eventually(() => ofA.members(g).length === 1 && ofB.members(g).length === 1);
  }
  assert.deepEqual(events, Array.from({ length: 5 }, () => ['join b@h', 'leave b@h']).flat());
});

test('a scope that starts after the connection finds the others', async () => {
  const mesh = new Mesh();
  await using _ = mesh;
  const [a, b] = [mesh.add('a@h'), mesh.add('b@h')];
  mesh.connect(a, b);
  const ofA = await Groups.start(a.node);
  ofA.join(1, member(a));
  const ofB = await Groups.start(b.node);
  await eventually(() => ofB.members(1).length === 1);
});

test('a scope ended from outside is started again, and announces its members anew', async () => {
  const { mesh, a, b, ofA, ofB } = await pair();
  await using _ = mesh;
  const pid = member(a);
  ofA.join(g, pid);
  ofB.join(g, member(b));
  mesh.connect(a, b);
  await eventually(() => ofA.members(g).length === 2 && ofB.members(g).length === 2);
  const first = a.runtime.whereis('scope') as Pid;
  b.runtime.exit(first, atom('kill'));
  await eventually(
    () =>
      a.runtime.whereis('scope')?.equals(first) === false && ofB.members(g).length === 2 && ofA.members(g).length === 2,
  );
  a.runtime.exit(pid, atom('kill'));
  await eventually(() => ofA.members(g).length === 1 && ofB.members(g).length === 1, {
    describe: 'monitors are set again',
  });
});

test('a listener may join and leave; one that throws is logged and the others go on', async () => {
  const { mesh, a, b, ofA, ofB } = await pair();
  await using _ = mesh;
  const answer = member(a);
  ofA.monitor(g, () => {
    throw new Error('listener');
  });
  const listening = ofA.monitor(g, ({ type }) =>
    type === 'join' ? ofA.join('answer', answer) : ofA.leave('answer', answer),
  );
  mesh.connect(a, b);
  const asking = member(b);
  ofB.join(g, asking);
  await eventually(() => ofB.members('answer').length === 1);
  ofB.leave(g, asking);
  await eventually(() => ofB.members('answer').length === 0);
  assert.equal(a.log.filter(({ message }) => message === 'a listener of a group failed').length, 2);
  listening.cancel();
  ofB.join(g, asking);
  await eventually(() => ofA.members(g).length === 1);
  assert.deepEqual(ofA.members('answer'), []);
});

test('handles share one scope; the last one ends it, and a new one starts it anew', async () => {
  const { mesh, a, ofA } = await pair();
  await using _ = mesh;
  const [second, third] = await Promise.all([Groups.start(a.node, 'scope'), Groups.start(a.node, 'scope')]);
  ofA.join(g, member(a));
  assert.equal(second.members(g).length, 1);
  await ofA.stop();
  await ofA.stop();
  assert.throws(() => ofA.members(g), { code: 'closed' });
  await second.stop();
  assert.equal(third.members(g).length, 1);
  const stopped = third.stop();
  const again = await Groups.start(a.node, 'scope');
  await stopped;
  assert.deepEqual(again.members(g), []);
  assert(a.runtime.whereis('scope'));
});

test('bad options, foreign processes and a taken name are refused', async () => {
  const { mesh, a, b, ofA } = await pair();
  await using _ = mesh;
  await assert.rejects(Groups.start(a.node, ''), { code: 'option_invalid' });
  await assert.rejects(Groups.start(a.node, 'x', { maxEntriesPerNode: 0 }), { code: 'option_invalid' });
  assert.throws(() => ofA.join(g, member(b)), { code: 'option_invalid' });
  a.runtime.spawn({ handle() {} }, { name: 'taken' });
  await assert.rejects(Groups.start(a.node, 'taken'), { code: 'name_taken' });
  await assert.rejects(Groups.start(a.node, 'taken'), { code: 'name_taken' });
});

test('nonsense sent to the scope is refused once in the log, and does no harm', async () => {
  const { mesh, a, b, ofA, ofB } = await pair();
  await using _ = mesh;
  mesh.connect(a, b);
  ofA.join(g, member(a));
  for (const message of [
    1,
    'x',
    tuple(atom('join'), 1, 2, 3),
    tuple(atom('DOWN'), 1, 2, 3, 4),
    tuple(atom('$gen_call'), 1, 2),
  ]) {
    b.runtime.send({ name: 'scope', node: a.name }, message);
  }
  await eventually(() => ofA.statistics().refused === 5);
  await eventually(() => ofB.members(g).length === 1);
  assert.equal(a.log.filter(({ level }) => level === 'warn').length, 1);
});
