import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decide, initialState } from '../../src/process/supervisor-core.ts';
import type {
  CoreOptions,
  CoreState,
  Effect,
  Input,
  RestartType,
  Strategy,
} from '../../src/process/supervisor-core.ts';

/** Carries out effects as a host would, by a script of which starts fail; keeps what was done. */
class Host {
  state: CoreState;
  readonly done: string[] = [];
  readonly running = new Map<string, string>();
  failing: (id: string) => boolean = () => false;
  now = 0;
  #run = 0;

  constructor(options: Partial<CoreOptions> & Pick<CoreOptions, 'children'>) {
    this.state = initialState({ strategy: 'one_for_one', maxRestarts: 3, window: 5000, ...options });
  }

  feed(input: Input): readonly Effect[] {
    const all: Effect[] = [];
    const inputs = [input];
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      const { state, effects } = decide(this.state, next);
      this.state = state;
      for (const effect of effects) {
        all.push(effect);
        const outcome = this.#perform(effect);
        if (outcome !== undefined) inputs.push(outcome);
      }
    }
    return all;
  }

  #perform(effect: Effect): Input | undefined {
    this.done.push('id' in effect ? `${effect.type} ${effect.id}` : effect.type);
    if (effect.type === 'terminate') {
      assert.ok(this.running.delete(effect.id), `${effect.id} runs when it is terminated`);
      return { type: 'terminated', id: effect.id };
    }
    if (effect.type !== 'start') return undefined;
    assert.ok(!this.running.has(effect.id), `${effect.id} does not run twice`);
    if (this.failing(effect.id)) return { type: 'startFailed', id: effect.id, now: this.now };
    const key = `${effect.id}#${++this.#run}`;
    this.running.set(effect.id, key);
    return { type: 'started', id: effect.id, key };
  }

  /** The child ends by itself. @returns what was done then. */
  exit(id: string, normal = false): string[] {
    const key = this.running.get(id);
    assert.ok(key !== undefined);
    this.running.delete(id);
    const before = this.done.length;
    this.feed({ type: 'exited', key, normal, now: this.now });
    return this.done.slice(before);
  }

  act(input: Input): string[] {
    const before = this.done.length;
    this.feed(input);
    return this.done.slice(before);
  }
}

const permanent = (...ids: string[]) => ids.map((id) => ({ id, restart: 'permanent' as const }));

function started(options: Partial<CoreOptions> & Pick<CoreOptions, 'children'>): Host {
  const host = new Host(options);
  host.feed({ type: 'start' });
  return host;
}

test('children start in order, and end in reverse (supervisor start and shutdown order)', () => {
  const host = started({ children: permanent('a', 'b', 'c') });
  assert.deepEqual(host.done, ['start a', 'start b', 'start c', 'ready']);
  assert.deepEqual(host.act({ type: 'shutdown' }), ['terminate c', 'terminate b', 'terminate a', 'end']);
  assert.equal(host.state.phase, 'ended');
});

test('which children are restarted with the one that ended (strategies)', () => {
  const table: [Strategy, string, string[]][] = [
    ['one_for_one', 'b', ['start b']],
    ['one_for_all', 'b', ['terminate c', 'terminate a', 'start a', 'start b', 'start c']],
    ['rest_for_one', 'b', ['terminate c', 'start b', 'start c']],
    ['rest_for_one', 'a', ['terminate c', 'terminate b', 'start a', 'start b', 'start c']],
    ['rest_for_one', 'c', ['start c']],
  ];
  for (const [strategy, id, expected] of table) {
    assert.deepEqual(started({ strategy, children: permanent('a', 'b', 'c') }).exit(id), expected, `${strategy} ${id}`);
  }
});

