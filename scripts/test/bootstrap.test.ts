import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { type Child, startNode } from '../../packages/beamish/test/support/children.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../packages/beamish/test/support/temp.ts';

const bootstrap = join(import.meta.dirname, '../bootstrap.mjs');

/** A clone without node_modules, and an npm of its own that counts how often it was asked to install. */
async function clone(): Promise<AsyncDisposable & { directory: TemporaryDirectory; start(...args: string[]): Child }> {
  const directory = await temporaryDirectory();
  await mkdir(directory.file('scripts'));
  await mkdir(directory.file('bin'));
  await copyFile(bootstrap, directory.file('scripts/bootstrap.mjs'));
  await writeFile(directory.file('package-lock.json'), '{"packages":{"node_modules/a":{"version":"1.0.0"}}}');
  await writeFile(directory.file('hello.mjs'), 'console.log("hello", ...process.argv.slice(2))');
  const npm = `#!/bin/sh\necho "$@" >> calls\nsleep 0.3\nmkdir -p node_modules\n`;
  await writeFile(directory.file('bin/npm'), npm);
  await chmod(directory.file('bin/npm'), 0o755);
  const env = {
    PATH: [directory.file('bin'), process.env['PATH']].join(delimiter),
    npm_execpath: undefined,
    npm_lifecycle_event: undefined,
  };
  return {
    directory,
    start: (...args) => startNode(directory.file('scripts/bootstrap.mjs'), args, { env, cwd: directory.path }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test('node modules are installed once, also by two at once, and again when the lockfile changes', async () => {
  await using fresh = await clone();
  // the lock of a bootstrap that was killed
  await mkdir(fresh.directory.file('.cache'));
  await writeFile(fresh.directory.file('.cache/bootstrap.lock'), '999999999');
  const calls = async (): Promise<number> =>
    (await readFile(fresh.directory.file('calls'), 'utf8')).split('\n').length - 1;
  await using one = fresh.start('run', 'hello.mjs', 'one');
  await using two = fresh.start('run', 'hello.mjs', 'two');
  assert.deepEqual([(await one.exited).code, (await two.exited).code], [0, 0], one.output + two.output);
  assert.deepEqual([one.stdout, two.stdout], ['hello one\n', 'hello two\n']);
  assert.match(one.stderr + two.stderr, /installing node modules \(there are none yet\)/);
  assert.equal(await calls(), 1);

  const started = performance.now();
  await using again = fresh.start('run', 'hello.mjs');
  assert.equal((await again.exited).code, 0);
  assert.equal(again.stderr, '');
  assert.ok(performance.now() - started < 1000, 'the second run is quick');
  assert.equal(await calls(), 1);

  await writeFile(fresh.directory.file('package-lock.json'), '{"packages":{"node_modules/a":{"version":"2.0.0"}}}');
  await using changed = fresh.start('run', 'hello.mjs');
  assert.equal((await changed.exited).code, 0);
  assert.match(changed.stderr, /package-lock\.json has changed/);
  assert.equal(await calls(), 2);

  // somebody ran `npm install`: nothing to do
  await writeFile(fresh.directory.file('package-lock.json'), '{"packages":{"node_modules/a":{"version":"3.0.0"}}}');
  await copyFile(fresh.directory.file('package-lock.json'), fresh.directory.file('node_modules/.package-lock.json'));
  await using byHand = fresh.start('run', 'hello.mjs');
  assert.equal((await byHand.exited).code, 0);
  assert.equal(await calls(), 2);
});

test('the exit code comes back and signals go through', async () => {
  await using directory = await temporaryDirectory();
  const script = `process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000); console.log('ready', process.version)`;
  await writeFile(directory.file('trap.mjs'), script);
  await using child = startNode(bootstrap, ['run', directory.file('trap.mjs')]);
  const [, major] = await child.waitForOutput(/ready v(\d+)/);
  assert.ok(Number(major) >= 22);
  child.kill('SIGTERM');
  assert.deepEqual(await child.exited, { code: 7, signal: null });
});

test('what it does not know is refused', async () => {
  await using child = startNode(bootstrap, ['stop']);
  assert.equal((await child.exited).code, 1);
  assert.match(child.stderr, /usage/);
});
