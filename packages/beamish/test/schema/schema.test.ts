import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { z } from 'zod';
import { isBeamishError } from '../../src/error/index.ts';
import type { BeamishError } from '../../src/error/index.ts';
import { GenServer, PartitionSupervisor, Registry, Runtime, child } from '../../src/process/index.ts';
import { check, guarded, plain } from '../../src/schema/index.ts';
import type { Contract, StandardSchema } from '../../src/schema/index.ts';
import { atom, atomMap, float, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';

const invalid =
  (...texts: readonly (string | RegExp)[]) =>
  (error: unknown): boolean => {
    assert.ok(isBeamishError(error, 'value_invalid'), String(error));
    for (const text of texts) assert.match(error.message, typeof text === 'string' ? new RegExp(text) : text);
    return true;
  };

interface Shape {
  readonly id: number;
  readonly tags: readonly string[];
}

/** The same schemas in the two libraries: Standard Schema is all that Beamish sees of either. */
const libraries: readonly {
  readonly name: string;
  readonly object: StandardSchema<unknown, Shape>;
  readonly args: StandardSchema<unknown, readonly [number, number?]>;
  readonly asynchronous: StandardSchema<unknown, string>;
}[] = [
  {
    name: 'zod',
    object: z.object({ id: z.number().int(), tags: z.array(z.string()) }),
    args: z.tuple([z.number(), z.number().default(1)]),
    asynchronous: z.string().refine(async (text) => await Promise.resolve(text !== 'bad')),
  },
  {
    name: 'valibot',
    object: v.object({ id: v.pipe(v.number(), v.integer()), tags: v.array(v.string()) }),
    args: v.tuple([v.number(), v.optional(v.number(), 1)]),
    asynchronous: v.pipeAsync(
      v.string(),
      v.checkAsync(async (text) => await Promise.resolve(text !== 'bad')),
    ),
  },
];

for (const { name, object, args, asynchronous } of libraries) {
  test(`${name}: a value that fits is given back, one that does not is refused with its path`, () => {
    assert.deepEqual(check(object, { id: 1, tags: ['a'] }, 'order'), { id: 1, tags: ['a'] });
    assert.throws(() => check(object, { id: 1, tags: ['a', 2] }, 'order'), invalid('^order: at \\.tags\\[1\\]: '));
    assert.throws(() => check(object, 'text', 'order'), invalid(/^order: \w/));
    assert.throws(() => check(object, {}, 'order'), invalid('at \\.id: ', '; at \\.tags: '));
  });

  test(`${name}: an asynchronous schema gives a promise`, async () => {
    assert.equal(await check(asynchronous, 'good', 'word'), 'good');
    await assert.rejects(async () => await check(asynchronous, 'bad', 'word'), invalid('^word: '));
  });

  test(`${name}: the arguments of a call: wrong ones never reach the method, defaults are filled in`, async () => {
    class Counter extends GenServer {
      static override readonly contract: Contract = { increment: { args }, reset: {} };
      #count = 0;
      increment(by: number, times: number): number {
        return (this.#count += by * times);
      }
      reset(): void {
        this.#count = 0;
      }
    }
    const world = fakeWorld();
    const runtime = new Runtime({ world });
    const counter = await runtime.startServer(Counter, []);
    const pid = counter.pid!;
    const call = (...request: Term[]): Promise<unknown> => runtime.call(pid, tuple(...request));
    assert.equal(await call(atom('increment'), 2), 2);
    assert.equal(await call(atom('increment'), 2, 3), 8);
    await assert.rejects(call(atom('increment'), '2'), invalid('^increment: at \\[0\\]: '));
    await assert.rejects(runtime.call(pid, atom('increment')), invalid('^increment: '));
    await assert.rejects(call(atom('reset'), 1), invalid('reset: takes no arguments, and got 1'));
    runtime.cast(pid, tuple(atom('increment'), 'x'));
    assert.equal(await call(atom('increment'), 0), 8);
    assert.ok(runtime.isAlive(pid));
  });
}

test('what is told of a value that does not fit is bounded, whatever the peer sent', () => {
  const schema = z.array(z.strictObject({ a: z.number() }));
  const key = 'k'.repeat(100_000);
  const value = Array.from({ length: 10_000 }, () => ({ a: 1, [key]: 1 }));
  try {
    void check(schema, value, 'order');
    assert.fail('not refused');
  } catch (error) {
    const { message, details } = error as BeamishError;
    assert.ok(message.length < 3000, String(message.length));
    assert.equal((details['issues'] as unknown[]).length, 5);
    assert.equal(details['more'], 9995);
    assert.match(message, /; and 9995 more$/);
  }
  const deep = { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'no', path }] }) } };
  const path = Array.from({ length: 100_000 }, (_, index) => ({ key: index % 2 === 0 ? 'a b' : Symbol('s') }));
  assert.throws(() => check(deep as StandardSchema, 1, 'order'), invalid('at \\["a b"\\]\\[Symbol\\(s\\)\\]'));
  assert.throws(
    () => check(deep as StandardSchema, 1, 'order'),
    (error: Error) => error.message.length < 500,
  );
});

