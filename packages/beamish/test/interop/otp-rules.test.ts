/**
 * The OTP rules that people rely on: each case runs on a real BEAM (fixtures/otp_rules.exs) and here, and both must say the
 * same, term for term. Ours run in a world whose clock the test moves.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { GenServer, NO_REPLY, Registry, Runtime, Task, child } from '../../src/process/index.ts';
import type {
  ChildOptions,
  ProcessBehaviour,
  ProcessContext,
  ServerRef,
  SupervisorRef,
  SupervisorSpec,
  TaskOutcome,
} from '../../src/process/index.ts';
import { Table } from '../../src/table/index.ts';
import { atom, float, formatTerm, isTuple, tuple } from '../../src/term/index.ts';
import type { Pid, Term } from '../../src/term/index.ts';
import { startChild } from '../support/children.ts';
import { fakeWorld } from '../support/fake-world.ts';
import { requirePeer, skipUnless } from '../support/peers.ts';

const world = fakeWorld();
const runtime = new Runtime({ world });
const time = (milliseconds: number): Promise<void> => world.clock.advance(milliseconds);

const [OK, ALIVE, EXIT, KILL] = [atom('ok'), atom('alive'), atom('exit'), atom('kill')];
const SIGNALS: readonly Term[] = [atom('normal'), atom('shutdown'), tuple(atom('shutdown'), 7), atom('boom'), KILL];

/** Each in turn. */
async function each<T>(items: readonly T[], run: (item: T) => Promise<Term>): Promise<Term[]> {
  const results: Term[] = [];
  for (const item of items) results.push(await run(item));
  return results;
}

/** Ends when it gets a message, by what the test says. */
function process(on: (self: ProcessContext, message: Term) => void = () => {}, trapExit = false): Pid {
  return runtime.spawn({ handle: (message, self) => on(self, message) }, { trapExit }).pid;
}

/** How a process ends by what is done to it, or `alive`. */
async function fate(pid: Pid, action: (pid: Pid) => void = () => {}): Promise<Term> {
  let reason: Term = ALIVE;
  runtime.monitor(pid, (why) => (reason = why));
  action(pid);
  await time(100);
  return reason;
}

/** A process that traps exits, and what it got. */
function collector(init: (self: ProcessContext) => void = () => {}): { readonly pid: Pid; readonly got: Term[] } {
  const got: Term[] = [];
  const behaviour: ProcessBehaviour = {
    init,
    handle: (message) => void got.push(isTuple(message, 3) ? tuple(EXIT, message.at(2)) : message),
  };
  return { pid: runtime.spawn(behaviour, { trapExit: true }).pid, got };
}

interface ChildSettings {
  readonly trap?: boolean;
  readonly fail?: boolean;
  readonly linger?: boolean;
}

