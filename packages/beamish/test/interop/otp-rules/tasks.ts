import assert from 'node:assert/strict';
import { Task } from '../../../src/process/index.ts';
import type { ProcessContext, TaskOutcome } from '../../../src/process/index.ts';
import { atom, tuple } from '../../../src/term/index.ts';
import type { Term } from '../../../src/term/index.ts';
import { EXIT, OK, type Rules, fate, process, runtime, settled, time } from './cast.ts';

function outcomeTerm(outcome: TaskOutcome<Term>): Term {
  return outcome.status === 'ok' ? tuple(OK, outcome.value) : tuple(EXIT, outcome.reason);
}

async function collect(stream: AsyncIterable<TaskOutcome<Term>>): Promise<Term> {
  const read = async (): Promise<Term[]> => {
    const outcomes: Term[] = [];
    for await (const outcome of stream) outcomes.push(outcomeTerm(outcome));
    return outcomes;
  };
  return await settled(read());
}

const forever = (self: ProcessContext): Promise<Term> => self.sleep(1e9).then(() => OK);

export const tasks: Rules = {
  'Task.async_stream: order, unordered, kill_task': async () => {
    const work = (item: number, self: ProcessContext): Promise<Term> => self.sleep(item).then(() => item);
    const items = [300, 10, 150];
    return [
      await collect(Task.asyncStream(runtime, items, work, { maxConcurrency: 3 })),
      await collect(Task.asyncStream(runtime, items, work, { maxConcurrency: 3, ordered: false })),
      await collect(Task.asyncStream(runtime, [10, 5000, 20], work, { timeout: 1000, onTimeout: 'killTask' })),
    ];
  },
  'Task.shutdown: of one that is done, of one that runs; its owner lives': async () => {
    const outcomes: Term[] = [];
    const owner = runtime.spawn({
      async init(self) {
        const done = Task.async(self, () => atom('there'));
        await done.await();
        outcomes.push(outcomeTerm(await done.shutdown()));
        for (const timeout of [5000, 'brutalKill'] as const) {
          // Elixir says nil of an end that it asked for
          const { status } = await Task.async(self, forever).shutdown({ timeout });
          outcomes.push(status === 'exit' ? null : OK);
        }
      },
      handle() {},
    });
    await time(10);
    assert.ok(owner.alive);
    return outcomes;
  },
  'a crash of a linked task ends its owner, and the end of the owner a linked task': async () => {
    let task: Task<Term> | undefined;
    const crashed = await fate(
      process((self) => void Task.async(self, (own) => own.exit(atom('boom')))),
      (pid) => runtime.send(pid, OK),
    );
    const owner = process((self) => void (task = Task.async(self, forever)));
    runtime.send(owner, OK);
    await time(1);
    return [crashed, await fate(task!.pid, () => runtime.exit(owner, atom('gone')))];
  },
};
