/** Clusters of Beamish nodes alone, in the simulated world: names that meet, and nodes that lose each other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Global, GlobalDelegate } from '../../src/global/index.ts';
import type { ResolveMethod } from '../../src/global/index.ts';
import { Node } from '../../src/node/index.ts';
import { simulate } from '../../src/simulation/index.ts';
import type { Host, Simulation } from '../../src/simulation/index.ts';
import { atom, ExportFun, formatTerm, Pid, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { seed } from '../support/seed.ts';

interface Member {
  readonly node: Node;
  readonly global: Global;
}

const leader = atom('leader');

async function begin(host: Host): Promise<Member> {
  const node = await Node.start({
    name: host.nodeName,
    cookie: 'simulated',
    plaintext: true,
    hidden: false,
    epmd: { port: 4369 },
    world: host.world,
    host: host.address,
    tickTime: 4000,
  });
  return { node, global: await Global.start(node) };
}

/** Nodes that are not connected yet. */
async function cluster(
  count: number,
  work: (members: readonly Member[], world: Simulation) => Promise<void>,
): Promise<void> {
  await simulate({ nodes: count, seed }, async (world) => {
    const program = world.start(begin);
    await world.until(() => program.complete);
    await work(program.all(), world);
  });
}

async function meet(world: Simulation, members: readonly Member[]): Promise<void> {
  const [first] = members;
  for (const { node } of members.slice(1)) await first?.node.connect(node.name);
  await world.until(() => members.every(({ global }) => global.statistics().synced.length === members.length - 1));
}

const spawn = ({ node }: Member, got: Term[] = []): Pid =>
  node.runtime.spawn({ handle: (message) => void got.push(message) }).pid;

const text = (pid: Pid | undefined): string | undefined => pid?.toString();

interface Outcome {
  /** Who has the name: the process on the node of the smaller name, or of the greater. */
  readonly owner: 'least' | 'greatest' | undefined;
  readonly greatestLives: boolean;
  /** What each is sent. */
  readonly told: readonly [least: string, greatest: string];
}

const OUTCOMES: readonly (readonly [string, ResolveMethod, Outcome])[] = [
  ['random_exit', 'random_exit', { owner: 'least', greatestLives: false, told: ['', ''] }],
  [
    'random_notify',
    'random_notify',
    { owner: 'least', greatestLives: true, told: ['', '{global_name_conflict,leader}'] },
  ],
  [
    'notify_all',
    'notify_all',
    {
      owner: undefined,
      greatestLives: true,
      told: ['{global_name_conflict,leader,GREATEST}', '{global_name_conflict,leader,LEAST}'],
    },
  ],
  [
    'a function',
    (_name, one, other) => (one.node > other.node ? one : other),
    { owner: 'greatest', greatestLives: true, told: ['', ''] },
  ],
  [
    'a function that throws',
    () => Promise.reject(new Error('planned')),
    { owner: undefined, greatestLives: true, told: ['', ''] },
  ],
];

for (const [name, resolve, { owner, greatestLives, told }] of OUTCOMES) {
  test(`a name that two nodes gave while apart, by ${name}: what is left, who is told`, async () => {
    await cluster(3, async (members, world) => {
      const [least, greatest, third] = members as [Member, Member, Member];
      const got: [Term[], Term[]] = [[], []];
      const pids = { least: spawn(least, got[0]), greatest: spawn(greatest, got[1]) };
      assert.ok(await least.global.register(leader, pids.least, { resolve }));
      assert.ok(await greatest.global.register(leader, pids.greatest, { resolve }));
      await meet(world, [greatest, third]);
      await meet(world, members);
      const expected = owner === undefined ? undefined : pids[owner];
      for (const { global } of members) assert.equal(text(global.whereis(leader)), text(expected));
      await world.sleep(1000);
      for (const { global } of members) assert.equal(text(global.whereis(leader)), text(expected));
      assert.equal(greatest.node.runtime.isAlive(pids.greatest), greatestLives);
      assert.ok(least.node.runtime.isAlive(pids.least));
      const readable = got.map((messages) =>
        messages
          .map((message) => formatTerm(message))
          .join()
          .replace(formatTerm(pids.least), 'LEAST')
          .replace(formatTerm(pids.greatest), 'GREATEST'),
      );
      assert.deepEqual(readable, told);
    });
  });
}

test('of three, two that lose each other do not both stay with the third; met again, all agree', async () => {
  await cluster(3, async (members, world) => {
    const [one, two, third] = members as [Member, Member, Member];
    await meet(world, members);
    const pid = spawn(one);
    assert.ok(await one.global.register(leader, pid));
    const repair = world.cut(world.host('n1'), world.host('n2'));
    await world.until(() => one.node.nodes().length + two.node.nodes().length < 3, { within: 60_000 });
    await world.sleep(1000);
    const seen = third.node.nodes().map((info) => info.name);
    assert.ok(seen.length < 2, `${third.node.name} sees ${seen.join(' and ')}, which do not see each other`);
    assert.equal(two.global.whereis(leader), undefined);
    repair();
    await world.sleep(10_000);
    await meet(world, members);
    for (const { global } of members) assert.equal(text(global.whereis(leader)), text(pid));
  });
});

