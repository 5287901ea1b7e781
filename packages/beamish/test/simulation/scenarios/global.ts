import assert from 'node:assert/strict';
import { isBeamishError } from '../../../src/error/index.ts';
import { Global } from '../../../src/global/index.ts';
import type { ResolveMethod } from '../../../src/global/index.ts';
import type { Host } from '../../../src/simulation/index.ts';
import { atom, formatTerm, type Pid, type Term } from '../../../src/term/index.ts';
import { isMesh, watchedNode, type Watched } from './cluster.ts';
import { SETTLED_WITHIN, type Scenario } from './scenario.ts';

const NAMES = ['red', 'green', 'blue'].map((name) => atom(name));
const LOCKS = ['left', 'right'].map((name) => atom(name));
const METHODS: readonly ResolveMethod[] = [
  'random_exit',
  'random_notify',
  'notify_all',
  (_name, one, other) => (one.id <= other.id ? one : other),
];
/** Of calls, in milliseconds. */
const CALL_TIME = 20_000;
/** What a global that is started again after a crash, and isolated by the others, takes to be one of them again. */
const AGREED_WITHIN = 2 * SETTLED_WITHIN;
/** How long they agree before locks are believed: a connection that was lost in the instant of the last heal is not missed at once. */
const STEADY = 10_000;
const SERVERS = ['global_name_server', 'global locker', 'global registrar'];

interface Member extends Watched {
  readonly global: Global;
}

interface Calling {
  readonly by: Host['life'];
  readonly what: string;
  settled: boolean;
}

const text = (pid: Pid | undefined): string => (pid === undefined ? 'nobody' : `${pid.toString()}/${pid.creation}`);

