import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ForeignLog } from '../../src/node/kernel/foreign-log.ts';
import { formatIo } from '../../src/node/kernel/io-format.ts';
import { answerIo } from '../../src/node/kernel/io.ts';
import { rpc } from '../../src/node/rpc.ts';
import { Runtime } from '../../src/process/index.ts';
import { ImproperList, atom, charlist, float, formatTerm, keyword, tuple } from '../../src/term/index.ts';
import type { Term } from '../../src/term/index.ts';
import { fakeWorld, settle } from '../support/fake-world.ts';
import { collectLogs } from '../support/logs.ts';

test('formats as io_lib:format/2 (the answers are those of OTP 25)', () => {
  for (const [format, args, expected] of [
    ['plain', [], 'plain'],
    ['~~ ~n', [], '~ \n'],
    ['~2n|', [], '\n\n|'],
    ['~s ~ts ~s', [charlist('list'), 'ж', atom('atom')], 'list ж atom'],
    ['~5s|~-5s|~.2s|~2s', ['abc', 'abc', 'abc', 'abc'], '  abc|abc  |ab|ab'],
    ['~w ~p', [charlist('ab'), charlist('ab')], '[97,98] "ab"'],
    ['~6w|~-6w|~2w', [1, 1, 12_345], '     1|1     |**'],
    ['~B ~b ~.16B ~.16b ~.2#', [255, 255, 255, 255, 5], '255 255 FF ff 2#101'],
    ['~4..0B ~*..*B', [7, 4, 48, 7], '0007 0007'],
    ['~.16X ~.16x', [-255, '0x', 255, '16#'], '-0xFF 16#ff'],
    ['~.10+', [123n], '10#123'],
    ['~f ~.2f ~8.3f', [1.5, float(2), float(3)], '1.500000 2.00    3.000'],
    ['~e ~.3e', [1.5, 1234.5], '1.50000e+0 1.23e+3'],
    ['~g ~g', [1.5, 1e10], '1.50000 1.00000e+10'],
    ['~c~c~3c', [97, 0x436, 120], 'aжxxx'],
    ['~i~w', [1, 2], '2'],
    ['~tp ~p', [{ a: 1 }, 1], '#{<<"a">> => 1} 1'],
  ] as const) {
    assert.equal(formatIo(format, args as readonly Term[]), expected, format);
  }
  // Not to the character: a depth counts levels here, and elements too in OTP.
  assert.equal(formatIo('~P', [[1, tuple(tuple(2))], 2]), '[1,{...}]');
  for (const [format, args] of [
    ['~p', []],
    ['none', [1]],
    ['~q', [1]],
    ['~', []],
    ['~s', [1]],
    ['~s', [tuple(1)]],
    ['~B', [1.5]],
    ['~.99B', [1]],
    ['~f', [atom('x')]],
    ['~*p', [atom('x'), 1]],
    ['~c', [atom('x')]],
  ] as const) {
    assert.throws(() => formatIo(format, args), RangeError, format);
  }
  assert.ok(formatIo('~999999999999c~999999999n', [97]).length <= 20_000, 'a count does not decide on our memory');
  assert.throws(() => formatIo('~9999n'.repeat(10_000), []), RangeError, 'nor do many');
  assert.equal(formatIo('~3s|~.2s', ['😀'.repeat(9), 'é😀x']), `${'😀'.repeat(3)}|é😀`);
});

