import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { startNode } from '../../packages/beamish/test/support/children.ts';
import { temporaryDirectory } from '../../packages/beamish/test/support/temp.ts';

const scripts = join(import.meta.dirname, '..');

async function check(script: string, files: Record<string, string>): Promise<{ code: number | null; output: string }> {
  await using directory = await temporaryDirectory();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(directory.file(path)), { recursive: true });
    await writeFile(directory.file(path), text);
  }
  await using child = startNode(join(scripts, script), [directory.path]);
  const { code } = await child.exited;
  return { code, output: child.output };
}

const breaches: Record<string, string> = {
  'Date.now': 'export const at = Date.now();',
  'Date ': 'export const at = new Date ();',
  Date: 'const D = Date; export const at = new D();',
  'Date.prototype-free call': 'export const at = Date();',
  setTimeout: 'setTimeout(() => {}, 1);',
  'globalThis.setInterval': 'globalThis.setInterval(() => {}, 1);',
  setImmediate: 'export const run = setImmediate;',
  performance: 'export const now = performance.now();',
  'Math.random': 'export const r = Math.random();',
  'Math["random"]': 'export const r = Math["random"]();',
  'const { random }': 'const { random } = Math; export const r = random();',
  'process.hrtime': 'export const t = process.hrtime.bigint();',
  'crypto.randomUUID': 'export const id = crypto.randomUUID();',
  'crypto named': `import { randomBytes as bytes } from 'node:crypto'; export const b = bytes(1);`,
  'crypto whole': `import * as crypto from 'node:crypto'; export const c = crypto;`,
  'AbortSignal.timeout': 'export const s = AbortSignal.timeout(1);',
  fetch: `export const f = fetch('x');`,
  net: `import { connect } from 'node:net'; connect(1);`,
  'net without node:': `import net from 'net'; export const n = net;`,
  'type of net': `import type { Socket } from 'node:net'; export type S = Socket;`,
  'dynamic fs': `export const fs = await import('node:fs/promises');`,
  'exported dns': `export * from 'node:dns';`,
  timers: `import { setTimeout as sleep } from 'node:timers/promises'; await sleep(1);`,
};

test('the World rule catches every way to the clock, the dice, the network and the disk', async () => {
  const files = Object.entries(breaches).map(([, text], at) => [`packages/beamish/src/term/case${at}.ts`, text]);
  const { code, output } = await check('check-world.ts', Object.fromEntries(files) as Record<string, string>);
  assert.equal(code, 1);
  for (const [at, [name]] of Object.entries(breaches).entries())
    assert.match(output, new RegExp(`case${at}\\.ts:`), name);
});

test('the World rule lets data, the world itself and own names be', async () => {
  const data = `
    import { createHash, timingSafeEqual } from 'node:crypto';
    export class Timers { setTimeout(ms: number): number { return ms; } }
    export const shape = { setTimeout: 1, performance: 2 };
    export const date = (value: number | Date): Date => (value instanceof Date ? value : new Date(value));
    export const day = Date.UTC(2026, 0), other = Date.parse('2026-01-01'), floor = Math.floor(1.5);
    export const wait = (clock: Timers): number => clock.setTimeout(shape.setTimeout);
    export const withClock = ({ setTimeout }: { setTimeout(ms: number): void }): void => setTimeout(1);
    export const hash = [createHash, timingSafeEqual];`;
  const real = `import net from 'node:net'; export const now = Date.now(), n = net;`;
  const library = `import net from 'node:net'; export const n = net;`;
  const { code, output } = await check('check-world.ts', {
    'packages/beamish/src/term/data.ts': data,
    'packages/beamish/src/world/real.ts': real,
    'packages/beamish/src/cli/main.ts': real,
    'packages/postgres/src/index.ts': library,
    'apps/app/src/main.ts': 'export const now = Date.now();',
  });
  assert.equal(code, 0, output);
  assert.match(output, /apps\/app\/src\/main\.ts:1:\d+: warning: names Date\.now/);
  const timer = await check('check-world.ts', { 'packages/postgres/src/index.ts': 'setInterval(() => {}, 1);' });
  assert.equal(timer.code, 1);
});

test('the World rule, the import rule and the check of the documentation fail when they have read nothing', async () => {
  for (const script of ['check-world.ts', 'deps.ts', 'docs.ts'])
    assert.equal((await check(script, {})).code, 1, script);
});