test('a schema that throws has refused the value; what it threw is the cause, and not told', async () => {
  const broken = (validate: () => never): StandardSchema => ({
    '~standard': { version: 1, vendor: 'test', validate },
  });
  const fails = (): never => {
    throw new Error('secret');
  };
  const told = (error: unknown): boolean =>
    invalid('^word: the schema threw an error$')(error) && /secret/.test(String((error as Error).cause));
  assert.throws(() => check(broken(fails), 1, 'word'), told);
  const later: StandardSchema = {
    '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('secret')) },
  };
  await assert.rejects(async () => await check(later, 1, 'word'), told);
});

test('a result that is none, and a promise of another making, are no way past a schema', async () => {
  const schema = (validate: (value: unknown) => unknown): StandardSchema =>
    ({ '~standard': { version: 1, vendor: 'test', validate } }) as StandardSchema;
  const invalid = (error: unknown): boolean => isBeamishError(error, 'value_invalid');
  for (const result of [undefined, null, true, {}, 'value'])
    assert.throws(
      () =>
        check(
          schema(() => result),
          1,
          'x',
        ),
      invalid,
      JSON.stringify(result),
    );
  const later = (result: unknown): StandardSchema =>
    // oxlint-disable-next-line unicorn/no-thenable -- this is the test
    schema(() => ({ then: (resolve: (result: unknown) => void) => resolve(result) }));
  assert.equal(await check(later({ value: 2 }), 1, 'x'), 2);
  await assert.rejects(async () => await check(later({ issues: [{ message: 'no' }] }), 1, 'x'), invalid);
  await assert.rejects(async () => await check(later({}), 1, 'x'), invalid);
});

test('plain: a schema sees what a BEAM sent as plain data', () => {
  const schema = z.object({ id: z.number(), state: z.enum(['paid', 'open']), at: z.tuple([z.string(), z.number()]) });
  const term = atomMap({ id: float(1), state: atom('paid'), at: tuple(atom('x'), 2) });
  assert.throws(() => check(schema, term, 'order'), invalid());
  assert.deepEqual(check(plain(schema), term, 'order'), { id: 1, state: 'paid', at: ['x', 2] });
});

test('calls to a server with an asynchronous schema stay in their order (FIFO), and `from` is theirs', async () => {
  const waits: (() => void)[] = [];
  const slow: StandardSchema<unknown, readonly [number]> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        new Promise((resolve) => {
          waits.push(() => resolve({ value: value as [number] }));
        }),
    },
  };
  class Log extends GenServer {
    static override readonly contract: Contract = { add: { args: slow } };
    readonly seen: number[] = [];
    add(entry: number): boolean {
      this.seen.push(entry);
      return this.from !== undefined;
    }
    list(): readonly number[] {
      return this.seen;
    }
  }
  const runtime = new Runtime({ world: fakeWorld() });
  const log = await runtime.startServer(Log, []);
  const answers = [log.add(1), log.add(2), log.list()];
  await settle();
  assert.equal(waits.length, 1, 'the second call waits for the first');
  waits[0]?.();
  await settle();
  waits[1]?.();
  assert.deepEqual(await Promise.all(answers), [true, true, [1, 2]]);
});

