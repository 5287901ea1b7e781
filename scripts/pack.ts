/**
 * Builds each published package into its dist/: JavaScript, declarations and a package.json whose exports point at them.
 * Node runs our TypeScript as it stands, but refuses to strip types inside node_modules. The JavaScript comes in few files:
 * more than a hundred modules take 12 MB more of a process's memory, and time at its start.
 *
 *   npm run pack                 then: npm pack packages/beamish/dist
 *   npm run pack -- --out DIR    into DIR/beamish, DIR/phoenix, ... in place of each dist/
 */
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { rolldown } from 'rolldown';
import { root, runCommand } from './runner/command.ts';

interface Manifest {
  exports: Record<string, string>;
  devDependencies?: unknown;
  private?: boolean;
}

const { out } = parseArgs({ options: { out: { type: 'string' } } }).values;
const distOf = (name: string): string =>
  out === undefined ? join(root, 'packages', name, 'dist') : resolve(out, name);

const compiled = (path: string): string => path.replace(/^\.\/src\//, './').replace(/\.ts$/, '.js');

async function pack(name: string): Promise<void> {
  const from = join(root, 'packages', name);
  const dist = distOf(name);
  const { devDependencies: _, ...manifest } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as Manifest;
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  // The other packages are seen as their users see them: by the declarations built before. beamish comes first.
  const beamish = distOf('beamish');
  const paths = { beamish: [join(beamish, 'index.d.ts')], 'beamish/*': [join(beamish, '*/index.d.ts')] };
  const compilerOptions: Record<string, unknown> = {
    noEmit: false,
    declaration: true,
    outDir: '.',
    rootDir: join(from, 'src'),
    rewriteRelativeImportExtensions: true,
    typeRoots: [join(root, 'node_modules/@types')],
  };
  if (name !== 'beamish') compilerOptions['paths'] = paths;
  const config = join(dist, 'tsconfig.json');
  writeFileSync(
    config,
    JSON.stringify({ extends: join(root, 'tsconfig.base.json'), compilerOptions, include: [join(from, 'src')] }),
  );
  const code = runCommand('tsc', ['-p', config]);
  rmSync(config);
  if (code !== 0) throw new Error(`${name}: tsc has failed`);
  await bundle(dist, [...Object.values(manifest.exports).map(compiled), ...globSync('cli/main.js', { cwd: dist })]);
  for (const file of globSync('bin/*.js', { cwd: from })) {
    mkdirSync(join(dist, 'bin'), { recursive: true });
    const text = readFileSync(join(from, file), 'utf8').replaceAll(
      /(['"])\.\.\/src\/([\w/.-]+)\.ts\1/g,
      '$1../$2.js$1',
    );
    writeFileSync(join(dist, file), text, { mode: 0o755 });
  }
  const exports = Object.entries(manifest.exports).map(([subpath, source]) => {
    const target = compiled(source);
    if (!existsSync(join(dist, target)))
      throw new Error(`${name}: ${subpath} would point at ${target}, which is not there`);
    return [subpath, { types: target.replace(/\.js$/, '.d.ts'), default: target }];
  });
  const published = { ...manifest, exports: Object.fromEntries(exports) as Record<string, unknown> };
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
  for (const file of ['LICENSE', 'CHANGELOG.md', 'SECURITY.md']) cpSync(join(root, file), join(dist, file));
  const readme = [join(from, 'README.md'), join(root, 'README.md')].find((path) => existsSync(path));
  if (readme !== undefined) cpSync(readme, join(dist, 'README.md'));
  console.log(`${relative(root, dist)}: ${globSync('**/*.js', { cwd: dist }).length} modules`);
}

/** Puts the modules that `entries` need into one file each and some that they share, in place of what is there. */
async function bundle(dist: string, entries: readonly string[]): Promise<void> {
  const modules = globSync('**/*.js', { cwd: dist });
  const input = Object.fromEntries(entries.map((entry) => [entry.replace(/^\.\/|\.js$/g, ''), join(dist, entry)]));
  const build = await rolldown({ input, platform: 'node', external: /^[^./]/ });
  const { output } = await build.generate({
    format: 'esm',
    // Names of classes and functions are seen: in labels and in errors.
    keepNames: true,
    // The text of a program stays in the memory of its process. The declarations keep the docstrings.
    comments: { jsdoc: false },
    chunkFileNames: 'shared/[name].js',
  });
  await build.close();
  for (const module of modules) rmSync(join(dist, module));
  for (const file of output) {
    if (file.type !== 'chunk') throw new Error(`${file.fileName} is no JavaScript`);
    mkdirSync(dirname(join(dist, file.fileName)), { recursive: true });
    writeFileSync(join(dist, file.fileName), file.code);
  }
}

const names = globSync('packages/*/package.json', { cwd: root }).map((path) => path.split(/[\\/]/)[1] ?? '');
for (const name of names.toSorted((a, b) => Number(b === 'beamish') - Number(a === 'beamish') || a.localeCompare(b)))
  await pack(name);
