import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonOf } from '../../src/cli/json.ts';
import { isUsageError, strategies } from './usage.ts';
import {
  atom,
  BitString,
  ExportFun,
  float,
  ImproperList,
  Pid,
  Reference,
  struct,
  tuple,
} from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';

test('terms as JSON', () => {
  const cases: [Term, unknown][] = [
    [atom('ok'), 'ok'],
    [null, null],
    [undefined, null],
    [true, true],
    [float(1), 1],
    [1.5, 1.5],
    [2n ** 70n, String(2n ** 70n)],
    ['text', 'text'],
    [Uint8Array.of(255, 1), { $bytes: '/wE=' }],
    [tuple(atom('ok'), [1, tuple()]), ['ok', [1, []]]],
    [new ImproperList([1], 2), [1, 2]],
    [
      new Map<Term, Term>([
        [atom('id'), 1],
        ['name', atom('x')],
        [7, null],
        [tuple(1), []],
      ]),
      { id: 1, name: 'x', '7': null, '[1]': [] },
    ],
    [{ plain: { nested: undefined } }, { plain: { nested: null } }],
    [struct('Elixir.User', { name: 'x' }), { __struct__: 'Elixir.User', name: 'x' }],
    [new Pid('a@h', 1, 2, 3), '#PID<a@h.1.2>'],
    [new Reference('a@h', 1, [1, 2, 3]), '#Reference<a@h.3.2.1>'],
    [new ExportFun('lists', 'map', 2), '&lists.map/2'],
  ];
  for (const [term, expected] of cases) assert.deepEqual(jsonOf(term), expected);
  assert.equal(typeof jsonOf(new BitString(Uint8Array.of(0b1010_0000), 3)), 'string');
  assert.doesNotThrow(() => JSON.stringify(jsonOf([cases.map(([term]) => term)])));
});

test('ways to find nodes', () => {
  for (const how of [
    'dns:app.internal',
    'dns:app.internal:web',
    'epmd:a@127.0.0.1,b@127.0.0.1',
    'gossip',
    'gossip:45892',
  ]) {
    assert.ok(strategies(how), how);
  }
  for (const how of ['', 'dns', 'dns:', 'epmd', 'gossip:x', 'gossip:0', 'carrier:pigeon'])
    assert.throws(() => strategies(how), isUsageError, how);
});
