import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seed } from '../support/seed.ts';
import { initialDiscovery, step } from '../../src/discovery/discovery-core.ts';
import type {
  DiscoveryEffect,
  DiscoveryInput,
  DiscoveryLimits,
  DiscoveryState,
  ReportOptions,
} from '../../src/discovery/discovery-core.ts';

class Run {
  readonly state: DiscoveryState;
  now = 0;
  random = 0.5;
  wakeAt = Infinity;
  readonly log: string[] = [];

  constructor(limits: DiscoveryLimits = {}, connected: string[] = []) {
    this.state = initialDiscovery('me@h', connected, limits);
  }

  /** The nodes dialled, `-name` for one disconnected. */
  input(input: DiscoveryInput): string[] {
    const effects = step(this.state, input, { now: this.now, random: this.random });
    return effects.flatMap((effect: DiscoveryEffect): string[] => {
      if (effect.type === 'wakeAt') this.wakeAt = effect.at;
      if (effect.type === 'log') this.log.push(`${effect.level} ${effect.message}`);
      if (effect.type === 'connect') return [effect.node];
      return effect.type === 'disconnect' ? [`-${effect.node}`] : [];
    });
  }

  found(names: string[], options: ReportOptions = {}, source = 's'): string[] {
    return this.input({ type: 'found', source, names, options });
  }

  fail(node: string, code = 'connection_refused'): string[] {
    return this.input({ type: 'attempted', node, failure: { code, message: 'no' } });
  }

  up(node: string): void {
    this.input({ type: 'nodeup', node });
    this.input({ type: 'attempted', node });
  }

  wake(): string[] {
    this.now = this.wakeAt;
    this.wakeAt = Infinity;
    return this.input({ type: 'wake' });
  }
}

test("a name that is reported is dialled at once, one's own and connected ones are not", () => {
  const run = new Run({}, ['c@h']);
  assert.deepEqual(run.found(['a@h', 'me@h', 'c@h', 'a@h']), ['a@h']);
  assert.deepEqual(run.found(['a@h', 'c@h']), []);
});

test('a node that does not answer is dialled for ever, with a delay that doubles up to its bound', () => {
  const run = new Run({ minDelay: 100, maxDelay: 1000 });
  run.random = 1 - Number.EPSILON;
  run.found(['a@h']);
  const delays: number[] = [];
  for (let attempt = 0; attempt < 200; attempt++) {
    assert.deepEqual(run.fail('a@h'), []);
    const before = run.now;
    assert.deepEqual(run.wake(), ['a@h']);
    delays.push(Math.round(run.now - before));
  }
  assert.deepEqual(delays.slice(0, 6), [100, 200, 400, 800, 1000, 1000]);
  assert.equal(delays.at(-1), 1000);
  // One line for finding it, one for the first failure, none for each attempt.
  assert.deepEqual(run.log, ['info found a node', 'warn cannot connect to a node that was found; trying on']);
  run.fail('a@h', 'cookie_mismatch');
  run.fail('a@h', 'connection_refused');
  assert.equal(run.log.length, 3, 'another cause is another line, once');
  run.up('a@h');
  assert.equal(run.log.at(-1), 'info connected to a node that was found');
  assert.equal(run.state.candidates.get('a@h')?.attempts, 0);
});

test('delays are spread between half and all', () => {
  const run = new Run({ minDelay: 100 });
  run.random = 0;
  run.found(['a@h']);
  run.fail('a@h');
  assert.equal(run.wakeAt, 50);
});

test('a severed node is dialled again, and its outage is told anew', () => {
  const run = new Run({ minDelay: 100 });
  run.found(['a@h']);
  run.up('a@h');
  assert.deepEqual(run.input({ type: 'nodedown', node: 'a@h', reason: 'closed' }), []);
  assert.equal(run.wakeAt, 50);
  assert.deepEqual(run.wake(), ['a@h']);
  run.fail('a@h');
  assert.deepEqual(run.log.slice(2), [
    'info lost a node; looking for it again',
    'warn cannot connect to a node that was found; trying on',
  ]);
});

test('a connection that ended before its attempt was told is one more attempt', () => {
  const run = new Run();
  run.found(['a@h']);
  assert.deepEqual(run.input({ type: 'attempted', node: 'a@h' }), []);
  assert.equal(run.state.candidates.get('a@h')?.status, 'waiting');
});

test('a node left out of a complete report stays connected, and is dialled no more once it is lost', () => {
  const run = new Run();
  run.found(['a@h', 'b@h']);
  run.up('a@h');
  assert.deepEqual(run.found(['b@h']), []);
  assert.equal(run.log.at(-1), 'info a node is not listed any more; it stays connected');
  run.input({ type: 'nodedown', node: 'a@h', reason: 'closed' });
  assert.equal(run.wakeAt, Infinity);
  assert.deepEqual(run.found(['a@h', 'b@h']), ['a@h'], 'listed again: dialled at once');
});

