/** The world of the OTP rules, whose clock the cases move, and the processes and questions that they share. */
import { isBeamishError } from '../../../src/error/index.ts';
import { Runtime } from '../../../src/process/index.ts';
import type { ProcessBehaviour, ProcessContext } from '../../../src/process/index.ts';
import { atom, isTuple, tuple } from '../../../src/term/index.ts';
import type { Pid, Term } from '../../../src/term/index.ts';
import { fakeWorld } from '../../support/fake-world.ts';

/** What a rule says here, by the name that the fixture prints with what it says on a BEAM. */
export type Rules = Readonly<Record<string, () => Promise<Term>>>;

const world = fakeWorld();
export const runtime = new Runtime({ world });
export const time = (milliseconds: number): Promise<void> => world.clock.advance(milliseconds);

export const [OK, EXIT, KILL] = [atom('ok'), atom('exit'), atom('kill')];
const ALIVE = atom('alive');
export const SIGNALS: readonly Term[] = [
  atom('normal'),
  atom('shutdown'),
  tuple(atom('shutdown'), 7),
  atom('boom'),
  KILL,
];

/** Each in turn. */
export async function each<T>(items: readonly T[], run: (item: T) => Promise<Term>): Promise<Term[]> {
  const results: Term[] = [];
  for (const item of items) results.push(await run(item));
  return results;
}

/** Ends when it gets a message, by what the test says. */
export function process(on: (self: ProcessContext, message: Term) => void = () => {}, trapExit = false): Pid {
  return runtime.spawn({ handle: (message, self) => on(self, message) }, { trapExit }).pid;
}

/** How a process ends by what is done to it, or `alive`. */
export async function fate(pid: Pid, action: (pid: Pid) => void = () => {}): Promise<Term> {
  let reason: Term = ALIVE;
  runtime.monitor(pid, (why) => (reason = why));
  action(pid);
  await time(100);
  return reason;
}

/** A process that traps exits, and what it got. */
export function collector(init: (self: ProcessContext) => void = () => {}): {
  readonly pid: Pid;
  readonly got: Term[];
} {
  const got: Term[] = [];
  const behaviour: ProcessBehaviour = {
    init,
    handle: (message) => void got.push(isTuple(message, 3) ? tuple(EXIT, message.at(2)) : message),
  };
  return { pid: runtime.spawn(behaviour, { trapExit: true }).pid, got };
}

/** What happened since it was asked last. */
export async function events(log: Term[]): Promise<Term[]> {
  await time(60);
  return log.splice(0);
}

/** Time passes until the promise settles. */
export async function settled<T>(promise: Promise<T>): Promise<T> {
  const state = { done: false };
  promise.then(
    () => (state.done = true),
    () => (state.done = true),
  );
  while (!state.done) await time(1);
  return promise;
}

/** The reason that a call failed with: `noproc`, or that of the end of the server. */
export async function failure(call: Promise<unknown>): Promise<Term> {
  try {
    await settled(call);
  } catch (error) {
    if (isBeamishError(error, 'timeout')) return atom('timeout');
    if (isBeamishError(error)) return error.details['reason'] as Term;
  }
  return atom('no_failure');
}

export const tried = (action: () => void): Term => {
  try {
    action();
    return OK;
  } catch {
    return atom('error');
  }
};