test('which ends are restarted (permanent, transient, temporary)', () => {
  const table: [RestartType, boolean, string[], boolean][] = [
    ['permanent', true, ['start a'], true],
    ['permanent', false, ['start a'], true],
    ['transient', true, [], true],
    ['transient', false, ['start a'], true],
    ['temporary', true, ['forget a'], false],
    ['temporary', false, ['forget a'], false],
  ];
  for (const [restart, normal, expected, listed] of table) {
    const host = started({ children: [{ id: 'a', restart }] });
    assert.deepEqual(host.exit('a', normal), expected, `${restart} ${normal}`);
    assert.equal(host.state.children.length, listed ? 1 : 0);
  }
});

test('a temporary child that is terminated for another’s sake is forgotten (supervisor:restart/2)', () => {
  const host = started({
    strategy: 'one_for_all',
    children: [...permanent('a'), { id: 't', restart: 'temporary' }, ...permanent('c')],
  });
  assert.deepEqual(host.exit('a'), ['terminate c', 'terminate t', 'forget t', 'start a', 'start c']);
});

test('more than maxRestarts within the window: all are stopped and the supervisor ends (intensity)', () => {
  const host = started({ maxRestarts: 2, window: 1000, children: permanent('a', 'b') });
  for (const now of [0, 500]) {
    host.now = now;
    assert.deepEqual(host.exit('a'), ['start a']);
  }
  host.now = 1001; // the first is out of the window
  assert.deepEqual(host.exit('b'), ['start b']);
  host.now = 1002;
  assert.deepEqual(host.exit('a'), ['terminate b', 'end']);
  assert.deepEqual(host.state.cause, { type: 'intensity', id: 'a' });
});

test('maxRestarts 0: the first crash ends the supervisor', () => {
  assert.deepEqual(started({ maxRestarts: 0, children: permanent('a', 'b') }).exit('b'), ['terminate a', 'end']);
});

test('a first start that fails: those that run are stopped in reverse (failed_to_start_child)', () => {
  const host = new Host({ children: permanent('a', 'b', 'c') });
  host.failing = (id) => id === 'c';
  host.feed({ type: 'start' });
  assert.deepEqual(host.done, ['start a', 'start b', 'start c', 'terminate b', 'terminate a', 'end']);
  assert.deepEqual(host.state.cause, { type: 'startFailed', id: 'c' });
});

test('a restart that fails is tried again, and counted each time (try_again_restart)', () => {
  const host = started({ maxRestarts: 3, children: permanent('a', 'b') });
  let failures = 2;
  host.failing = (id) => id === 'a' && failures-- > 0;
  assert.deepEqual(host.exit('a'), ['start a', 'start a', 'start a']);
  host.failing = () => true;
  assert.deepEqual(host.exit('b'), ['terminate a', 'end'], 'the fourth within the window');
});

test('rest_for_one whose restart fails half way goes on from the child that failed', () => {
  const host = started({ strategy: 'rest_for_one', children: permanent('a', 'b', 'c') });
  let failures = 1;
  host.failing = (id) => id === 'b' && failures-- > 0;
  assert.deepEqual(host.exit('a'), ['terminate c', 'terminate b', 'start a', 'start b', 'start b', 'start c']);
});

test('children are added, stopped, started again and taken out', () => {
  const host = started({ children: permanent('a') });
  assert.deepEqual(host.act({ type: 'add', id: 'b', restart: 'permanent' }), ['start b']);
  assert.deepEqual(host.act({ type: 'terminateChild', id: 'b' }), ['terminate b']);
  assert.deepEqual(host.act({ type: 'terminateChild', id: 'b' }), []);
  assert.deepEqual(host.act({ type: 'restartChild', id: 'b' }), ['start b']);
  assert.deepEqual(host.act({ type: 'deleteChild', id: 'b' }), [], 'not while it runs');
  assert.deepEqual(host.act({ type: 'terminateChild', id: 'b' }), ['terminate b']);
  assert.deepEqual(host.act({ type: 'deleteChild', id: 'b' }), ['forget b']);
  host.failing = () => true;
  assert.deepEqual(
    host.act({ type: 'add', id: 'c', restart: 'permanent' }),
    ['start c', 'forget c'],
    'nothing is kept of a failed start',
  );
  assert.deepEqual(
    host.state.children.map(({ id }) => id),
    ['a'],
  );
});

