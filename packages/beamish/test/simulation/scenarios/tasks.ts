import { isBeamishError, type BeamishErrorCode } from '../../../src/error/index.ts';
import { Task, type ProcessContext, type TaskOutcome, type TaskWork } from '../../../src/process/index.ts';
import { atom, type Pid } from '../../../src/term/index.ts';
import { onlyRuntime, type Scenario } from './scenario.ts';

const OWNERS = 4;
const GO = atom('go');
/** Milliseconds that a timer may come late. */
const LATE = 10;
const KINDS = ['at once', 'later', 'later', 'throws', 'hangs'] as const;
type Kind = (typeof KINDS)[number];

/** Tasks that are awaited, given up, shut down, streamed, supervised or not, of owners that are killed meanwhile. */
export const tasks: Scenario = {
  name: 'tasks',
  checks: 'tasks and streams of them: each runs and ends once, and none is left',
  nodes: 1,
  faults: { types: ['pause', 'jump', 'drift'], count: 3, until: 1500 },
  async run(world) {
    const { random } = world;
    const { host, runtime } = onlyRuntime(world);
    const { clock } = host.world;
    const supervisor = await runtime.startDynamicSupervisor();
    const begun = new Set<string>();
    /** By task, whose process has begun and not ended. */
    const running = new Map<string, Pid>();
    const open = new Set<string>();
    const owners: Pid[] = [];
    let number = 0;
    let calm = false;

    const wrong = (what: string): void => world.fail(new Error(what));

    const work = (id: string, kind: Kind): TaskWork<string> => {
      const takes = random.below(60);
      return async (self) => {
        if (begun.has(id)) wrong(`${id} was begun twice`);
        begun.add(id);
        running.set(id, self.pid);
        self.signal.addEventListener('abort', () => running.delete(id));
        if (kind === 'throws') throw new Error(id);
        if (kind !== 'at once') await self.sleep(kind === 'hangs' ? 1500 : takes);
        return id;
      };
    };

    /** What an outcome of a kind of work may be: that of its own work, or an end that somebody else caused. */
    const check = (id: string, kind: Kind, outcome: TaskOutcome<string>): void => {
      if (outcome.status === 'ok') {
        if (outcome.value !== id || kind === 'throws') wrong(`${id} ended with ${outcome.value}`);
      } else if (kind === 'throws' && outcome.error instanceof Error && outcome.error.message !== id)
        wrong(`${id} threw ${outcome.error.message}`);
    };

    const start = async (
      self: ProcessContext | undefined,
      id: string,
      kind: Kind,
    ): Promise<{ task: Task<string>; owned: boolean }> => {
      if (self === undefined) return { task: Task.async(runtime, work(id, kind)), owned: true };
      const link = random.chance(0.5);
      if (random.chance(0.6)) return { task: Task.async(self, work(id, kind), { link }), owned: link };
      return { task: await Task.supervise(supervisor, work(id, kind), link ? { link: self } : {}), owned: link };
    };

    const awaited = async (self: ProcessContext | undefined, id: string): Promise<void> => {
      const kind = random.pick(KINDS);
      const { task, owned } = await start(self, id, kind);
      const { pauses } = host;
      const began = clock.monotonicTime();
      const timeout = random.pick([10, 40, 200]);
      try {
        check(id, kind, { status: 'ok', value: await task.await({ timeout }) });
      } catch (error) {
        refused(id, error, ['process_exited', 'timeout']);
        if (isBeamishError(error, 'process_exited') && error.cause instanceof Error && error.cause.message !== id)
          refused(id, error.cause, ['aborted']);
        if (owned && runtime.isAlive(task.pid)) wrong(`${id} lives on, and its wait was given up`);
      }
      const took = clock.monotonicTime() - began;
      if (took > timeout + LATE && host.pauses === pauses) wrong(`${id}: waited ${took} ms of ${timeout}`);
    };

    const shutDown = async (self: ProcessContext | undefined, id: string): Promise<void> => {
      const kind = random.pick(KINDS);
      const { task } = await start(self, id, kind);
      const first = await task.yield({ timeout: random.below(50) });
      if (first !== undefined) check(id, kind, first);
      const last = await task.shutdown(random.chance(0.5) ? { timeout: 'brutalKill' } : {});
      check(id, kind, last);
      if (first !== undefined && first !== last) wrong(`${id} ended in two ways`);
      if (runtime.isAlive(task.pid)) wrong(`${id} lives on, and was shut down`);
    };

    /** Every item once, in order where that is wanted, never more than so many at a time, and nothing left in the end. */
    const stream = async (self: ProcessContext | undefined, id: string): Promise<void> => {
      const items = Array.from({ length: 1 + random.below(8) }, (_, index) => `${id}.${index}`);
      const kinds = new Map(items.map((item) => [item, random.pick(KINDS)]));
      const [maxConcurrency, ordered, stopAfter] = [1 + random.below(3), random.chance(0.5), random.below(16)];
      const onTimeout = random.pick(['exit', 'killTask'] as const);
      const source = lazily(items);
      const mine = (): string[] => [...running.keys()].filter((item) => item.startsWith(`${id}.`));
      const outcomes: TaskOutcome<string>[] = [];
      const options = { maxConcurrency, ordered, onTimeout, timeout: 40, link: random.chance(0.5) };
      try {
        const run = (item: string, context: ProcessContext): string | Promise<string> => {
          if (mine().length >= maxConcurrency)
            wrong(`${id}: ${mine().join()} run, more than ${maxConcurrency - 1} beside ${item}`);
          return work(item, kinds.get(item) as Kind)(context);
        };
        for await (const outcome of Task.asyncStream(self ?? runtime, source.items, run, options)) {
          outcomes.push(outcome);
          if (outcomes.length > stopAfter) break;
          if (random.chance(0.2)) await clock.sleep(random.below(30));
        }
        const expected = Math.min(items.length, stopAfter + 1);
        if (outcomes.length !== expected) wrong(`${id}: ${outcomes.length} outcomes of ${expected}`);
      } catch (error) {
        refused(id, error, ['aborted', 'timeout']);
      }
      const values = outcomes.flatMap((outcome) => (outcome.status === 'ok' ? [outcome.value] : []));
      if (new Set(values).size !== values.length) wrong(`${id}: ${values.join()}`);
      for (const [index, outcome] of outcomes.entries()) {
        const item = items[index] as string;
        if (ordered) check(item, kinds.get(item) as Kind, outcome);
      }
      if (mine().length > 0) wrong(`${id}: ${mine().join()} live on behind the loop`);
      // Where an item was awaited, its end is not.
      if (source.closed > 1) wrong(`${id}: its items were closed ${source.closed} times`);
    };

    const lazily = (items: readonly string[]): { readonly items: AsyncIterable<string>; closed: number } => {
      const source = { items: undefined as unknown as AsyncIterable<string>, closed: 0 };
      source.items = (async function* () {
        try {
          for (const item of items) {
            if (random.chance(0.3)) await clock.sleep(random.below(20));
            yield item;
          }
        } finally {
          source.closed++;
        }
      })();
      return source;
    };

    const refused = (id: string, error: unknown, codes: readonly BeamishErrorCode[]): void => {
      if (!codes.some((code) => isBeamishError(error, code))) wrong(`${id}: ${String(error)}`);
    };

    const request = async (self: ProcessContext | undefined): Promise<void> => {
      const id = `task ${++number}`;
      open.add(id);
      const how = random.pick([awaited, awaited, shutDown, stream]);
      // One that cannot even start has an owner that has ended.
      await how(self, id).catch((error: unknown) =>
        refused(id, error, ['aborted', 'closed', 'noproc', 'process_exited']),
      );
      open.delete(id);
    };

    const spawn = (): void => {
      const { pid } = runtime.spawn(
        {
          init: (self) => void self.setTimer(random.below(50), GO),
          async handle(message, self) {
            // Exit signals of tasks, where they are trapped.
            if (message !== GO || calm) return;
            self.setTimer(1 + random.below(100), GO);
            const asked = request(random.chance(0.8) ? self : undefined);
            if (random.chance(0.3)) await asked;
          },
        },
        { trapExit: random.chance(0.5) },
      );
      owners.push(pid);
    };

    for (let index = 0; index < OWNERS; index++) spawn();
    while (world.now < 1500) {
      await world.sleep(random.below(100));
      const index = random.below(OWNERS);
      const owner = owners[index] as Pid;
      if (runtime.isAlive(owner) && random.chance(0.5)) continue;
      owners.splice(index, 1);
      runtime.exit(owner, atom('kill'));
      spawn();
    }
    calm = true;
    world.eventually('every task has ended, and every wait for one', () => {
      const alive = runtime.processes().filter(({ label }) => label === 'Task');
      const left = [...open, ...running.keys(), ...alive.map(({ pid }) => pid.toString())];
      if (left.length > 0) throw new Error(left.join());
    });
  },
};
