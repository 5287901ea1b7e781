import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { cookieProblem } from '../../src/node/cookie.ts';
import { readCookieFile } from '../../src/node/index.ts';
import { compareNodeNames, isIpAddress, isLoopback, splitNodeName } from '../../src/node/names.ts';
import { realWorld } from '../../src/world/index.ts';
import { temporaryDirectory } from '../support/temp.ts';

test('the cookie file is read as Erlang does: its owner’s alone, without the line end', async () => {
  await using directory = await temporaryDirectory();
  const path = directory.file('.erlang.cookie');
  const world = realWorld();
  const unreadable =
    (text: RegExp) =>
    (error: unknown): boolean =>
      isBeamishError(error, 'cookie_unreadable') && text.test(error.message);
  await assert.rejects(readCookieFile(world, path), unreadable(/does not exist/));
  await writeFile(path, 'ABCDEF\n');
  for (const mode of [0o400, 0o600]) {
    await chmod(path, mode);
    assert.equal(await readCookieFile(world, path), 'ABCDEF');
  }
  for (const mode of [0o440, 0o604, 0o644, 0o410]) {
    await chmod(path, mode);
    await assert.rejects(readCookieFile(world, path), unreadable(/others than its owner.*chmod 400/));
  }
  await chmod(path, 0o600);
  await writeFile(path, '\n');
  await assert.rejects(readCookieFile(world, path), unreadable(/holds no cookie/));
  await assert.rejects(readCookieFile(world, directory.path), unreadable(/is no file/));
  const home = { ...world, disk: { ...world.disk, homeDirectory: directory.path } };
  await writeFile(path, 'HOME');
  assert.equal(await readCookieFile(home), 'HOME');
});

test('cookies and names', () => {
  for (const cookie of ['a', 'with space', 'ÄÖÜ', 'x'.repeat(255)]) assert.equal(cookieProblem(cookie), undefined);
  for (const cookie of ['', 'x'.repeat(256), 'a\n', '日本', 7]) assert.notEqual(cookieProblem(cookie), undefined);
  assert.deepEqual(splitNodeName('a@b.c'), { name: 'a', host: 'b.c' });
  for (const name of ['', 'a', 'a@', '@b', 'a@b@c', 'a b@c', 'a\u0000@b', `${'a'.repeat(256)}@b`])
    assert.equal(splitNodeName(name), undefined);
  assert.ok(compareNodeNames('b@h', 'a@h') > 0);
  // Bytes of UTF-8, which are not JavaScript's order.
  assert.ok(compareNodeNames('\u{1f600}@h', '\uffee@h') > 0);
  assert.ok(isIpAddress('127.0.0.1') && isIpAddress('::1') && !isIpAddress('host') && !isIpAddress('a.b'));
  assert.ok(isLoopback('127.9.9.9') && isLoopback('::1') && isLoopback('::ffff:127.0.0.1') && !isLoopback('10.0.0.1'));
});
