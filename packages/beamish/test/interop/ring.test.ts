import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { HashRing } from '../../src/ring/index.ts';
import {
  type Atom,
  atom,
  atomName,
  decode,
  encode,
  formatTerm,
  type Term,
  termEquals,
  type Tuple,
  tuple,
} from '../../src/term/index.ts';
import { skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { runErl } from './fixtures/term-corpus.ts';

const options = { ...skipUnless('erl'), timeout: 60_000 };

const keys: Term[] = [
  ...Array.from({ length: 300 }, (_, index) => `device-${index}`),
  ...Array.from({ length: 100 }, (_, index) => index * 7919),
  ...Array.from({ length: 100 }, (_, index) => tuple('topic', index)),
  ...Array.from({ length: 50 }, (_, index) => atom(`key_${index}`)),
  atom('ä'),
  atom('日本'),
  true,
  null,
  [1, 2, 3],
  2n ** 80n,
  1.5,
  new Uint8Array([255, 1]),
];

interface Case {
  readonly name: string;
  readonly add: readonly (readonly [node: Term, weight: number])[];
  readonly remove: readonly Term[];
}

const cases: readonly Case[] = [
  {
    name: 'BEAM nodes',
    add: ['a@host', 'b@host', 'c@host', 'd@host'].map((name) => [atom(name), 128] as const),
    remove: [],
  },
  {
    name: 'weights',
    add: [
      [atom('a@host'), 64],
      [atom('b@host'), 256],
      [atom('c@host'), 1],
    ],
    remove: [],
  },
  { name: 'strings, one removed', add: ['x', 'y', 'z'].map((name) => [name, 128] as const), remove: ['y'] },
  {
    name: 'other terms',
    add: [
      [1, 128],
      [tuple('a', 1), 128],
      [[1, 2], 30],
    ],
    remove: [],
  },
  { name: 'one node', add: [['only', 2]], remove: [] },
];

for (const { name, add, remove } of cases) {
  test(row('11.1', 'us to erl', `placement is that of libring’s algorithm: ${name}`), options, async () => {
    await using directory = await temporaryDirectory();
    const [question, answer] = [directory.file('question'), directory.file('answer')];
    const count = 2;
    await writeFile(
      question,
      encode(
        tuple(
          add.map(([node, weight]) => tuple(node, weight)),
          remove,
          keys,
          count,
        ),
      ),
    );
    const release = await runErl(
      `term_corpus:ring("${question}", "${answer}"), io:format("~s", [erlang:system_info(otp_release)])`,
    );
    const none: readonly Term[] = [];
    let ring = HashRing.create(none, { atomKeys: Number(release) >= 26 ? 'otp26' : 'otp25' });
    for (const [node, weight] of add) ring = ring.addNode(node, weight);
    for (const node of remove) ring = ring.removeNode(node);
    const owners = decode(await readFile(answer)) as readonly Tuple<readonly [Term, readonly Term[]]>[];
    assert.equal(owners.length, keys.length);
    for (const [index, key] of keys.entries()) {
      const [one, many] = owners[index]!.elements;
      assert.ok(termEquals(ring.keyToNode(key), one), `owner of ${formatTerm(key)}`);
      assert.ok(termEquals(ring.keyToNodes(key, count), many), `owners of ${formatTerm(key)}`);
    }
  });
}

test(
  row('11.1 A11', 'us to erl', 'the two forms of atom keys are those before and since OTP 26'),
  options,
  async () => {
    const atoms: Atom[] = [atom('a'), atom('ä'), atom('日本')];
    const ring = { otp25: HashRing.create(['x', 'y'], { atomKeys: 'otp25' }), otp26: HashRing.create(['x', 'y']) };
    for (const key of atoms) {
      assert.equal(ring.otp26.keyToNode(key), ring.otp26.keyToNode(encode(key)), `${atomName(key)}`);
    }
    assert.equal(ring.otp25.keyToNode(atom('a')), ring.otp25.keyToNode(Uint8Array.of(131, 100, 0, 1, 97)));
  },
);