test('what a method itself throws as value_invalid is a crash; a contract for no method is refused at the start', async () => {
  class Reader extends GenServer {
    static override readonly contract: Contract = { read: { args: z.tuple([z.string()]) } };
    read(text: string): unknown {
      return check(z.number(), text, 'the file');
    }
  }
  const world = fakeWorld();
  const runtime = new Runtime({ world });
  const reader = await runtime.startServer(Reader, []);
  await assert.rejects(
    reader.read('x'),
    (error) => isBeamishError(error, 'process_exited') && isBeamishError(error.cause, 'value_invalid'),
  );
  class Wrong extends GenServer {
    static override readonly contract: Contract = { raed: {} };
    read(): void {}
  }
  await assert.rejects(runtime.startServer(Wrong, []), /Wrong.contract names no method: raed/);
});

test('a peer does not fill the log: refused calls are told once in ten seconds, with their number', async () => {
  class Counter extends GenServer {
    static override readonly contract: Contract = { add: { args: z.tuple([z.number()]) } };
    add(by: number): number {
      return by;
    }
  }
  const world = fakeWorld();
  const runtime = new Runtime({ world });
  const counter = await runtime.startServer(Counter, [], { name: 'counter' });
  const refuse = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) runtime.cast(counter.pid!, tuple(atom('add'), 'x'));
    await counter.add(1);
  };
  const warnings = (): unknown[] => world.logger.lines.filter(({ level }) => level === 'warn');
  await refuse(1000);
  assert.equal(warnings().length, 1);
  await world.clock.advance(10_001);
  await refuse(1);
  assert.equal(warnings().length, 2);
  assert.match(JSON.stringify(warnings()[1]), /"refused":1001/);
});

test('a reference with a contract: replies are what its schemas make of them, others reject', async () => {
  class Clock extends GenServer {
    now(): unknown {
      return '2026-01-01T00:00:00Z';
    }
    broken(): unknown {
      return 5;
    }
  }
  const contract = {
    now: { reply: z.coerce.date() },
    broken: { reply: z.string() },
  };
  const runtime = new Runtime({ world: fakeWorld() });
  const registry = new Registry(runtime, { keys: 'unique' });
  await runtime.startServer(Clock, [], { name: 'clock', via: registry.via('clock') });
  const partitions = new PartitionSupervisor({ name: 'clocks', partitions: 2, child: () => child(Clock, []) });
  await partitions.start(runtime);
  for (const clock of [
    runtime.ref('clock', contract),
    registry.ref('clock', contract),
    partitions.ref('any', contract),
  ]) {
    assert.equal((await clock.now()).getUTCFullYear(), 2026);
    await assert.rejects(clock.with({ timeout: 10 }).broken(), invalid('^reply of broken: '));
  }

  const { nodeName } = runtime;
  const all = runtime.multiRef([nodeName, 'nobody@h'], 'clock', { contract });
  const { replies, badNodes } = await all.now();
  assert.deepEqual(
    replies.map(({ node, reply }) => [node, reply.getUTCFullYear()]),
    [[nodeName, 2026]],
  );
  assert.deepEqual(badNodes, ['nobody@h']);
  await assert.rejects(all.broken(), invalid(`^reply of broken on ${nodeName}: `));
});

test('guarded functions: each runs only with arguments that fit', async () => {
  const calls: unknown[] = [];
  const shop = guarded(
    { price: { args: z.tuple([z.string(), z.number().default(1)]), reply: z.number() }, ping: {} },
    {
      price: (item, count) => {
        calls.push([item, count]);
        return count * 2;
      },
      ping: () => 'pong',
    },
  );
  assert.equal(await shop.price('a', 3), 6);
  assert.equal(await shop.price('a'), 2);
  assert.throws(() => shop.price(1), invalid('^price: at \\[0\\]: '));
  assert.throws(() => shop.ping(1), invalid('takes no arguments'));
  assert.deepEqual(calls, [
    ['a', 3],
    ['a', 1],
  ]);
});
