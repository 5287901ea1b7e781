import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { freePort } from './support/ports.ts';

const directory = join(import.meta.dirname, '../../../examples');
const examples = readdirSync(directory).filter((name) => name.endsWith('.ts'));

test('there are examples', () => assert.ok(examples.length >= 3));

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