test('names that a change left different on two nodes of a partition are the same again once another comes', async () => {
  await cluster(3, async (members, world) => {
    const [one, two] = members as [Member, Member];
    const lone = atom('lone');
    await meet(world, [one, two]);
    const pids = { first: spawn(one), rival: spawn(two), lone: spawn(two) };
    assert.ok(await one.global.register(leader, pids.first));
    // As one does who is lost between two nodes.
    const halfDone = one.node.runtime.spawn({
      async handle(_message, self) {
        const to = { name: 'global_name_server', node: two.node.name };
        const id = tuple(atom('global'), self.pid);
        const method = new ExportFun('global', 'random_exit_name', 3);
        await self.call(to, tuple(atom('set_lock'), id));
        await self.call(to, tuple(atom('register'), leader, pids.rival, method));
        await self.call(to, tuple(atom('register'), lone, pids.lone, method));
        await self.call(to, tuple(atom('del_lock'), id));
      },
    });
    one.node.runtime.send(halfDone.pid, 'go');
    await world.until(() => text(two.global.whereis(lone)) === text(pids.lone));
    assert.equal(text(one.global.whereis(lone)), undefined);
    assert.equal(text(one.global.whereis(leader)), text(pids.first));

    await meet(world, members);
    const agreed = (): boolean =>
      members.every(
        ({ global }) =>
          text(global.whereis(lone)) === text(pids.lone) && text(global.whereis(leader)) === text(pids.first),
      );
    await world.until(agreed, { within: 30_000 });
    assert.equal(two.node.runtime.isAlive(pids.rival), false);
    assert.equal(one.node.runtime.isAlive(pids.first), true);
    for (const { global } of members) assert.equal(global.statistics().locks, 0);
  });
});

test('sync waits until each connected node has the same names', async () => {
  await cluster(2, async (members) => {
    const [one, two] = members as [Member, Member];
    const pid = spawn(two);
    assert.ok(await two.global.register(leader, pid));
    await one.global.sync();
    await one.node.connect(two.node.name);
    assert.equal(one.global.whereis(leader), undefined);
    await one.global.sync();
    assert.equal(text(one.global.whereis(leader)), text(pid));
    assert.deepEqual(one.global.statistics().synced, [two.node.name]);
  });
});

test('the names of the processes of a node outlive its name server', async () => {
  await cluster(2, async (members, world) => {
    const [one, two] = members as [Member, Member];
    await meet(world, members);
    const pids = [spawn(one), spawn(two)];
    assert.ok(await one.global.register(leader, pids[0] as Pid));
    assert.ok(await one.global.register('of two', pids[1] as Pid));
    const server = one.node.runtime.processes().find(({ label }) => label === 'global_name_server');
    assert.ok(server !== undefined);
    one.node.runtime.exit(server.pid, atom('kill'));
    await world.until(() => two.node.nodes().length === 0);
    // Those of others are theirs to tell.
    assert.deepEqual(one.global.registeredNames(), [leader]);
    await meet(world, members);
    for (const { global } of members) {
      assert.equal(text(global.whereis(leader)), text(pids[0]));
      assert.equal(text(global.whereis('of two')), text(pids[1]));
    }
  });
});

test('the lock of a node that is lost is given to who waits for it', async () => {
  await cluster(2, async (members, world) => {
    const [one, two] = members as [Member, Member];
    await meet(world, members);
    assert.ok((await one.global.setLock('resource')) !== undefined);
    assert.equal(await two.global.setLock('resource', { retries: 0 }), undefined);
    const waiting = two.global.setLock('resource', { timeout: 60_000 });
    world.crash(world.host('n1'));
    assert.ok((await waiting) !== undefined);
    assert.equal(two.global.statistics().locks, 1);
  });
});

test('a lock that another has is asked for once, and as often again as `retries` says', async () => {
  await cluster(1, async ([one], world) => {
    const { global } = one as Member;
    assert.ok((await global.setLock('resource')) !== undefined);
    for (const retries of [0, 1]) {
      const began = world.now;
      assert.equal(await global.setLock('resource', { retries }), undefined);
      // Before each attempt but the first there is a pause of 1 ms or more.
      assert.equal(world.now - began >= 1, retries > 0, `${retries} retries, ${world.now - began} ms`);
    }
  });
});

test('a request whose sender is not connected any more takes no lock: nobody would give it back', async () => {
  await cluster(2, async (members, world) => {
    const [one, two] = members as [Member, Member];
    await meet(world, members);
    const request = (holder: Pid): Term =>
      tuple(
        atom('$gen_call'),
        tuple(holder, one.node.runtime.newReference()),
        tuple(atom('set_lock'), tuple('resource', holder)),
      );
    for (const [holder, locks] of [
      [new Pid('gone@10.0.0.9', 1, 0, 1), 0],
      [spawn(two), 1],
    ] as const) {
      one.node.runtime.send({ name: 'global_name_server', node: one.node.name }, request(holder));
      await world.sleep(10);
      assert.equal(one.global.statistics().locks, locks);
    }
  });
});

test('a hidden node names its process through a visible one, its own function deciding on a conflict', async () => {
  await simulate({ nodes: 3, seed }, async (world) => {
    const options = (host: Host): Parameters<typeof Node.start>[0] => ({
      name: host.nodeName,
      cookie: 'simulated',
      plaintext: true,
      epmd: { port: 4369 },
      world: host.world,
      host: host.address,
    });
    const [hiddenHost] = world.hosts;
    const program = world.start(async (host) => (host === hiddenHost ? Node.start(options(host)) : begin(host)));
    await world.until(() => program.complete);
    const [hidden, ...members] = program.all() as [Node, Member, Member];
    const [one, other] = members;
    const names = new GlobalDelegate(hidden, { through: [one.node.name] });
    const owner = hidden.runtime.spawn({ handle() {} }).pid;
    assert.ok(
      await names.register(leader, owner, { resolve: (_name, ...pids) => pids.find((pid) => pid.equals(owner)) }),
    );
    assert.ok(await other.global.register(leader, spawn(other)));
    await meet(world, members);
    for (const { global } of members) assert.equal(text(global.whereis(leader)), text(owner));
    assert.equal(text(await names.whereis(leader)), text(owner));
  });
});
