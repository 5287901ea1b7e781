import assert from 'node:assert/strict';
import { isBeamishError, type BeamishErrorCode } from '../../../src/error/index.ts';
import { child, GenServer, PartitionSupervisor, Registry } from '../../../src/process/index.ts';
import type { SeededRandom } from '../../../src/simulation/index.ts';
import { atom, formatTerm, type Pid, type Term, tuple } from '../../../src/term/index.ts';
import { onlyRuntime, type Scenario } from './scenario.ts';

const KEYS: readonly Term[] = ['a', 'b', 1, 1.5, atom('a'), tuple('room', 1), tuple('room', 2)];
const MAX_CHILDREN = 5;
const PARTITIONS = 3;
const MAX_RESTARTS = 3;
const MAX_SECONDS = 1;

/** What the processes tell of themselves. */
interface Book {
  readonly random: SeededRandom;
  /** By the name of a room, how many live. */
  readonly alive: Map<Term, number>;
  /** By broadcast, who got it. */
  readonly heard: Map<number, Set<string>>;
  fail(why: string): void;
}

/** Under a unique key by its start, under the duplicate key `all` by itself. */
class Room extends GenServer {
  readonly #key: Term;
  readonly #book: Book;
  readonly #everybody: Registry;
  constructor(key: Term, book: Book, everybody: Registry) {
    super();
    this.#key = key;
    this.#book = book;
    this.#everybody = everybody;
  }
  protected override async init(): Promise<void> {
    const { random, alive } = this.#book;
    const count = (alive.get(this.#key) ?? 0) + 1;
    alive.set(this.#key, count);
    if (count > 1) this.#book.fail(`two have a unique key`);
    this.process.signal.addEventListener('abort', () => alive.set(this.#key, (alive.get(this.#key) ?? 0) - 1));
    if (random.chance(0.3)) await this.process.sleep(random.below(30));
    if (random.chance(0.1)) throw new Error('does not want to');
    this.#everybody.register('all', this.process.pid);
  }
  who(): Term {
    return this.#key;
  }
  crash(): never {
    throw new Error('told to');
  }
  quit(): void {
    this.stop();
  }
  protected override handleInfo(message: Term): void {
    const heard = this.#book.heard.get(message as number);
    if (heard?.has(this.process.pid.key) !== false) this.#book.fail(`a broadcast came twice, or was never sent`);
    heard?.add(this.process.pid.key);
  }
  protected override async terminate(): Promise<void> {
    if (this.#book.random.chance(0.3)) await this.process.sleep(this.#book.random.below(60)).catch(() => {});
  }
}

/** Takes its time to end. */
class Slow extends GenServer {
  readonly #book: Book;
  constructor(book: Book) {
    super();
    this.#book = book;
  }
  protected override async terminate(): Promise<void> {
    await this.process.sleep(this.#book.random.below(40)).catch(() => {});
  }
}

class Part extends GenServer {
  readonly #number: number;
  constructor(number: number) {
    super();
    this.#number = number;
  }
  part(): number {
    return this.#number;
  }
}

/** Processes under keys, started by a dynamic supervisor with few places; partitions; restarts until there were too many. */
export const registry: Scenario = {
  name: 'registry',
  checks: 'registries, via names, dynamic and partition supervisors, restart intensity',
  nodes: 1,
  faults: { types: ['pause', 'jump', 'drift'], count: 3, until: 1500 },
  async run(world) {
    const { random } = world;
    const { host, runtime } = onlyRuntime(world);
    const { clock } = host.world;
    const book: Book = {
      random: random.fork('rooms'),
      alive: new Map(),
      heard: new Map(),
      fail: (why) => world.fail(new Error(why)),
    };
    const rooms = new Registry(runtime, { keys: 'unique', name: 'rooms' });
    const everybody = new Registry(runtime, { keys: 'duplicate' });
    const supervisor = await runtime.startDynamicSupervisor({
      maxChildren: MAX_CHILDREN,
      maxRestarts: 10_000,
      maxSeconds: 1,
    });
    const parts = new PartitionSupervisor({
      name: 'parts',
      partitions: PARTITIONS,
      maxRestarts: 10_000,
      child: (number) => child(Part, [number], { id: 'part' }),
    });
    await parts.start(runtime);

    world.always('no entry of a process that has ended, and a unique key has one', () => {
      const entries = rooms.select();
      assert.ok(entries.every(({ pid }) => runtime.isAlive(pid)));
      assert.equal(new Set(entries.map(({ pid }) => pid.key)).size, entries.length);
      assert.ok(entries.length <= MAX_CHILDREN, `${entries.length} rooms, and there may be ${MAX_CHILDREN}`);
    });

    /** Keys of rooms that are started anew; each is opened once. */
    const own: Term[] = [];
    const newKey = (): Term => {
      own.push(tuple('own', own.length));
      return own.at(-1);
    };
    /** Rejections with these codes are as good as an answer. */
    const settle = async <T>(promise: Promise<T>, codes: readonly BeamishErrorCode[]): Promise<T | undefined> => {
      try {
        return await promise;
      } catch (error) {
        if (!codes.some((code) => isBeamishError(error, code))) world.fail(error);
        return undefined;
      }
    };

    const open = async (key: Term): Promise<void> => {
      // One that is restarted has a key of its own: another's child under it would keep it from being restarted, as in OTP.
      const restart = own.includes(key) ? random.pick(['permanent', 'transient'] as const) : ('temporary' as const);
      const spec = { ...child(Room, [key, book, everybody], { id: 'room', via: rooms.via(key) }), restart };
      const pid = await settle(supervisor.startChild(spec), ['name_taken', 'call_rejected', 'process_exited']);
      const { specs } = await supervisor.countChildren();
      if (specs > MAX_CHILDREN) world.fail(new Error(`${specs} children, and there may be ${MAX_CHILDREN}`));
      if (pid !== undefined && runtime.isAlive(pid) && rooms.whereis(key)?.equals(pid) !== true)
        world.fail(new Error('a child that was started under a key does not have it'));
    };

    const close = async (pid: Pid): Promise<void> => {
      const before = new Set((await supervisor.whichChildren()).map((info) => info.pid?.key));
      await settle(supervisor.terminateChild(pid), ['noproc']);
      if (runtime.isAlive(pid)) world.fail(new Error('a child was terminated, and lives'));
      if (before.has(pid.key) && (await supervisor.whichChildren()).some((info) => info.pid?.equals(pid) === true))
        world.fail(new Error('a child was terminated, and is still one'));
    };

    const ask = async (key: Term): Promise<void> => {
      const room = rooms.ref<Room>(key).with({ timeout: 500 });
      const codes = ['noproc', 'process_exited', 'timeout'] as const;
      const how = random.below(6);
      if (how === 0) await settle(room.crash(), codes);
      else if (how === 1) await settle(room.quit(), codes);
      else {
        const who = await settle(room.who(), codes);
        if (who !== undefined && who !== key) world.fail(new Error('a key led to the process of another'));
      }
    };

    let broadcast = 0;
    const tellAll = async (): Promise<void> => {
      const number = ++broadcast;
      const heard = new Set<string>();
      book.heard.set(number, heard);
      const members = everybody.lookup('all').map(({ pid }) => pid);
      everybody.dispatch('all', number);
      await clock.sleep(400);
      // Whose event loop goes on after a pause has first what came before it.
      await clock.sleep(20);
      // Who is about to end handles nothing any more.
      const idle = runtime.processes().filter(({ state }) => state === 'idle');
      for (const { pid } of idle)
        if (members.some((member) => member.equals(pid)) && !heard.has(pid.key))
          world.fail(new Error(`${pid.toString()} missed a broadcast`));
    };

    const askPart = async (): Promise<void> => {
      const key = random.pick([...KEYS, 5, -7]);
      if (random.chance(0.3)) {
        const pid = parts.whereis(key);
        if (pid !== undefined) runtime.exit(pid, atom('kill'));
      }
      const part = await settle(parts.ref<Part>(key).part(), ['noproc', 'process_exited']);
      if (part !== undefined && part !== parts.partitionOf(key))
        world.fail(new Error('a key led to another partition'));
    };

    void intensity();
    void order();
    const asked: Promise<void>[] = [];
    while (world.now < 1500) {
      await world.sleep(random.below(40));
      // This is part of the program, which does nothing while its event loop is paused.
      if (host.life.paused) continue;
      const action = random.below(10);
      const key = random.pick([...KEYS, ...own.slice(-4)]);
      const pid = rooms.whereis(key);
      if (action < 4) asked.push(open(random.chance(0.3) ? newKey() : random.pick(KEYS)));
      else if (action < 6) asked.push(ask(key));
      else if (action === 6 && pid !== undefined) runtime.exit(pid, atom('kill'));
      else if (action === 7 && pid !== undefined) asked.push(close(pid));
      else if (action === 8) asked.push(tellAll());
      else asked.push(askPart());
    }
    await Promise.all(asked);
    await supervisor.stop();
    for (const [key, count] of book.alive) assert.equal(count, 0, `${formatTerm(key)} outlived its supervisor`);
    world.eventually('nothing is registered when all have ended, and every partition has its process', () => {
      assert.equal(rooms.count() + everybody.count(), 0);
      for (let part = 0; part < PARTITIONS; part++) assert.ok(parts.whereis(part) !== undefined);
    });

    /** Children end one after the other, the last that was started first, however long each takes. */
    async function order(): Promise<void> {
      while (world.now < 1500) {
        const children = ['0', '1', '2', '3'].map((id) =>
          child(Slow, [book], { id, shutdown: random.pick([10, 1000, 'brutalKill'] as const) }),
        );
        const ref = await runtime.startSupervisor({ strategy: 'one_for_one', children });
        const ended: string[] = [];
        for (const { id, pid } of await ref.whichChildren()) runtime.monitor(pid as Pid, () => void ended.push(id));
        await clock.sleep(random.below(100));
        await ref.stop();
        assert.deepEqual(ended, ['3', '2', '1', '0'], 'the order in which children end');
      }
    }

    /** A supervisor ends with the first restart that is one too many within its time, and with none before. */
    async function intensity(): Promise<void> {
      const spec = { strategy: 'one_for_one', maxRestarts: MAX_RESTARTS, maxSeconds: MAX_SECONDS } as const;
      const children = ['x', 'y'].map((id) => child(Part, [0], { id, name: id }));
      const { pid } = await runtime.startSupervisor({ ...spec, children });
      let restarts: number[] = [];
      while (world.now < 1500) {
        await clock.sleep(random.below(600));
        const victim = runtime.whereis(random.pick(['x', 'y']));
        assert.ok(victim !== undefined, 'a child of a living supervisor is not there');
        const now = clock.monotonicTime();
        runtime.exit(victim, atom('kill'));
        restarts = [...restarts.filter((time) => time >= now - MAX_SECONDS * 1000), now];
        // In this turn all of it happens: the restart, or the end.
        await clock.sleep(0);
        const should = restarts.length <= MAX_RESTARTS;
        if (runtime.isAlive(pid) !== should)
          world.fail(
            new Error(
              `${restarts.length} restarts within ${MAX_SECONDS} s, ${MAX_RESTARTS} are allowed: the supervisor ${should ? 'has ended' : 'lives on'}`,
            ),
          );
        if (!should) return;
      }
    }
  },
};