test('a stopped child that cannot be started again stays in the list, stopped', () => {
  const host = started({ children: permanent('a', 'b') });
  host.act({ type: 'terminateChild', id: 'b' });
  host.failing = () => true;
  assert.deepEqual(host.act({ type: 'restartChild', id: 'b' }), ['start b']);
  assert.deepEqual(
    host.state.children.map(({ status }) => status),
    ['running', 'stopped'],
  );
});

test('the exit of an earlier process of a child means nothing', () => {
  const host = started({ children: permanent('a') });
  const stale = host.running.get('a') as string;
  host.exit('a');
  assert.deepEqual(host.act({ type: 'exited', key: stale, normal: false, now: 0 }), []);
});

test('what arrives while a plan is carried out waits for its end', () => {
  const state = initialState({ strategy: 'one_for_one', maxRestarts: 3, window: 5000, children: permanent('a', 'b') });
  const one = decide(state, { type: 'start' });
  const two = decide(one.state, { type: 'started', id: 'a', key: 'a1' });
  const three = decide(two.state, { type: 'exited', key: 'a1', normal: false, now: 0 });
  assert.deepEqual(three.effects, [], 'b is being started');
  const four = decide(three.state, { type: 'started', id: 'b', key: 'b1' });
  assert.deepEqual(four.effects, [{ type: 'ready' }, { type: 'start', id: 'a' }]);
});

test('for any tree and any order of ends, failures and commands, the rules hold', () => {
  const restart = fc.constantFrom<RestartType>('permanent', 'transient', 'temporary');
  const event = fc.record({
    kind: fc.constantFrom('exit', 'exit', 'exit', 'add', 'terminateChild', 'restartChild', 'deleteChild', 'shutdown'),
    which: fc.nat(20),
    normal: fc.boolean(),
    pause: fc.nat(3000),
    failing: fc.integer({ min: 0, max: 9 }),
  });
  fc.assert(
    fc.property(
      fc.constantFrom<Strategy>('one_for_one', 'one_for_all', 'rest_for_one'),
      fc.array(restart, { minLength: 1, maxLength: 6 }),
      fc.nat(5),
      fc.array(event, { maxLength: 25 }),
      (strategy, restarts, maxRestarts, events) => {
        const host = started({
          strategy,
          maxRestarts,
          children: restarts.map((type, index) => ({ id: `c${index}`, restart: type })),
        });
        let added = 0;
        for (const { kind, which, normal, pause, failing } of events) {
          host.now += pause;
          let calls = 0;
          host.failing = () => failing > 6 && calls++ < failing - 6;
          const ids = host.state.children.map(({ id }) => id);
          const running = [...host.running.keys()];
          if (kind === 'exit') {
            if (running.length > 0) host.exit(running[which % running.length] as string, normal);
          } else if (kind === 'add')
            host.feed({ type: 'add', id: `new${added++}`, restart: restarts[0] as RestartType });
          else if (kind === 'shutdown') host.feed({ type: 'shutdown' });
          else if (ids.length > 0) host.feed({ type: kind as 'terminateChild', id: ids[which % ids.length] as string });

          const { state } = host;
          assert.equal(state.plan.length, 0, 'at rest after every event');
          assert.equal(state.waiting.length, 0);
          assert.deepEqual(
            new Map(state.children.filter(({ status }) => status === 'running').map(({ id, key }) => [id, key])),
            host.running,
            'the state knows what runs',
          );
          assert.ok(
            state.children.every((child) => child.status !== 'restarting'),
            'no child is left half way',
          );
          assert.equal(new Set(state.children.map(({ id }) => id)).size, state.children.length);
          assert.ok(state.phase !== 'ended' || host.running.size === 0, 'it ends with no child running');
          assert.ok(state.phase === 'ended' || state.restarts.length <= maxRestarts, 'restarts are bounded');
        }
      },
    ),
    { numRuns: 500 },
  );
});
