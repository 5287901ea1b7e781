/**
 * The packages as their users get them: built, packed, installed in an empty project, with types, on the oldest Node that they
 * say they run on.
 */
// @timeout 300
import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startChild } from '../../packages/beamish/test/support/children.ts';
import { freePort } from '../../packages/beamish/test/support/ports.ts';
import { temporaryDirectory } from '../../packages/beamish/test/support/temp.ts';
import { root } from '../runner/command.ts';

const project = join(import.meta.dirname, 'published');
const directory = await temporaryDirectory();
after(() => directory[Symbol.asyncDispose]());

async function run(
  command: string,
  args: readonly string[],
  env = {},
): Promise<{ code: number | null; out: string; all: string }> {
  await using child = startChild(command, args, { cwd: directory.path, env });
  const { code } = await child.exited;
  return { code, out: child.stdout, all: child.output };
}

async function must(command: string, ...args: readonly string[]): Promise<string> {
  const { code, out, all } = await run(command, args);
  assert.equal(code, 0, `${command} ${args.join(' ')}: ${all}`);
  return out;
}

const packages = ['beamish', 'phoenix', 'postgres'];
const { engines } = JSON.parse(await readFile(join(root, 'packages/beamish/package.json'), 'utf8')) as {
  engines: { node: string };
};
/** The oldest one. */
const version = `${engines.node.replace('>=', '')}.0`;
const oldNode = `node-${process.platform}-${process.arch}`;

test('they are packed, and installed with what they depend on', async () => {
  await cp(project, directory.path, { recursive: true });
  await must(process.execPath, join(root, 'scripts/pack.ts'), '--out', directory.file('built'));
  const packed = await must('npm', 'pack', '--silent', ...packages.map((name) => directory.file('built', name)));
  const archives = packed.trim().split('\n');
  assert.equal(archives.length, packages.length);
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--omit=optional'];
  await must('npm', 'install', ...flags, ...archives.map((file) => `./${file}`), `${oldNode}@${version}`);
});

test('a program compiles with their types; what is wrong in it does not', async () => {
  const compilerOptions = {
    module: 'nodenext',
    target: 'esnext',
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    skipLibCheck: false,
    typeRoots: [join(root, 'node_modules/@types')],
    types: ['node'],
  };
  for (const change of [{}, { module: 'esnext', moduleResolution: 'bundler' }]) {
    const config = { compilerOptions: { ...compilerOptions, ...change }, files: ['main.ts', 'wrong.ts'] };
    await writeFile(directory.file('tsconfig.json'), JSON.stringify(config));
    await must(process.execPath, join(root, 'node_modules/typescript/bin/tsc'));
  }
});

test('two nodes and the command run on the oldest Node', async () => {
  const node = directory.file('node_modules', oldNode, 'bin/node');
  assert.equal(await must(node, '--version'), `v${version}\n`);
  const env = { EPMD: String(await freePort()) };
  const { code, out, all } = await run(node, ['--disable-warning=ExperimentalWarning', 'main.ts'], env);
  assert.equal(code, 0, all);
  const classes = ['ChannelServer', 'Pool'];
  const expected = { version: `v${version}`, counted: 3, shown: '{ok, 3}', topic: { a: 1 }, global: true, classes };
  assert.deepEqual(JSON.parse(out), expected);
  assert.match(await must(node, 'node_modules/.bin/beamish', '--help'), /beamish start MODULE/);
});