test('the check of the documentation catches dead links, snippets that do not compile, exports without a docstring', async () => {
  const files = {
    'tsconfig.base.json':
      '{"compilerOptions":{"strict":true,"module":"nodenext","target":"es2024","types":[],"noEmit":true,"allowImportingTsExtensions":true}}',
    'packages/p/package.json': '{"name":"p","exports":{".":"./src/index.ts"}}',
    'packages/p/src/index.ts': `export { Told, told, type Untold } from './all.ts';`,
    'packages/p/src/all.ts': `/** Told. */\nexport const told = 1;\nexport interface Untold { readonly a: number }\n/** Told. */\nexport class Told {\n  untold(): void {}\n  toString(): string { return String(this.#own()); }\n  #own(): void {}\n}\n`,
    'README.md': [
      '# Head, and more',
      '[here](#head-and-more) [there](docs/page.md#part) `[none](none.md)` [gone](docs/gone.md) [no part](docs/page.md#gone)',
      '<!-- given\ndeclare const given: number;\n-->\n',
      '```ts\nconst right: number = given;\nconst wrong: string = given;\n```\n',
      '```ts\n// other.ts\nexport default 1;\n```\n',
      `\`\`\`ts\nimport other from './other.ts';\nother satisfies 2;\n\`\`\``,
    ].join('\n'),
    'docs/page.md': [
      '## Part',
      '<!-- given for tables\ndeclare class GenServer { stop(): void }\ndeclare const count: number;\n-->\n',
      '| Elixir | TypeScript |\n|---|---|',
      '| `a` | `this.stop()`, `delay: count.toFixed()`, `inc() { return (this.#n += 1); }`, `(x: number) => ...` |',
      '| `b` | `:no`, `p/q`, `const twice = count * 2`, `twice.length` |',
    ].join('\n'),
  };
  const { code, output } = await check('docs.ts', files);
  assert.equal(code, 1);
  const lines = output.trim().split('\n');
  assert.deepEqual(
    lines.map((line) => line.split(': ')[0]),
    [
      'README.md:2',
      'README.md:2',
      'README.md:9',
      'README.md:19',
      'docs/page.md:10',
      'packages/p/src/all.ts:3',
      'packages/p/src/all.ts:6',
      '2 pages',
    ],
    output,
  );
  assert.match(output, /4 links, 4 snippets, 3 exports; 7 faults$/m);
});

test('the import rule catches upward imports, type-only ones too, and cycles', async () => {
  const manifest = '{"name":"x","type":"module"}';
  const { code, output } = await check('deps.ts', {
    'package.json': manifest,
    'packages/beamish/package.json': manifest,
    'packages/beamish/src/error/index.ts': `export class Fault extends Error {}`,
    'packages/beamish/src/term/index.ts': `export { Fault } from '../error/index.ts';`,
    'packages/beamish/src/process/index.ts': `import type { Node } from '../node/index.ts'; export type P = Node;`,
    'packages/beamish/src/node/index.ts': `import { Fault } from '../term/index.ts'; export type Node = Fault;`,
    'packages/beamish/src/ring/index.ts': `import { a } from './a.ts'; export const b = () => a;`,
    'packages/beamish/src/ring/a.ts': `import { b } from './index.ts'; export const a = () => b;`,
    'packages/beamish/src/groups/index.ts': `import '../../../../apps/app/src/main.ts';`,
    'packages/beamish/src/sundry/index.ts': `export const s = 1;`,
    'apps/app/src/main.ts': `export const m = 1;`,
  });
  assert.equal(code, 1);
  assert.match(output, /process\/index\.ts -> packages\/beamish\/src\/node\/index\.ts: process-imports-downward/);
  assert.match(output, /ring\/\S+ -> .*: no-cycle/);
  assert.match(output, /groups\/index\.ts -> apps\/app\/src\/main\.ts: packages-never-import-apps/);
  assert.match(output, /src\/sundry: has no layer/);
  assert.doesNotMatch(output, /(node|term|error)\/index\.ts ->/);
  assert.match(output, /^9 modules read/m);
});

test('the import rule reads the modules of this repository', async () => {
  await using child = startNode(join(scripts, 'deps.ts'));
  await child.exited;
  const read = Number(/^(\d+) modules read/m.exec(child.output)?.[1]);
  assert.ok(read > 10, child.output);
});
