/** Processes that keep what they receive, for tests of what processes do to each other. */
import assert from 'node:assert/strict';
import { Runtime } from '../../src/process/index.ts';
import type { ProcessContext } from '../../src/process/index.ts';
import type { Pid, Term } from '../../src/term/index.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';
import type { FakeWorld } from '../support/fake-world.ts';

export function start(): { world: FakeWorld; runtime: Runtime } {
  const world = fakeWorld();
  return { world, runtime: new Runtime({ world }) };
}

/** A process that keeps what it receives and shows its context. */
export function collector(runtime: Runtime, options: { trapExit?: boolean; name?: string; link?: Pid } = {}) {
  const received: Term[] = [];
  let context: ProcessContext | undefined;
  const handle = runtime.spawn(
    {
      init(self) {
        context = self;
      },
      handle(message) {
        received.push(message);
      },
    },
    options,
  );
  return {
    pid: handle.pid,
    handle,
    received,
    get self(): ProcessContext {
      assert.ok(context, 'init has run');
      return context;
    },
  };
}

export async function collectors(runtime: Runtime, count: number, options: { trapExit?: boolean } = {}) {
  const made = Array.from({ length: count }, () => collector(runtime, options));
  await settle();
  return made;
}
