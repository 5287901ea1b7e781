import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { phash2 } from '../../src/ring/index.ts';
import {
  compareTerms,
  decode,
  encode,
  formatTerm,
  keyOf,
  type Term,
  termEquals,
  Tuple,
  tuple,
  BitString,
  Pid,
} from '../../src/term/index.ts';
import { Node } from '../../src/node/index.ts';
import { realWorld } from '../../src/world/index.ts';
import { eventually } from '../support/eventually.ts';
import { collectLogs } from '../support/logs.ts';
import { skipUnless } from '../support/peers.ts';
import { freePort } from '../support/ports.ts';
import { row } from '../support/row.ts';
import { Beam } from './fixtures/beam.ts';
import { seed } from '../support/seed.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { arbitraryTerm, arbitraryValue } from '../term/arbitrary.ts';
import { lengthPrefixed, Records, runErl } from './fixtures/term-corpus.ts';

const COUNT = Number(process.env['TERMS'] ?? 3000);
const options = { ...skipUnless('erl'), timeout: 120_000 };

function show(term: Term): string {
  return `seed ${seed}: ${formatTerm(term, { maxLength: 300 })}`;
}

test(row('4 11.2', 'erl and us', 'random terms of erl: =:= on return, same hash'), options, async () => {
  await using directory = await temporaryDirectory();
  const [corpus, pairs, ours, verdict] = ['corpus', 'pairs', 'ours', 'verdict'].map((name) => directory.file(name)) as [
    string,
    string,
    string,
    string,
  ];
  await runErl(`term_corpus:generate("${corpus}", "${pairs}", ${COUNT}, ${seed})`);

  const terms: Term[] = [];
  const sent: Uint8Array[] = [];
  const records = new Records(await readFile(corpus));
  while (records.more) {
    const bytes = records.bytes();
    const term = decode(bytes);
    assert.equal(phash2(term, 2 ** 32), records.uint32(), show(term));
    assert.equal(phash2(term), records.uint32(), show(term));
    const again = encode(term);
    assert.ok(termEquals(decode(again), term), show(term));
    assert.equal(keyOf(decode(again)), keyOf(term), show(term));
    terms.push(term);
    sent.push(again);
  }
  assert.ok(terms.length >= COUNT, `${terms.length} terms`);

  await writeFile(ours, lengthPrefixed(sent));
  await runErl(`term_corpus:judge("${corpus}", "${ours}", "${verdict}")`);
  const wrong = (await readFile(verdict, 'utf8')).split('\n').filter((line) => line !== '');
  assert.deepEqual(
    wrong.map((index) => show(terms[Number(index)])),
    [],
    'not =:= on the BEAM',
  );

  const orders = new Records(await readFile(pairs));
  while (orders.more) {
    const order = orders.int8();
    const pair = decode(orders.bytes());
    assert.ok(pair instanceof Tuple);
    const [a, b] = pair.elements as [Term, Term];
    assert.equal(Math.sign(compareTerms(a, b)), order, show(pair));
    assert.equal(Math.sign(compareTerms(b, a)), 0 - order || 0, show(pair));
  }
});

test(row('4 11.2', 'us to erl', 'random terms of ours: equal, same hash'), options, async () => {
  await using directory = await temporaryDirectory();
  const [ours, theirs] = [directory.file('ours'), directory.file('theirs')];
  const terms = [arbitraryTerm, arbitraryValue].flatMap((arbitrary) =>
    fc.sample(arbitrary, { numRuns: Math.ceil(COUNT / 4), seed }),
  );
  for (const canonical of [false, true]) {
    await writeFile(ours, lengthPrefixed(terms.map((term) => encode(term, { canonical }))));
    await runErl(`term_corpus:own("${ours}", "${theirs}")`);
    const answers = new Records(await readFile(theirs));
    for (const term of terms) {
      assert.ok(termEquals(decode(answers.bytes()), term), show(term));
      assert.equal(phash2(term, 2 ** 32), answers.uint32(), show(term));
      assert.equal(phash2(term), answers.uint32(), show(term));
    }
    assert.ok(!answers.more);
  }
});

test(row('4', 'us to erl', 'a byte array (as bits) is the ordinary binary'), options, async () => {
  const literal = (bytes: Uint8Array): string => `<<${bytes.join(',')}>>`;
  const [empty, some] = [encode(new Uint8Array(0)), encode(Uint8Array.of(1, 2, 255))];
  const out = await runErl(
    `E = binary_to_term(${literal(empty)}), S = binary_to_term(${literal(some)}), ` +
      'io:format("~w", [[E =:= <<>>, is_binary(E), S =:= <<1,2,255>>, is_binary(S), erlang:external_size(S) =:= erlang:external_size(<<1,2,255>>)]])',
  );
  assert.equal(out, '[true,true,true,true,true]');
});

test(
  row('4', 'erl and us', 'a byte array in a message is the ordinary binary, and ours again on the way back'),
  options,
  async (t) => {
    const epmdPort = await freePort();
    const world = realWorld({ logger: collectLogs().logger });
    const node = await Node.start({ name: 'terms@127.0.0.1', cookie: 'terms', epmd: { port: epmdPort }, world });
    t.after(() => node.stop());
    const beam = await Beam.start({ name: 'beam@127.0.0.1', cookie: 'terms', epmdPort, t });
    await node.connect(beam.name);
    // Answers whether what came is this binary, and the same term as it sees it.
    await beam.eval(
      'register(judge, spawn(fun() -> receive {From, Terms} -> ' +
        'From ! {Terms =:= [<<1,2,255>>, <<>>, <<"abc">>, <<7:3>>], [is_binary(T) || T <- Terms], Terms} end end))',
    );
    const got: Term[] = [];
    const { pid } = node.runtime.spawn({ handle: (message) => void got.push(message) });
    const sent = [
      Uint8Array.of(1, 2, 255),
      new Uint8Array(0),
      Buffer.from('abc'),
      new BitString(Uint8Array.of(0xe0), 3),
    ];
    const judge = await beam.eval('pid_to_list(whereis(judge))');
    assert.match(judge, /<0\.\d+\.\d+>/);
    const [, id, serial] = /<0\.(\d+)\.(\d+)>/.exec(judge) ?? [];
    const creation = Number(await beam.eval('erts_internal:get_creation()'));
    node.runtime.send(new Pid(beam.name, Number(id), Number(serial), creation), tuple(pid, sent));
    await eventually(() => got.length === 1);
    const [answer] = got;
    assert.ok(answer instanceof Tuple);
    assert.deepEqual(answer.at(0), true);
    assert.deepEqual(answer.at(1), [true, true, true, false]);
    assert.ok(termEquals(answer.at(2), sent));
  },
);