class Child extends GenServer {
  readonly #log: Term[];
  readonly #id: string;
  readonly #settings: ChildSettings;
  constructor(log: Term[], id: string, settings: ChildSettings = {}) {
    super();
    this.#log = log;
    this.#id = id;
    this.#settings = settings;
  }
  protected override init(): void {
    this.process.trapExit(this.#settings.trap ?? true);
    if (this.#settings.fail === true) throw new Error('no');
    this.#log.push(tuple(atom('start'), atom(this.#id)));
  }
  bye(): Term {
    this.stop();
    return atom('bye');
  }
  async sleep(milliseconds: number): Promise<Term> {
    await this.process.sleep(milliseconds);
    return atom('late');
  }
  exit(reason: Term): typeof NO_REPLY {
    this.stop(reason);
    return NO_REPLY;
  }
  protected override handleCall(request: Term): Term {
    this.#log.push(request);
    return request;
  }
  protected override handleCast(request: Term): void {
    this.#log.push(request);
  }
  protected override handleInfo(message: Term): void {
    this.#log.push(isTuple(message, 3) ? tuple(EXIT, message.at(2)) : message);
  }
  protected override async terminate(reason: Term): Promise<void> {
    if (this.#settings.linger === true) await new Promise(() => {});
    this.#log.push(tuple(atom('stop'), atom(this.#id), reason));
  }
}

class Continuing extends GenServer {
  readonly #log: Term[];
  constructor(log: Term[]) {
    super();
    this.#log = log;
  }
  protected override init(): void {
    this.process.send(this.process.pid, atom('info'));
    this.continueWith(atom('continue'));
  }
  protected override handleContinue(argument: Term): void {
    this.#log.push(argument);
  }
  protected override handleInfo(message: Term): void {
    this.#log.push(message);
  }
}

class Hanging extends GenServer {
  protected override init(): Promise<void> {
    return new Promise(() => {});
  }
}

/** What happened since it was asked last. */
async function events(log: Term[]): Promise<Term[]> {
  await time(60);
  return log.splice(0);
}

/** Time passes until the promise settles. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  const state = { done: false };
  promise.then(
    () => (state.done = true),
    () => (state.done = true),
  );
  while (!state.done) await time(1);
  return promise;
}

/** The reason that a call failed with: `noproc`, or that of the end of the server. */
async function failure(call: Promise<unknown>): Promise<Term> {
  try {
    await settled(call);
  } catch (error) {
    if (isBeamishError(error, 'timeout')) return atom('timeout');
    if (isBeamishError(error)) return error.details['reason'] as Term;
  }
  return atom('no_failure');
}

const server = (log: Term[]): Promise<ServerRef<Child>> => runtime.startServer(Child, [log, 's']);
const spec = (log: Term[], id: string, options: ChildOptions = {}, settings: ChildSettings = {}) =>
  child(Child, [log, id, settings], { id, ...options });
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
const tried = (action: () => void): Term => {
  try {
    action();
    return OK;
  } catch {
    return atom('error');
  }
};

/** By the names that the fixture prints. */
const rules: Readonly<Record<string, () => Promise<Term>>> = {
  // --- exits, links, monitors ---
  'exit/1: the reason that monitors see': () =>
    each(SIGNALS, (reason) =>
      fate(
        process((self) => self.exit(reason)),
        (pid) => runtime.send(pid, OK),
      ),
    ),
  'exit/2 to a process that does not trap': () =>
    each(SIGNALS, (reason) => fate(process(), (pid) => runtime.exit(pid, reason))),
  'exit/2 to a process that traps': () =>
    each(SIGNALS, async (reason) => {
      const { pid, got } = collector();
      const end = await fate(pid, () => runtime.exit(pid, reason));
      return reason === KILL ? end : got[0];
    }),
  'exit/2 to itself': () =>
    each(SIGNALS, (reason) =>
      fate(
        process((self) => self.exitProcess(self.pid, reason)),
        (pid) => runtime.send(pid, OK),
      ),
    ),
  'exit/2 to itself, trapping': () =>
    each(SIGNALS.slice(0, 4), async (reason) => {
      const { got } = collector((self) => self.exitProcess(self.pid, reason));
      await time(1);
      return got[0];
    }),
  'a link: what the end of one does to the other': () =>
    each(SIGNALS, (reason) => {
      const one = process();
      const other = process((self) => {
        self.link(one);
        self.exit(reason);
      });
      return fate(one, () => runtime.send(other, OK));
    }),
  'a link: what the end of one says to the other that traps': () =>
    each(SIGNALS, async (reason) => {
      const { pid, got } = collector();
      const other = process((self) => {
        self.link(pid);
        self.exit(reason);
      });
      runtime.send(other, OK);
      await time(1);
      return got[0];
    }),
  'kill goes on along a chain of links as killed': async () => {
    const [a, b, c] = [process(), process(), process()];
    const d = collector((self) => self.link(c));
    runtime.link(b, c);
    runtime.link(a, b);
    await time(1);
    const ends = [fate(a), fate(b), fate(c)];
    runtime.exit(a, KILL);
    return [...(await Promise.all(ends)), (d.got[0] as { at(index: number): Term } | undefined)?.at(1)];
  },
  'link/1 to a process that is not there': async () => {
    const dead = process();
    await fate(dead, () => runtime.exit(dead, KILL));
    const { got } = collector((self) => self.link(dead));
    const end = await fate(
      process((self) => self.link(dead)),
      (pid) => runtime.send(pid, OK),
    );
    return [end, got[0]];
  },
  'unlink/1: nothing of the other’s end arrives': () => {
    const one = process();
    const other = process((self) => {
      self.link(one);
      self.unlink(one);
      self.exit(atom('boom'));
    });
    return fate(one, () => runtime.send(other, OK));
  },
  'monitor/2: one DOWN for each, also for the dead and for names': async () => {
    const reasons: Term[] = [];
    const dying = process();
    const watcher = runtime.spawn({
      handle: (message, self) => {
        if (isTuple(message, 5)) reasons.push(message.at(4));
        else if (message === 1) for (let i = 0; i < 3; i++) self.monitor(dying);
        else for (const target of [dying, 'nobody']) self.monitor(target);
      },
    });
    watcher.send(1);
    await time(1);
    runtime.exit(dying, atom('boom'));
    await time(1);
    watcher.send(2);
    await time(1);
    return [...reasons, atom('no_more')];
  },
  'demonitor/2 with flush takes a DOWN that is there': async () => {
    const dead = process();
    runtime.exit(dead, KILL);
    const { got } = collector((self) => self.demonitor(self.monitor(dead), { flush: true }));
    await time(20);
    return got[0] ?? atom('nothing');
  },
  'signals of one sender keep their order: messages and exits': async () => {
    const { pid, got } = collector();
    for (const n of [1, 2, 3]) {
      runtime.send(pid, tuple(atom('before'), n));
      runtime.exit(pid, tuple(atom('signal'), n));
    }
    await time(1);
    return got;
  },

  // --- gen_server ---
  'calls, casts and messages of one sender keep their order': async () => {
    const log: Term[] = [];
    const { pid } = await server(log);
    for (const n of [1, 2, 3, 4]) {
      runtime.send(pid!, tuple(atom('info'), n));
      runtime.cast(pid!, tuple(atom('cast'), n));
      await runtime.call(pid!, tuple(atom('call'), n));
    }
    return log.slice(1);
  },
  'continue comes before any message': async () => {
    const log: Term[] = [];
    await runtime.startServer(Continuing, [log]);
    return await events(log);
  },
  'a call that times out leaves no stray reply': async () => {
    const slow = await server([]);
    const { pid, got } = collector((self) => {
      void self
        .ref<Child>(slow.pid!)
        .with({ timeout: 50 })
        .sleep(200)
        .catch((error: unknown) => {
          if (isBeamishError(error, 'timeout')) self.send(self.pid, atom('timeout'));
        });
    });
    await time(600);
    const waiting = runtime.processes().find((one) => one.pid.equals(pid))?.mailbox;
    assert.equal(got.length, 1);
    return tuple(got[0], waiting);
  },
  'what a caller is told of a server that is not there, or ends': async () => {
    const [dying, killed] = [await server([]), await server([])];
    const nobody = await failure(runtime.call('nobody', OK));
    const boom = await failure(dying.exit(atom('boom')));
    const waiting = failure(killed.sleep(1000));
    runtime.exit(killed.pid!, KILL);
    return [nobody, boom, await waiting, await failure(runtime.call(killed.pid!, OK))];
  },
  'stop with a reply: the reply goes out, then the end': async () => {
    const log: Term[] = [];
    const { pid, bye } = await server(log);
    const end = fate(pid!);
    const reply = await bye();
    return [reply, await end, ...log.slice(1)];
  },
  'terminate/2 runs after stop, after an end by its own, and on the parent’s exit; not on kill': () =>
    each(['asked', 'own', 'parent', 'kill', 'stranger'], async (how) => {
      const log: Term[] = [];
      const parent = process((self, message) => self.exit(message));
      const { pid } = await runtime.startServer(Child, [log, 's'], { link: parent, parent });
      if (how === 'asked' || how === 'own') runtime.cast(pid!, tuple(EXIT, atom(how)));
      else if (how === 'parent') runtime.send(parent, atom('parent_ended'));
      else runtime.exit(pid!, how === 'kill' ? KILL : atom('strange'));
      return (await events(log)).slice(1);
    }),
  'an init that hangs ends with its time': async () =>
    tuple(atom('error'), await failure(runtime.startServer(Hanging, [], { startTimeout: 50 }))),

  // --- supervisors ---
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

  // --- tasks ---
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

  // --- Registry ---
  'Registry: a unique key has one process, and is free when that has ended': async () => {
    const registry = new Registry<number>(runtime, { keys: 'unique' });
    const one = process();
    const a = tried(() => registry.register('k', one, 1));
    const b = tried(() => registry.register('k', process(), 2));
    await fate(one, () => runtime.exit(one, KILL));
    const free = registry.lookup('k').length === 0 ? [] : OK;
    const c = tried(() => registry.register('k', process(), 3));
    return [a, b, free, c, registry.lookup('k').map(({ value }) => value), registry.count()];
  },
  'Registry: duplicate keys, dispatch in the order of registration, values, unregister_match': async () => {
    const registry = new Registry<number>(runtime, { keys: 'duplicate' });
    const pids = [1, 2, 3].map((value) => {
      const pid = process();
      registry.register('t', pid, value);
      return pid;
    });
    let seen: Term = [];
    registry.dispatch('t', (entries) => (seen = entries.map(({ value }) => value)));
    const me = process();
    const both = [10, 20].map((value) => tried(() => registry.register('own', me, value)));
    const twice = registry.lookup('own').length;
    registry.unregisterMatch('own', me, (value) => value === 10);
    const rest = registry.lookup('own').map(({ value }) => value);
    const values = registry.values('t', pids[1]!);
    return await Promise.resolve([seen, values, both, tuple(twice, registry.keys(me).length), rest]);
  },
  'Registry: keys are equal when they are the same term': async () => {
    const registry = new Registry(runtime, { keys: 'unique' });
    const keys = [1, float(1), tuple(1, 'x'), tuple(1, 'x')];
    return await Promise.resolve(keys.map((key) => tried(() => registry.register(key, process()))));
  },

  // --- ets ---
  'ets: the order of an ordered_set is that of terms, 1 and 1.0 are one key': async () => {
    const table = Table.create<[Term, number]>(runtime, { type: 'ordered_set' });
    const pairs = [tuple(1), tuple(1, 2), tuple(0, 0, 0)];
    for (const key of ['b', 'a', [], [1], ...pairs, atom('b'), atom('a'), 2.5, 1, float(1), -1]) table.insert([key, 0]);
    return await Promise.resolve(table.toArray().map(([key]) => key));
  },
  'ets: in a set 1 and 1.0 are two keys': async () => {
    const table = Table.create<[Term, Term]>(runtime, { type: 'set' });
    for (const key of [1, float(1)]) table.insert([key, key]);
    const rows = (key: Term): Term => table.lookup(key).map((row) => tuple(...row));
    return await Promise.resolve([table.size, rows(1), rows(float(1))]);
  },
  'ets: bag and duplicate_bag keep rows in the order of time': () =>
    each(['bag', 'duplicate_bag'] as const, async (type) => {
      const table = Table.create<[string, number]>(runtime, { type });
      const values = (): Term => table.lookup('k').map(([, value]) => value);
      for (const value of [2, 1, 2, 3]) table.insert(['k', value]);
      const all = values();
      table.deleteRow(['k', 2]);
      return await Promise.resolve(tuple(all, values()));
    }),
  'ets: insert_new, take, lookup_element, update_element, member': async () => {
    const table = Table.create<[Term, number]>(runtime, { type: 'set' });
    const [k, l, x] = [atom('k'), atom('l'), atom('x')];
    const taken = (): Term => table.take(k).map((row) => tuple(...row));
    return await Promise.resolve([
      table.insertNew([k, 1]),
      table.insertNew([k, 2]),
      table.insertNew([l, 1], [k, 3]),
      table.member(l),
      table.lookupElement(k, 1),
      table.updateElement(k, 1, 9),
      table.updateElement(x, 1, 9),
      taken(),
      taken(),
    ]);
  },
  'ets: update_counter with bounds, a default, and several at once': async () => {
    const table = Table.create<[Term, number, number]>(runtime, { type: 'set' });
    const [k, fresh] = [atom('k'), atom('new')];
    table.insert([k, 5, 10]);
    return await Promise.resolve([
      table.updateCounter(k, 3),
      table.updateCounter(k, { increment: 5, threshold: 10, reset: 0 }),
      table.updateCounter(k, { increment: -5, threshold: -2, reset: 100 }),
      tuple(...table.updateCounter(k, [{ increment: 1 }, { position: 2, increment: -1 }])),
      table.updateCounter(fresh, 7, [fresh, 1, 0]),
      table.lookup(k).map((row) => tuple(...row)),
    ]);
  },
  'ets: first, last, next and prev, also of a key that is not there': async () => {
    const table = Table.create<[number]>(runtime, { type: 'ordered_set' });
    for (const key of [10, 20, 30]) table.insert([key]);
    const end = atom('$end_of_table');
    const keys = [
      table.first(),
      table.last(),
      table.next(10),
      table.next(15),
      table.prev(15),
      table.next(30),
      table.prev(10),
    ];
    return await Promise.resolve(keys.map((key) => key ?? end));
  },
  'ets: the heir gets the table and is told; without one it goes with its owner': async () => {
    const heir = collectorOf((message) => isTuple(message, 4));
    const owner = runtime.spawn({
      init(self) {
        const data = { pid: heir.pid, data: atom('data') };
        Table.create<[Term, number]>(self, { name: 'inherited', heir: data }).insert([atom('k'), 1]);
        Table.create<[Term]>(self, { name: 'lost' });
      },
      handle: (_, self) => self.exit(atom('normal')),
    });
    await time(1);
    owner.send(OK);
    await time(1);
    const [, table, , data] = (heir.got[0] as unknown as { elements: readonly Term[] }).elements;
    const inherited = Table.whereis<[Term, number]>(runtime, 'inherited');
    return [
      tuple(table, data),
      inherited?.lookup(atom('k')).map((row) => tuple(...row)),
      Table.whereis(runtime, 'lost') === undefined ? undefined : OK,
      inherited?.owner.equals(heir.pid),
    ];
  },
  'ets: protected is read by all and written by its owner': async () => {
    let table: Table<[Term, number]> | undefined;
    runtime.spawn({
      init: (self) => {
        table = Table.create<[Term, number]>(self, { name: 'own', protection: 'protected' });
        table.insert([atom('k'), 1]);
      },
      handle() {},
    });
    await time(1);
    const other = Table.whereis<[Term, number]>(runtime, 'own')!;
    const write = tried(() => other.insert([atom('k'), 2])) === OK ? OK : atom('refused');
    return [other.lookup(atom('k')).map((row) => tuple(...row)), write];
  },
};

/** A process that keeps the messages that fit. */
function collectorOf(fits: (message: Term) => boolean): { readonly pid: Pid; readonly got: Term[] } {
  const got: Term[] = [];
  return { pid: runtime.spawn({ handle: (message) => void (fits(message) && got.push(message)) }).pid, got };
}

test('OTP rules: a BEAM and Beamish say the same of each', { ...skipUnless('elixir'), timeout: 110_000 }, async (t) => {
  const fixture = join(import.meta.dirname, 'fixtures/otp_rules.exs');
  const elixir = startChild(requirePeer('elixir'), [fixture], { name: 'elixir', t });
  await elixir.waitForOutput(/^end$/m, 100_000);
  const theirs = new Map(
    elixir.output
      .split('\n')
      .filter((line) => line.includes(' = '))
      .map((line) => line.split(' = ') as [string, string]),
  );
  await t.test('both have the same rules', () => assert.deepEqual(Object.keys(rules), [...theirs.keys()]));
  await t.test('docs/otp-rules.md has them all', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../../docs/otp-rules.md'), 'utf8');
    const missing = Object.keys(rules).filter((name) => !page.includes(`| ${name} `));
    assert.deepEqual(missing, []);
  });
  for (const [name, run] of Object.entries(rules)) {
    await t.test(name, async () => assert.equal(formatTerm(await run()), theirs.get(name)));
  }
  await runtime.stop();
});
