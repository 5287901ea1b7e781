/** Processes that are started under a global name (OTP: `gen_server:start({global, Name}, ...)`), in the simulated world. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { Global } from '../../src/global/index.ts';
import { Node } from '../../src/node/index.ts';
import { child, GenServer, type ServerRef } from '../../src/process/index.ts';
import { simulate } from '../../src/simulation/index.ts';
import type { Simulation } from '../../src/simulation/index.ts';
import { atom, type Pid, type Term } from '../../src/term/index.ts';
import { seed } from '../support/seed.ts';

interface Member {
  readonly node: Node;
  readonly global: Global;
}

const leader = atom('leader');

class Leader extends GenServer {
  readonly #global: Global;
  readonly #begun: string[];
  #named: Pid | undefined;
  constructor(global: Global, begun: string[]) {
    super();
    this.#global = global;
    this.#begun = begun;
  }
  override init(): void {
    this.#named = this.#global.whereis(leader);
    this.#begun.push(this.process.pid.toString());
  }
  namedAtInit(): Term {
    return this.#named?.equals(this.process.pid) ?? false;
  }
}

/** Three nodes with the same names. */
async function cluster(
  work: (members: readonly [Member, Member, Member], world: Simulation) => Promise<void>,
): Promise<void> {
  await simulate({ nodes: 3, seed }, async (world) => {
    const program = world.start(async (host): Promise<Member> => {
      const node = await Node.start({
        name: host.nodeName,
        cookie: 'simulated',
        plaintext: true,
        hidden: false,
        epmd: { port: 4369 },
        world: host.world,
        host: host.address,
      });
      return { node, global: await Global.start(node) };
    });
    await world.until(() => program.complete);
    const [one, two, three] = program.all() as [Member, Member, Member];
    for (const { node } of [two, three]) await one.node.connect(node.name);
    await world.until(() => [one, two, three].every(({ global }) => global.statistics().synced.length === 2));
    await work([one, two, three], world);
  });
}

const start = ({ node, global }: Member, begun: string[] = [], more: object = {}): Promise<ServerRef<Leader>> =>
  node.spawn(Leader, [global, begun], { via: global.via(leader), ...more });

function takenBy(pid: Pid | undefined): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isBeamishError(error, 'name_taken'), String(error));
    assert.ok((error.details['pid'] as Pid).equals(pid));
    return error.message.startsWith('global/leader is the name of ');
  };
}

test('it has the name before its init, everywhere, and until it ends', async () => {
  await cluster(async ([one, two, three], world) => {
    const begun: string[] = [];
    const server = await start(two, begun);
    assert.equal(await server.namedAtInit(), true);
    for (const { global } of [one, two, three]) assert.ok(global.whereis(leader)?.equals(server.pid));
    assert.equal(await one.global.ref<Leader>(leader).namedAtInit(), true);
    for (const member of [one, two]) await assert.rejects(start(member, begun), takenBy(server.pid));
    assert.equal(begun.length, 1);
    two.node.runtime.exit(server.pid as Pid, atom('kill'));
    await world.until(() => [one, two, three].every(({ global }) => global.whereis(leader) === undefined));
    const next = await start(three, begun);
    assert.ok(one.global.whereis(leader)?.equals(next.pid));
  });
});

test('of those that start at one time one gets the name; of the others no init has run and nothing is left', async () => {
  await cluster(async (members) => {
    const begun: string[] = [];
    const before = members.map(({ node }) => node.runtime.processes().length);
    const outcomes = await Promise.allSettled([...members, ...members].map((member) => start(member, begun)));
    const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    assert.equal(won.length, 1);
    assert.equal(begun.length, 1);
    const owner = members[0].global.whereis(leader);
    for (const outcome of outcomes) if (outcome.status === 'rejected') assert.ok(takenBy(owner)(outcome.reason));
    const after = members.map(({ node }) => node.runtime.processes().length);
    const more = after.map((count, index) => count - (before[index] as number));
    assert.equal(
      more.reduce((sum, count) => sum + count),
      1,
    );
  });
});

test('a supervisor starts it again under its name', async () => {
  await cluster(async ([one, two], world) => {
    const spec = child(Leader, [one.global, []], { via: one.global.via(leader) });
    await one.node.runtime.startSupervisor({ strategy: 'one_for_one', children: [spec] });
    const first = two.global.whereis(leader) as Pid;
    one.node.runtime.exit(first, atom('kill'));
    await world.until(() => {
      const now = two.global.whereis(leader);
      return now !== undefined && !now.equals(first);
    });
    assert.equal(await two.global.ref<Leader>(leader).namedAtInit(), true);
  });
});

test('who ends, or waits too long, while it waits for its name does not get it, and does not begin', async () => {
  await cluster(async ([one, two], world) => {
    const begun: string[] = [];
    // The resource of the registrar itself: no name can be registered anywhere.
    const lock = await two.global.setLock(atom('global'));
    const code =
      (...codes: ('timeout' | 'process_exited')[]) =>
      (error: unknown): boolean =>
        codes.some((each) => isBeamishError(error, each));
    await assert.rejects(start(one, begun, { startTimeout: 500 }), code('timeout'));
    await assert.rejects(start(one, begun, { via: one.global.via(leader, { timeout: 500 }) }), code('timeout'));
    const before = one.node.runtime.processes().length;
    const started = start(one, begun);
    const waiting = one.node.runtime.processes().find(({ state, label }) => label === 'Leader' && state !== 'idle');
    assert.equal(one.node.runtime.processes().length, before + 1);
    one.node.runtime.exit(waiting?.pid as Pid, atom('kill'));
    await assert.rejects(started, code('process_exited'));
    await lock?.release();
    await world.sleep(5000);
    assert.deepEqual(begun, []);
    for (const { global } of [one, two]) assert.equal(global.whereis(leader), undefined);
    await start(two, begun);
  });
});
