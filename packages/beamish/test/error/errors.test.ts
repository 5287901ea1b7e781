import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { BeamishError, ERROR_CODES, isBeamishError } from '../../src/error/index.ts';

const page = readFileSync(new URL('../../../../docs/reference/errors.md', import.meta.url), 'utf8');
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => [/^`([a-z_]+)`/.exec(section)?.[1] ?? '', section] as const),
);

test('every error code is explained on the reference page, and no other', () => {
  assert.deepEqual([...sections.keys()].sort(), Object.keys(ERROR_CODES).sort());
  for (const [code, section] of sections) {
    assert.match(section, /What to do: \S/, `${code}: what to do`);
  }
});

test('an error carries its code, cause, details and whether to retry', () => {
  const cause = new Error('below');
  const error = new BeamishError('timeout', 'no answer', { cause, retryable: true, details: { ms: 5 } });
  assert.equal(error.name, 'BeamishError');
  assert.equal(error.code, 'timeout');
  assert.equal(error.message, 'no answer');
  assert.equal(error.cause, cause);
  assert.equal(error.retryable, true);
  assert.deepEqual(error.details, { ms: 5 });
  assert.ok(error instanceof Error);
});

test('without options an error is not retryable, has no cause and empty details', () => {
  const error = new BeamishError('noproc', 'gone');
  assert.equal(error.retryable, false);
  assert.equal('cause' in error, false);
  assert.deepEqual(error.details, {});
});

test('isBeamishError tells the class and the code', () => {
  const error = new BeamishError('noproc', 'gone');
  assert.ok(isBeamishError(error));
  assert.ok(isBeamishError(error, 'noproc'));
  assert.ok(!isBeamishError(error, 'timeout'));
  assert.ok(!isBeamishError(new Error('gone')));
});
