import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { freePort } from './support/ports.ts';

const directory = join(import.meta.dirname, '../../../examples');
const files = readdirSync(directory).filter((name) => name.endsWith('.ts'));
const tests = files.filter((name) => name.endsWith('.test.ts'));
const examples = files.filter((name) => !tests.includes(name));

test('there are examples', () => assert.ok(examples.length >= 3 && tests.length >= 1));

for (const name of examples) {
  test(`examples/${name} prints what it says that it prints`, async () => {
    const source = readFileSync(join(directory, name), 'utf8');
    const [, expected] = source.split('// prints:\n');
    assert.ok(expected !== undefined, 'an example ends with "// prints:" and its output');
    const env = { ...process.env, BEAMISH_LOG_LEVEL: 'warn', ERL_EPMD_PORT: String(await freePort()) };
    const { stdout } = await promisify(execFile)(process.execPath, [join(directory, name)], { env, timeout: 30_000 });
    assert.equal(stdout, expected.replaceAll(/^\/\/ ?/gm, ''));
  });
}

for (const name of tests) {
  test(`examples/${name} passes under node --test`, async () => {
    // Not as a part of this run, but as a user starts it.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const args = ['--test', '--test-reporter=tap', join(directory, name)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 60_000 });
    assert.match(stdout, /^# pass [1-9]\d*$/m);
    assert.match(stdout, /^# fail 0$/m);
  });
}
