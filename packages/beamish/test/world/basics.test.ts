import assert from 'node:assert/strict';
import { chmod, readdir, stat } from 'node:fs/promises';
import { test } from 'node:test';
import { BeamishError, isBeamishError } from '../../src/error/index.ts';
import { Runtime } from '../../src/process/index.ts';
import { atom, tuple } from '../../src/term/index.ts';
import { createLogger, realWorld } from '../../src/world/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

const { clock, random, disk } = realWorld();

test('monotonic time goes on, wall time is the time', async () => {
  const before = clock.monotonicTime();
  await clock.sleep(15);
  assert.ok(clock.monotonicTime() - before >= 14);
  assert.ok(Math.abs(clock.wallTime() - Date.now()) < 1000);
});

test('timers fire in order; a cancelled one does not; one of weeks does not fire at once', async () => {
  const fired: string[] = [];
  clock.setTimer(10, () => fired.push('b'));
  clock.setTimer(1, () => fired.push('a'));
  clock.setTimer(5, () => fired.push('cancelled')).cancel();
  const far = clock.setTimer(2 ** 33, () => fired.push('far'));
  const never = clock.setTimer(Infinity, () => fired.push('never'));
  await clock.sleep(30);
  far.cancel();
  never.cancel();
  far.cancel();
  assert.deepEqual(fired, ['a', 'b']);
});

test('a sleep that is aborted, before or within, rejects with aborted and the reason as cause', async () => {
  const reason = new Error('why');
  const check = (error: unknown): boolean => isBeamishError(error, 'aborted') && error.cause === reason;
  await assert.rejects(clock.sleep(1e6, { signal: AbortSignal.abort(reason) }), check);
  const controller = new AbortController();
  const sleeping = clock.sleep(1e6, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(sleeping, check);
});

test('random numbers are in their ranges and differ', () => {
  const numbers = Array.from({ length: 5000 }, () => random.uint32());
  assert.ok(new Set(numbers).size > 4990);
  assert.ok(numbers.every((number) => Number.isInteger(number) && number >= 0 && number < 2 ** 32));
  for (let i = 0; i < 1000; i++) {
    const float = random.float();
    assert.ok(float >= 0 && float < 1);
    const below = random.below(3);
    assert.ok(below === 0 || below === 1 || below === 2);
  }
  assert.equal(random.below(1), 0);
  assert.ok(random.below(2 ** 32) < 2 ** 32);
  assert.equal(random.bytes(33).length, 33);
});

test('a file is replaced whole, with its mode, and leaves nothing beside it', async () => {
  await using directory = await temporaryDirectory();
  const path = directory.file('cookie');
  assert.equal(await disk.status(path), undefined);
  await disk.writeFile(path, 'one', { mode: 0o400 });
  await disk.writeFile(path, new TextEncoder().encode('two'), { mode: 0o600 });
  assert.equal(new TextDecoder().decode(await disk.readFile(path)), 'two');
  const status = await disk.status(path);
  assert.deepEqual([status?.size, status?.mode, status?.kind], [3, 0o600, 'file']);
  assert.equal(Math.round(status?.modifiedAt ?? 0), Math.round((await stat(path)).mtimeMs));
  assert.deepEqual(await readdir(directory.path), ['cookie']);
  assert.equal((await disk.status(directory.path))?.kind, 'directory');
  await disk.remove(path);
  await disk.remove(path);
  assert.equal(await disk.status(path), undefined);
});

test('a write that fails leaves the old file and nothing beside it', async () => {
  await using directory = await temporaryDirectory();
  await assert.rejects(disk.writeFile(directory.file('no', 'such', 'directory'), 'x'));
  assert.deepEqual(await readdir(directory.path), []);
  await chmod(directory.path, 0o700);
});

function logged(options: { pretty?: boolean; level?: 'trace' | 'info' | 'silent' } = {}) {
  const lines: string[] = [];
  return { lines, logger: createLogger({ pretty: false, ...options, write: (line) => void lines.push(line) }) };
}

test('a line is JSON as pino writes it: level, time, pid, hostname, bindings, fields, msg', () => {
  const { lines, logger } = logged();
  logger.child({ a: 1 }).child({ b: 2 }).warn({ c: 3 }, 'careful');
  logger.info('plain');
  logger.debug('below the level');
  const [first, second, ...more] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    { ...first, time: 0, pid: 0, hostname: '' },
    { level: 40, time: 0, pid: 0, hostname: '', a: 1, b: 2, c: 3, msg: 'careful' },
  );
  assert.equal(second?.['msg'], 'plain');
  assert.deepEqual(more, []);
  assert.ok(lines.every((line) => line.endsWith('\n') && !line.slice(0, -1).includes('\n')));
});

