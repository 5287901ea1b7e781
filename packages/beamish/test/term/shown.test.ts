/** How `console.log` and the REPL show terms. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import {
  ExportFun,
  ImproperList,
  Pid,
  Port,
  Reference,
  type Tuple,
  atom,
  float,
  formatTerm,
  tuple,
} from '../../src/term/index.ts';

test('console.log shows a term as Erlang writes it, and what is in it as JavaScript does', () => {
  const shown: [unknown, string][] = [
    [atom('ok'), 'ok'],
    [atom('Ok then'), "'Ok then'"],
    [tuple(), '{}'],
    [tuple(atom('ok'), 1, 'text', { a: tuple(float(1)) }), "{ok, 1, 'text', { a: {1.0} }}"],
    [[atom('a'), [atom('b')]], '[ a, [ b ] ]'],
    [new Map([[atom('a'), 1]]), 'Map(1) { a => 1 }'],
    [new ImproperList([1, atom('b')], tuple(2)), '[1, b | {2}]'],
    [new Pid('a@h', 1, 2, 3), '#PID<a@h.1.2>'],
    [new Reference('a@h', 1, [1, 2, 3]), '#Reference<a@h.3.2.1>'],
    [new Port('a@h', 7n, 1), '#Port<a@h.7>'],
    [new ExportFun('m', 'f', 2), '&m.f/2'],
  ];
  for (const [term, text] of shown) assert.equal(inspect(term), text);
});

test('it shows as much as it is told to', () => {
  let deep: Tuple = tuple(atom('end'));
  for (let n = 0; n < 10; n++) deep = tuple(deep);
  assert.equal(inspect(deep), '{{{{...}}}}');
  assert.equal(inspect(deep, { depth: 0 }), '{{...}}');
  assert.equal(inspect(deep, { depth: null }), formatTerm(deep, { maxDepth: 20 }));
  assert.equal(inspect(tuple(...Array.from({ length: 5 }, () => 1)), { maxArrayLength: 2 }), '{1, 1, ... 3 more}');
  assert.equal(inspect(atom('ok'), { colors: true }), '\u001b[32mok\u001b[39m');
});