test('requests of the I/O protocol: each has an answer, whatever it is', () => {
  const [put, unicode, latin1] = [atom('put_chars'), atom('unicode'), atom('latin1')];
  const format = (encoding: Term): Term => tuple(put, encoding, atom('io_lib'), atom('format'), [charlist('~w'), [1]]);
  for (const [request, result, text] of [
    [tuple(put, unicode, 'ж'), 'ok', 'ж'],
    [tuple(put, unicode, ['a', [0x436], new ImproperList(['b'], 'c')]), 'ok', 'aжbc'],
    [tuple(put, unicode, new Uint8Array([97])), 'ok', 'a'],
    [tuple(put, latin1, new Uint8Array([228])), 'ok', 'ä'],
    [tuple(put, 'old'), 'ok', 'old'],
    [tuple(put, atom('io_lib'), atom('format'), [charlist('~w'), [1]]), 'ok', '1'],
    [format(unicode), 'ok', '1'],
    [format(latin1), 'ok', '1'],
    [tuple(put, unicode, atom('io_lib'), atom('nl'), []), 'ok', '\n'],
    [tuple(put, unicode, atom('io_lib'), atom('write'), [charlist('a')]), 'ok', '[97]'],
    [tuple(put, unicode, atom('io_lib'), atom('print'), [charlist('a')]), 'ok', '"a"'],
    [tuple(put, unicode, atom('os'), atom('cmd'), ['id']), '{error,cmd}', ''],
    [tuple(put, unicode, atom('io_lib'), atom('format'), 'x'), '{error,format}', ''],
    [tuple(put, unicode, [atom('a')]), '{error,put_chars}', ''],
    [tuple(put, latin1, [0x436]), '{error,put_chars}', ''],
    [tuple(put, unicode, 1), '{error,put_chars}', ''],
    [tuple(put, atom('utf7'), 'x'), '{error,request}', ''],
    [tuple(put), '{error,request}', ''],
    [tuple(put, unicode, 1, 2, 3, 4), '{error,request}', ''],
    [tuple(atom('get_line'), unicode, 'prompt'), 'eof', ''],
    [tuple(atom('get_until'), unicode, 'p', atom('m'), atom('f'), []), 'eof', ''],
    [atom('getopts'), '[{encoding,unicode}]', ''],
    [tuple(atom('setopts'), keyword({ encoding: latin1 })), 'ok', ''],
    [tuple(atom('setopts'), keyword({ echo: false })), '{error,enotsup}', ''],
    [tuple(atom('setopts')), '{error,enotsup}', ''],
    [tuple(atom('requests'), [tuple(put, unicode, 'a'), tuple(put, unicode, 'b')]), 'ok', 'ab'],
    [tuple(atom('requests'), [tuple(put, unicode, 'a'), atom('no'), tuple(put, unicode, 'b')]), '{error,request}', 'a'],
    [tuple(atom('requests'), [tuple(atom('requests'), [tuple(put, 'x')])]), 'ok', 'x'],
    [tuple(atom('requests'), 'x'), '{error,request}', ''],
    [atom('nonsense'), '{error,request}', ''],
    [7, '{error,request}', ''],
    [tuple(), '{error,request}', ''],
  ] as const) {
    const answer = answerIo(request);
    assert.deepEqual([formatTerm(answer.result), answer.text], [result, text], formatTerm(request));
  }
});

test('what other nodes print does not fill the log: what is too much is left out, and counted', async () => {
  const { clock } = fakeWorld();
  const { logger, lines } = collectLogs();
  const log = new ForeignLog(logger, clock);
  for (let i = 0; i < 10_000; i++) log.write('info', {}, 'x'.repeat(5000), 'printed');
  assert.ok(lines.length > 200 && lines.length < 300, String(lines.length));
  assert.equal(lines[0]?.['text'], 'x'.repeat(4000));
  const { length } = lines;
  await clock.advance(1000);
  log.write('warn', { from: 'b@h' }, 'again', 'printed');
  assert.deepEqual(
    lines.slice(length).map(({ msg }) => msg),
    [`${10_000 - length} lines of other nodes were left out of the log: they came too fast`, 'printed'],
  );
});

test('a call that was given up before it began leaves no timer and no group leader', async () => {
  const world = fakeWorld();
  const runtime = new Runtime({ world, nodeName: 'a@h', creation: 1 });
  const { length } = runtime.processes();
  const target = { node: 'b@h', module: 'm', function: 'f', arguments: [] };
  for (const signal of [AbortSignal.abort(), undefined]) {
    // Without a distribution the other node is out of reach.
    const call = rpc(runtime, target, { onOutput() {}, ...(signal === undefined ? {} : { signal }) });
    await assert.rejects(call, signal === undefined ? /noconnection|no connection/ : /gave it up/);
    await settle();
    assert.equal(world.clock.pendingTimers, 0);
    assert.equal(runtime.processes().length, length);
  }
});