test('errors are written with code, stack and cause', () => {
  const { lines, logger } = logged();
  const error = new BeamishError('timeout', 'too late', { cause: new TypeError('inner', { cause: 'innermost' }) });
  logger.error({ err: error }, 'failed');
  const { err } = JSON.parse(lines[0] as string) as { err: Record<string, string> & { cause: Record<string, string> } };
  assert.deepEqual([err['type'], err['message'], err['code']], ['BeamishError', 'too late', 'timeout']);
  assert.match(err['stack'] ?? '', /basics\.test/);
  assert.deepEqual([err.cause['type'], err.cause['message'], err.cause['cause']], ['TypeError', 'inner', 'innermost']);
});

test('terms are readable; what cannot be written never throws', () => {
  for (const pretty of [false, true]) {
    const { lines, logger } = logged({ pretty });
    const runtime = new Runtime({ world: realWorld({ logger }) });
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const hostile = {
      get boom(): never {
        throw new Error('getter');
      },
    };
    logger.info({ pid: runtime.pid, reference: runtime.newReference(), reason: tuple(atom('shutdown'), 1) }, 'terms');
    assert.match(lines[0] as string, /#PID<nonode@nohost\.\d+\.0>/);
    assert.match(lines[0] as string, /#Reference</);
    assert.match(lines[0] as string, /shutdown/);
    logger.info(
      { circular, big: 10n, f: () => 1, s: Symbol('s'), map: new Map([[1, new Set([2])]]), bytes: new Uint8Array(3) },
      'odd',
    );
    assert.match(lines[1] as string, /circular/);
    logger.info(hostile, 'hostile');
    logger.info({ inner: hostile }, 'hostile inside');
    logger.info({ nothing: undefined, nan: Number.NaN }, 'nothing');
    logger.error(new Error('alone'));
    assert.match(lines.at(-1) as string, /alone/);
  }
});

test('a stream that throws does not end who logs', () => {
  const logger = createLogger({
    pretty: false,
    write: () => {
      throw new Error('disk full');
    },
  });
  logger.info('x');
});

test('the pretty form shows level, message, fields, and the stack with its causes', () => {
  const { lines, logger } = logged({ pretty: true });
  logger.child({ name: 'counter' }).error({ err: new Error('outer', { cause: new Error('inner') }) }, 'crashed');
  const [line] = lines as [string];
  assert.match(line, /^\d\d:\d\d:\d\d\.\d{3} ERROR crashed name=counter\n {2}Error: outer\n/);
  assert.match(line, /caused by Error: inner/);
});

test('silent writes nothing; the level may come from BEAMISH_LOG_LEVEL', () => {
  const { lines, logger } = logged({ level: 'silent' });
  logger.fatal('x');
  assert.deepEqual(lines, []);
  const before = process.env['BEAMISH_LOG_LEVEL'];
  try {
    process.env['BEAMISH_LOG_LEVEL'] = 'error';
    const { lines: fewer, logger: quiet } = logged();
    quiet.warn('x');
    quiet.error('y');
    assert.equal(fewer.length, 1);
  } finally {
    if (before === undefined) delete process.env['BEAMISH_LOG_LEVEL'];
    else process.env['BEAMISH_LOG_LEVEL'] = before;
  }
});
