/** Types of `term` and `ring`, held by `tsc`: a line that must not compile is marked, and fails when it does. */
import {
  type Atom,
  atom,
  type chardataToString,
  type decode,
  encode,
  isAtom,
  isTuple,
  keyword,
  struct,
  structFields,
  type Term,
  toDate,
  type Tuple,
  tuple,
} from '../../src/term/index.ts';
import { assign, HashRing, type Move, type moved } from '../../src/ring/index.ts';
import { BeamishError, type BeamishErrorCode } from '../../src/error/index.ts';

type Same<A, B> = [A, B] extends [B, A] ? true : false;
function same<A, B>(...differ: Same<A, B> extends true ? [] : [never]): void {
  void differ;
}

const reply = tuple(atom('ok'), 1, 'x');
same<typeof reply, Tuple<readonly [Atom, 1, 'x']>>();
const first: Atom = reply.at(0);
const second: 1 = reply.elements[1];
same<(typeof reply)['length'], 3>();
// @ts-expect-error: a tuple is no array, as Erlang's is no list
const array: readonly Term[] = reply;

const nested: Term = [1, 2n, { a: [null, undefined, new Map([[tuple(1), true]])] }, new Uint8Array(1), reply];
same<ReturnType<typeof decode>, Term>();
same<ReturnType<typeof encode>, Uint8Array>();
// @ts-expect-error: functions are no terms
encode(() => 1);
// What JavaScript alone has is a term too: docs/terms.md.
encode([new Date(0), new Set([1]), new Map([['a', new Error('x')]]), new URL('a:'), new Float32Array(1), 5n]);
// @ts-expect-error: nor regular expressions
encode(/x/);
// @ts-expect-error: nor symbols, however deep
encode({ a: [Symbol('x')] });
// @ts-expect-error: an option that does not exist
encode(1, { canonical: 'yes' });

interface Reading {
  readonly device: string;
  readonly value: number;
}
declare const reading: Reading;
// An interface has no index signature; spread makes it a plain object type.
encode({ ...reading });

declare const unknown: Term;
if (isAtom(unknown, 'ok')) same<typeof unknown, Atom>();
if (isTuple(unknown, 2)) {
  const element: Term = unknown.elements[0];
  void element;
}
struct('Elixir.User', { name: 'Ann' });
same<ReturnType<typeof structFields>, { [field: string]: Term } | undefined>();
same<ReturnType<typeof toDate>, Date | undefined>();
same<ReturnType<typeof keyword>, Tuple[]>();
same<ReturnType<typeof chardataToString>, string | undefined>();
keyword({ timeout: 5, tags: new Set(['a']) });
// @ts-expect-error: a function is no value of a keyword list
keyword({ then: () => 1 });
// @ts-expect-error: nor a field of a struct
struct('Elixir.User', { name: Symbol('x') });
// @ts-expect-error: a struct is asked for by the name of its module
structFields(unknown, atom('Elixir.User'));
const when: Term = toDate(unknown);

const ring = HashRing.create([atom('a@h')]);
same<ReturnType<typeof ring.keyToNode>, Atom | undefined>();
HashRing.create(['a', 'b']).addNode('c');
// @ts-expect-error: a function is no node
HashRing.create([() => 1]);
const owners = assign(['k'], ['a', 'b']);
same<typeof owners, Map<string, string>>();
same<ReturnType<typeof moved<string, 'a'>>, Map<string, Move<'a'>>>();

const code: BeamishErrorCode = 'timeout';
// @ts-expect-error: the list of codes is closed
const closed = new BeamishError('no_such_code', 'x');
void [when, closed, first, second, array, nested, code];