test('it is disconnected when the strategy says so, but not while another one names it', () => {
  const run = new Run();
  run.found(['a@h']);
  run.found(['a@h'], {}, 'other');
  run.up('a@h');
  assert.deepEqual(run.found([], { disconnectLost: true }), []);
  assert.deepEqual(run.found([], { disconnectLost: true }, 'other'), ['-a@h']);
});

test('names by one and one expire, unless they were connected once', () => {
  const run = new Run({ minDelay: 100, maxDelay: 100 });
  const gossip: ReportOptions = { complete: false, expiresAfter: 1000 };
  run.found(['a@h'], gossip);
  run.fail('a@h');
  run.found(['b@h'], gossip);
  run.up('b@h');
  run.input({ type: 'nodedown', node: 'b@h', reason: 'network' });
  for (let turn = 0; turn < 40; turn++) {
    for (const node of run.wake()) run.fail(node);
  }
  assert.deepEqual([...run.state.candidates.keys()], ['b@h']);
});

test('names are bounded: an unproven one that expires makes room, else the new one is refused', () => {
  const run = new Run({ maxNames: 2 });
  run.found(['listed@h']);
  run.found(['old@h'], { complete: false, expiresAfter: 1000 }, 'g');
  run.fail('old@h');
  run.found(['new@h'], { complete: false, expiresAfter: 1000 }, 'g');
  assert.deepEqual([...run.state.candidates.keys()], ['listed@h', 'new@h']);
  for (let index = 0; index < 50; index++) run.found([`x${index}@h`], { complete: false }, 'g');
  assert.equal(run.state.candidates.size, 2, 'what is being dialled is not evicted');
  assert.equal(run.state.refused.get('g'), 50);
  assert.equal(run.log.filter((line) => line.startsWith('warn refused')).length, 1);
});

test('names that no node can have are refused', () => {
  const run = new Run();
  const bad = ['', 'a', '@h', 'a@', 'a@b@c', 'a b@h', 'a@h\n', `${'a'.repeat(300)}@h`, 'a@-', '../x@h', 'é@h'];
  assert.deepEqual(run.found(bad), []);
  assert.equal(run.state.refused.get('s'), bad.length);
  assert.equal(
    run.found(['web-1_x@10.0.0.5', 'a@::1', 'a@fd00::1', 'n@my-host.example.com', 'n@my_service', 'x@h']).length,
    6,
  );
});

test('only so many are dialled at one time', () => {
  const run = new Run({ maxConnecting: 2 });
  assert.deepEqual(run.found(['a@h', 'b@h', 'c@h', 'd@h']), ['a@h', 'b@h']);
  assert.deepEqual(run.fail('a@h'), ['c@h']);
  run.input({ type: 'nodeup', node: 'b@h' });
  assert.deepEqual(
    [...run.state.candidates.values()].map(({ status }) => status),
    ['waiting', 'connected', 'connecting', 'connecting'],
  );
});

test('whatever happens, each candidate is connected, being dialled, or has its time', () => {
  const name = fc.constantFrom('a@h', 'b@h', 'c@h', 'me@h', 'bad');
  const input: fc.Arbitrary<DiscoveryInput> = fc.oneof(
    fc.record({
      type: fc.constant('found' as const),
      source: fc.constantFrom('s', 't'),
      names: fc.array(name),
      options: fc.record({
        complete: fc.boolean(),
        disconnectLost: fc.boolean(),
        expiresAfter: fc.constantFrom(50, 1e9),
      }),
    }),
    fc.record({ type: fc.constant('nodeup' as const), node: name }),
    fc.record({ type: fc.constant('nodedown' as const), node: name, reason: fc.constant('closed') }),
    fc.record({ type: fc.constant('attempted' as const), node: name }),
    fc.record({ type: fc.constant('wake' as const) }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(input, fc.nat(300)), { size: 'max', maxLength: 80 }), (inputs) => {
      const run = new Run({ maxConnecting: 2 });
      const dialled = new Map<string, number>();
      for (const [each, pause] of inputs) {
        run.now += pause;
        if (each.type === 'attempted') dialled.delete(each.node);
        for (const node of run.input(each)) if (!node.startsWith('-')) dialled.set(node, 1);
        const waiting = [...run.state.candidates.values()].filter(({ status }) => status === 'waiting');
        const connecting = [...run.state.candidates.values()].filter(({ status }) => status === 'connecting');
        assert(connecting.length <= 2);
        for (const candidate of waiting) assert(candidate.dueAt >= run.wakeAt || connecting.length === 2);
        for (const { name: connected, status } of run.state.candidates.values()) {
          assert.equal(status === 'connected', run.state.connected.has(connected));
        }
      }
    }),
    { numRuns: 500, seed },
  );
});
