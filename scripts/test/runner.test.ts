import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Child, startNode } from '../../packages/beamish/test/support/children.ts';
import { eventually } from '../../packages/beamish/test/support/eventually.ts';
import { temporaryDirectory } from '../../packages/beamish/test/support/temp.ts';

const runner = join(import.meta.dirname, '../test.ts');
const head = `import { test } from 'node:test'; import { spawn } from 'node:child_process';\n`;
/** A process that leaves its parent's group and session, as a daemon does. */
const daemon = `const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }); child.unref();`;

async function fixture(
  text: string,
): Promise<AsyncDisposable & { file: string; start(env?: NodeJS.ProcessEnv): Child }> {
  const directory = await temporaryDirectory();
  const file = directory.file('fixture.test.ts');
  await writeFile(directory.file('package.json'), '{"type":"module"}'); // whatever lies above
  await writeFile(file, head + text);
  return {
    file,
    start: (env = {}) => startNode(runner, [file], { env: { CI: undefined, SEED: undefined, ...env } }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** A process that has ended but whose new parent has not asked for it yet (a zombie) is not alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

const lastLine = (child: Child): string | undefined => child.stdout.trimEnd().split('\n').at(-1);

test('a skipped test is listed with its reason; only CI=true makes it a failure', async () => {
  await using skipping = await fixture(`
    test('one', () => {});
    test('two', { skip: 'erl not found: install erlang-base' }, () => {});`);
  await using child = skipping.start();
  await using inCi = skipping.start({ CI: 'true', SEED: '42' });
  assert.equal((await child.exited).code, 0);
  assert.match(child.stdout, /^skipped: two: erl not found: install erlang-base$/m);
  assert.equal(lastLine(child), '1 passed, 0 failed, 1 skipped');
  assert.equal((await inCi.exited).code, 1);
  assert.match(inCi.stdout, /^seed 42,[^]*^seed 42 /m);
  assert.equal(lastLine(inCi), '1 passed, 0 failed, 1 skipped');
});

test('a failure is shown in full with what the file printed; no test at all is a failure', async () => {
  await using failing = await fixture(`test('bad', () => { console.log('seen'); throw new Error('on purpose'); });`);
  await using empty = await fixture('');
  await using bad = failing.start();
  await using none = empty.start();
  assert.equal((await bad.exited).code, 1);
  assert.match(bad.stdout, /✖ bad\n +Error: on purpose[^]*seen/);
  assert.equal(lastLine(bad), '0 passed, 1 failed, 0 skipped');
  assert.equal((await none.exited).code, 1);
});

test('a file that hangs is ended, named with its running test, and its daemons go with it', async () => {
  await using hanging = await fixture(`
    test('hangs', async () => { ${daemon} console.log('daemon', child.pid); await new Promise(() => setInterval(() => {}, 1000)); });`);
  await using child = hanging.start({ TEST_TIMEOUT: '1' });
  assert.equal((await child.exited).code, 1);
  assert.match(child.stdout, /still running after 1 s in: hangs/);
  const pid = Number(/daemon (\d+)/.exec(child.stdout)?.[1]);
  assert.ok(pid > 0);
  await eventually(() => !isAlive(pid), { describe: 'the daemon ends' });
});

test('a runner that is terminated or killed outright leaves no process', async () => {
  await using directory = await temporaryDirectory();
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const told = directory.file(signal);
    await using hanging = await fixture(`
      import { writeFileSync } from 'node:fs';
      ${daemon}
      writeFileSync(${JSON.stringify(told)}, process.pid + ' ' + child.pid + '\\n');
      test('hangs', async () => { await new Promise(() => setInterval(() => {}, 1000)); });`);
    await using child = hanging.start();
    const [file = 0, daemonPid = 0] = await eventually(() => {
      const text = readFileSync(told, 'utf8');
      return text.endsWith('\n') && text.trim().split(' ').map(Number);
    });
    assert.ok(isAlive(file) && isAlive(daemonPid));
    child.kill(signal);
    const { code } = await child.exited;
    assert.equal(code, signal === 'SIGTERM' ? 143 : null);
    if (signal === 'SIGTERM') assert.equal(lastLine(child), '0 passed, 1 failed, 0 skipped');
    await eventually(() => !isAlive(file) && !isAlive(daemonPid), { describe: `nothing is left after ${signal}` });
  }
});

test('a test named as a row is in the interop table; in CI the kept table must be what ran', async () => {
  await using rows = await fixture(`
    test('outer', async (t) => { await t.test('protocols 3.5 A7 · erl to us · an inner row', () => {}); });
    test('protocols 2.3 · us to erl · an earlier row', () => {});
    test('no row', () => {});`);
  await using child = rows.start();
  await using inCi = rows.start({ CI: 'true' });
  assert.equal((await child.exited).code, 0);
  const table = /interop table:\n {2}✔ 2\.3 +us to erl +an earlier row\n {2}✔ 3\.5 A7 +erl to us +an inner row\n\n/;
  assert.match(child.stdout, table);
  assert.match(child.stdout, /docs\/interoperability\.md lacks: 2\.3 · us to erl · an earlier row/);
  assert.equal((await inCi.exited).code, 1);
  assert.match(inCi.stdout, /npm run interop -- --write/);
});
