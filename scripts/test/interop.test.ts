/** The interop table is complete: every section and pitfall has rows in both directions, or a reason why not. */
import assert from 'node:assert/strict';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { SECTIONS } from '../../packages/beamish/test/support/row.ts';
import { gaps } from '../runner/interop.ts';

test('every section of the protocols, and every pitfall, has a row for each direction, or says why it has none', () => {
  assert.deepEqual(gaps(resolve(import.meta.dirname, '../..')), []);
});

test('a section without a row is found, and so is a reason that holds no longer', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'interop-'));
  t.after(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'docs'));
  const row = (section: string, acting: string): string =>
    `| ${section} | ${acting} | what | passed | [rpc](../packages/beamish/test/interop/rpc.test.ts) |`;
  const rows = Object.keys(SECTIONS).map((section) => row(section, section === '2.7' ? 'erl to us' : 'erl and us'));
  const begin = '<!-- begin of the table: npm run interop -- --write -->';
  await writeFile(join(root, 'docs/interoperability.md'), [begin, ...rows, '<!-- end of the table -->'].join('\n'));
  const found = gaps(root);
  assert.ok(found.includes('2.7 Ticks: no row by us'), found.join('; '));
  assert.ok(
    found.some((gap) => gap.startsWith('A11 has a row to us, against: ')),
    found.join('; '),
  );
  assert.ok(!found.some((gap) => gap.startsWith('3.5')));
});
