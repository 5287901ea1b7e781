import assert from 'node:assert/strict';
import { isBeamishError } from '../../../src/error/index.ts';
import type { SupervisorRef, SupervisorSpec } from '../../../src/process/index.ts';
import { atom, formatTerm, isTuple, tuple } from '../../../src/term/index.ts';
import type { Pid, Term } from '../../../src/term/index.ts';
import { KILL, OK, SIGNALS, type Rules, each, events, failure, fate, runtime, settled } from './cast.ts';
import { spec } from './child.ts';

const abc = (log: Term[]) => ['a', 'b', 'c'].map((id) => spec(log, id));

async function supervisor(log: Term[], options: Partial<SupervisorSpec> = {}): Promise<SupervisorRef> {
  return await runtime.startSupervisor({ strategy: 'one_for_one', children: abc(log), ...options });
}

async function childPid(of: SupervisorRef, id: string): Promise<Pid> {
  return (await of.whichChildren()).find((one) => one.id === id)?.pid as Pid;
}

function whoIsRestarted(strategy: SupervisorSpec['strategy']) {
  return async (): Promise<Term> => {
    const log: Term[] = [];
    const top = await supervisor(log, { strategy });
    await events(log);
    runtime.exit(await childPid(top, 'b'), KILL);
    return await events(log);
  };
}

function whichEnds(restart: 'permanent' | 'transient' | 'temporary') {
  return () =>
    each(SIGNALS.slice(0, 4), async (reason) => {
      const log: Term[] = [];
      const top = await supervisor(log, { children: [spec(log, 'a', { restart })] });
      runtime.cast(await childPid(top, 'a'), tuple(atom('exit'), reason));
      const starts = (await events(log)).filter((event) => isTuple(event) && event.at(0) === atom('start'));
      return tuple(reason, starts.length);
    });
}

export const supervisors: Rules = {
  'children start in order and end in reverse (supervisor)': async () => {
    const log: Term[] = [];
    await settled((await supervisor(log)).stop());
    return log;
  },
  'one_for_one: who is restarted with the one that crashed': whoIsRestarted('one_for_one'),
  'rest_for_one: who is restarted with the one that crashed': whoIsRestarted('rest_for_one'),
  'one_for_all: who is restarted with the one that crashed': whoIsRestarted('one_for_all'),
  'permanent: which ends are restarted': whichEnds('permanent'),
  'transient: which ends are restarted': whichEnds('transient'),
  'temporary: which ends are restarted': whichEnds('temporary'),
  'restart intensity: more than max_restarts end the supervisor with shutdown, its children in reverse': async () => {
    const log: Term[] = [];
    const top = await supervisor(log, { maxRestarts: 2, maxSeconds: 5 });
    await events(log);
    let reason: Term;
    runtime.monitor(top.pid, (why) => (reason = why));
    const happened = await each([1, 2, 3], async () => {
      runtime.exit(await childPid(top, 'b'), KILL);
      return await events(log);
    });
    return [reason, ...happened];
  },
  'a child that fails to start: those before it are stopped in reverse': async () => {
    const log: Term[] = [];
    const children = [spec(log, 'a'), spec(log, 'b'), spec(log, 'c', {}, { fail: true }), spec(log, 'd')];
    const reason = await failure(runtime.startSupervisor({ strategy: 'one_for_one', children }));
    assert.ok(isTuple(reason, 2) && reason.at(0) === atom('shutdown') && isTuple(reason.at(1)));
    const [what, who] = (reason.at(1) as unknown as { elements: readonly Term[] }).elements;
    return tuple(what, atom(who as string), log);
  },
  'a child that does not end in its time is killed; brutal_kill asks nothing': async () => {
    const log: Term[] = [];
    const children = [spec(log, 'a', { shutdown: 30 }, { linger: true }), spec(log, 'b', { shutdown: 'brutalKill' })];
    const top = await supervisor(log, { children });
    await events(log);
    const ends = [fate(await childPid(top, 'a')), fate(await childPid(top, 'b'))];
    await settled(top.stop());
    return tuple(await Promise.all(ends), await events(log));
  },
  'the end of a supervisor that is killed ends its children, through terminate': async () => {
    const log: Term[] = [];
    const top = await supervisor(log);
    await events(log);
    runtime.exit(top.pid, KILL);
    return (await events(log)).toSorted((a, b) => formatTerm(a).localeCompare(formatTerm(b)));
  },
  'DynamicSupervisor: max_children, not_found, and the place that is free again': async () => {
    const top = await runtime.startDynamicSupervisor({ maxChildren: 1 });
    const start = async (): Promise<Term> => {
      try {
        await top.startChild(spec([], 'a', { restart: 'temporary' }));
        return OK;
      } catch (error) {
        return isBeamishError(error, 'call_rejected') ? (error.details['reason'] as Term) : undefined;
      }
    };
    const [one, two] = [await start(), await start()];
    const pid = (await top.whichChildren())[0]?.pid as Pid;
    await top.terminateChild(pid);
    const again = await top.terminateChild(pid).then(
      () => OK,
      (error: unknown) => tuple(atom('error'), atom(isBeamishError(error, 'noproc') ? 'not_found' : 'other')),
    );
    return [one, two, OK, again, await start()];
  },
};