/** Names and locks over all nodes, whose processes and servers are killed now and then. */
export const global: Scenario = {
  name: 'global',
  checks:
    'names and locks of `global`: one owner of a name, one holder of a lock, conflicts resolved when a partition heals',
  nodes: 3,
  faults: { count: 5, from: 50, until: 12_000 },
  async run(world) {
    const callings: Calling[] = [];
    let phase: 'faults' | 'calm' | 'agreed' | 'over' = 'faults';
    let agreedAt = 0;
    let agreeSince: number | undefined;
    /** Who is at work under which lock. */
    const inside = new Map<Term, string>();

    const program = world.start(async (host): Promise<Member> => {
      const watched = await watchedNode(host, world, { hidden: false });
      const { node } = watched;
      const { runtime } = node;
      const global = await Global.start(node, { resolveTimeout: 3000 });
      const { clock, random } = host.world;
      const one = <T>(all: readonly T[]): T => all[random.below(all.length)] as T;
      const life = `${node.name}#${host.life.number}`;
      const mine = (): Pid[] =>
        runtime
          .processes()
          .filter(({ label }) => label === 'named')
          .map(({ pid }) => pid);

      const settles = async (what: string, work: () => Promise<unknown>): Promise<void> => {
        const calling = { by: host.life, what: `${life}: ${what} at ${world.now}`, settled: false };
        callings.push(calling);
        const began = clock.monotonicTime();
        const { pauses } = host;
        try {
          await work();
        } catch (error) {
          assert.ok(isBeamishError(error), String(error));
          assert.ok(['timeout', 'aborted', 'option_invalid', 'closed'].includes(error.code), `${what}: ${error.code}`);
        }
        calling.settled = true;
        const took = clock.monotonicTime() - began;
        if (took > CALL_TIME + 10 && host.pauses === pauses)
          world.fail(new Error(`${calling.what}: a call with ${CALL_TIME} ms took ${took} ms`));
      };

      /** @param safe whether all were together when the lock was asked for. */
      const work = async (name: Term, safe: boolean): Promise<void> => {
        const other = inside.get(name);
        if (safe && other !== undefined)
          world.fail(new Error(`${life} and ${other} are both at work under ${formatTerm(name)}`));
        if (safe) inside.set(name, life);
        await clock.sleep(random.below(300));
        if (safe) inside.delete(name);
      };

      const churn = async (): Promise<void> => {
        for (;;) {
          await clock.sleep(1 + random.below(phase === 'faults' ? 700 : 3000));
          const options = { timeout: CALL_TIME };
          const name = one(NAMES);
          const choice = random.below(12);
          if (phase === 'over' || (phase === 'calm' && choice < 10)) continue;
          if (choice <= 3) {
            const { pid } = runtime.spawn({ handle() {} }, { label: 'named' });
            const resolve = one(METHODS);
            await settles('register', async () => {
              if (!(await global.register(name, pid, { ...options, resolve }))) runtime.exit(pid, atom('kill'));
            });
          } else if (choice === 4) {
            const { pid } = runtime.spawn({ handle() {} }, { label: 'named' });
            await settles('reRegister', () => global.reRegister(name, pid, options));
          } else if (choice === 5) await settles('unregister', () => global.unregister(name, options));
          else if (choice === 6 && mine().length > 0) runtime.exit(one(mine()), atom('kill'));
          else if (choice === 7) {
            const owner = runtime.spawn({ handle() {} }).pid;
            void settles('setLock', () => global.setLock(one(LOCKS), { ...options, owner, retries: 2 }));
            clock.setTimer(random.below(2000), () => runtime.exit(owner, atom('kill')));
          } else if (choice === 8 && phase === 'faults' && random.below(6) === 0) {
            const title = one(SERVERS);
            const server = runtime.processes().find(({ label }) => label === title);
            if (server !== undefined) runtime.exit(server.pid, atom('kill'));
          } else if (choice >= 10) {
            const lock = one(LOCKS);
            const safe = phase === 'agreed';
            await settles('trans', () => global.trans(lock, () => work(lock, safe), { ...options, retries: 5 }));
          }
        }
      };
      void churn();
      return { ...watched, global };
    });

    world.eventually(
      'all nodes agree on every name',
      () => {
        if (phase === 'faults') phase = 'calm';
        assert.ok(program.complete, 'not every program has started');
        const since = agreeSince ?? world.now;
        agreeSince = undefined;
        isMesh(program.all());
        agree(program.all());
        agreeSince = since;
        assert.ok(world.now - since >= STEADY, 'they have only just agreed');
        if (phase === 'calm') [phase, agreedAt] = ['agreed', world.now];
      },
      { within: AGREED_WITHIN },
    );
    world.eventually(
      'they agree again after more work, and nothing is locked',
      () => {
        assert.ok(phase === 'agreed' || phase === 'over', 'they have not agreed yet');
        if (world.now - agreedAt > 12_000) phase = 'over';
        assert.ok(phase === 'over', 'there is work');
        agree(program.all());
        for (const { node, global } of program.all())
          assert.equal(global.statistics().locks, 0, `locks of ${node.name}`);
      },
      { within: AGREED_WITHIN + 60_000 },
    );
    let asked: readonly Calling[] | undefined;
    world.eventually('every call has settled', () => {
      asked ??= [...callings];
      assert.deepEqual(
        asked.filter(({ by, settled }) => !by.over && !settled).map(({ what }) => what),
        [],
      );
    });
    await world.until(() => program.complete, { within: 120_000 });
  },
};

/** Everybody knows everybody and has the same names, each of a process that is alive. */
function agree(members: readonly Member[]): void {
  const names = members.map(({ node }) => node.name).toSorted();
  for (const { node, global } of members) {
    const { known, synced } = global.statistics();
    const others = names.filter((name) => name !== node.name);
    assert.deepEqual(known, others, `known to ${node.name}`);
    assert.deepEqual(synced, others, `synchronised with ${node.name}`);
  }
  for (const name of NAMES) {
    const pids = new Set(members.map(({ global }) => text(global.whereis(name))));
    assert.equal(pids.size, 1, `${formatTerm(name)} is ${[...pids].join(' and ')}`);
    const owner = members[0]?.global.whereis(name);
    const home = members.find(({ node }) => node.name === owner?.node);
    assert.ok(owner === undefined || home?.node.runtime.isAlive(owner) === true, `${text(owner)} is not alive`);
  }
}
