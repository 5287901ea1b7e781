/** Options of a node that are wrong: each is named at the start, with what it must be. Given by JavaScript, past the types. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { settingsOf } from '../../src/node/options.ts';
import type { NodeOptions } from '../../src/node/index.ts';
import { startNode } from '../../src/start-node.ts';

const GOOD = { name: 'a@127.0.0.1', cookie: 'c' };
const FILES = { certFile: 'c', keyFile: 'k', caFile: 'a' };

function faultsOf(options: unknown): readonly string[] {
  try {
    settingsOf(options as NodeOptions);
    return [];
  } catch (error) {
    assert.ok(isBeamishError(error, 'option_invalid'), String(error));
    return error.details['faults'] as string[];
  }
}

const NOT_OF_TYPE: Readonly<Record<string, readonly unknown[]>> = {
  name: [5, null, ['a@127.0.0.1']],
  namedBy: [5, true],
  cookie: [5, Buffer.from('cookie')],
  cookies: ['x', ['x'], 5, null],
  allow: [5, [5], {}, null],
  hidden: ['no', 0, null],
  world: ['x', null, []],
  host: [5, null, ['127.0.0.1']],
  port: ['80', null, 80n],
  listen: ['false', 1],
  epmd: [true, 4369, 'x', null],
  resolve: ['x', {}],
  tls: [true, 'x', [], null],
  verifyNames: ['false', 0, null],
  plaintext: ['true', 1],
  tickTime: ['60', null],
  setupTime: ['7', {}],
  maxQueuedBytes: ['1', null],
  stallGrace: ['1'],
  maxFrameBytes: ['1'],
  maxMessageBytes: ['1'],
  maxPending: ['1', [64]],
  logger: [true, null],
};

test('a value of another type', () => {
  for (const [field, values] of Object.entries(NOT_OF_TYPE))
    for (const value of values) {
      const faults = faultsOf({ ...GOOD, [field]: value });
      assert.ok(
        faults.some((fault) => fault.startsWith(`${field}: must be `)),
        `${field} ${String(value)}: ${faults.join('; ')}`,
      );
    }
  const inner: [object, RegExp][] = [
    [{ tls: { ...FILES, verifyPeer: 0 } }, /^tls\.verifyPeer: must be true or false, not of type number$/],
    [{ tls: { ...FILES, reloadInterval: '10' } }, /^tls\.reloadInterval: must be a number, not of type string$/],
    [{ tls: { cert: 5, key: 'k' } }, /^tls\.cert: must be a text or bytes, not of type number$/],
    [{ tls: { ...FILES, serverName: false } }, /^tls\.serverName: must be a text/],
    [{ epmd: { port: '4369' } }, /^epmd\.port: must be a number/],
    [{ epmd: { bind: [127] } }, /^epmd\.bind: must be a text or a list of texts, not an array$/],
    [{ epmd: { embedded: true } }, /^epmd\.embedded: must be a text/],
  ];
  for (const [given, fault] of inner) {
    const faults = faultsOf({ ...GOOD, ...given });
    assert.ok(
      faults.some((each) => fault.test(each)),
      faults.join('; '),
    );
  }
});

test('a number that is too small, too large, or none', () => {
  const ranges: [keyof NodeOptions, readonly number[], readonly number[]][] = [
    ['port', [-1, 65_536, 1.5, NaN], [0, 65_535]],
    ['tickTime', [99, 86_400_001, Infinity, NaN], [100, 86_400_000]],
    ['setupTime', [9, 600_001, NaN], [10, 600_000]],
    ['maxQueuedBytes', [65_535, 2 ** 32 + 1, 70_000.5], [65_536, 2 ** 32]],
    ['stallGrace', [-1, 86_400_001], [0, 86_400_000]],
    ['maxFrameBytes', [65_535, 2 ** 31 + 1], [65_536, 2 ** 31]],
    ['maxMessageBytes', [65_535, 2 ** 32], [65_536]],
    ['maxPending', [0, 100_001, 2.5], [1, 100_000]],
  ];
  for (const [field, bad, good] of ranges) {
    for (const value of good) assert.deepEqual(faultsOf({ ...GOOD, [field]: value }), [], `${field} ${value}`);
    for (const value of bad)
      assert.match(
        faultsOf({ ...GOOD, [field]: value }).join('; '),
        new RegExp(`^${field}: must be an? (number|integer) from \\d`),
      );
  }
  for (const reloadInterval of [0, 9, -1, NaN, Infinity])
    assert.match(
      faultsOf({ ...GOOD, tls: { ...FILES, reloadInterval } }).join(),
      /^tls\.reloadInterval: must be a number from 10/,
    );
  assert.match(
    faultsOf({ ...GOOD, tls: { ...FILES, minVersion: 'TLSv1' } }).join(),
    /^tls\.minVersion: must be TLSv1\.2 or TLSv1\.3$/,
  );
  for (const port of [0, 65_536, 4369.5]) assert.match(faultsOf({ ...GOOD, epmd: { port } }).join(), /^epmd\.port: /);
});

test('an option that there is not is named, its value is not: it may be a secret', async () => {
  const faults = faultsOf({
    ...GOOD,
    cookei: 'secret1',
    toString: 1,
    tls: { ...FILES, passprase: 'secret2' },
    epmd: { prot: 1 },
  });
  assert.deepEqual(faults, [
    'cookei: there is no such option',
    'toString: there is no such option',
    'tls.passprase: there is no such option',
    'epmd.prot: there is no such option',
  ]);
  const started = startNode({ ...GOOD, role: ['web'] } as never);
  await assert.rejects(
    started,
    (error) => isBeamishError(error, 'option_invalid') && /role: there is no/.test(error.message),
  );
  await assert.rejects(
    startNode({ ...GOOD, roles: 'web' } as never),
    (error) => isBeamishError(error, 'option_invalid') && /roles: must be a list/.test(error.message),
  );
});

test('every fault is told at once; undefined is as good as absent; no options at all', () => {
  const faults = faultsOf({ name: 'x', cookie: '', port: 'x', hidden: 'x', what: 1, maxPending: 0 });
  for (const field of ['name', 'cookie', 'port', 'hidden', 'what', 'maxPending'])
    assert.equal(faults.filter((fault) => fault.startsWith(`${field}: `)).length, 1, `${field}: ${faults.join('; ')}`);
  assert.deepEqual(faultsOf({ ...GOOD, allow: undefined, tls: undefined, epmd: undefined, hidden: undefined }), []);
  for (const none of [undefined, null, 'a@127.0.0.1', []]) assert.ok(faultsOf(none).includes('give them as an object'));
});
