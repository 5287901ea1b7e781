/**
 * The import rule (DESIGN.md section 2): imports go one way. dependency-cruiser reads every source, type-only imports
 * included, and this fails when it has read none.
 *
 *   npm run deps            this repository
 *   npm run deps -- DIR     another tree of the same layout
 */
import './typescript6.ts';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ICruiseResult, IForbiddenRuleType } from 'dependency-cruiser';

const { cruise } = await import('dependency-cruiser');

const world = ['world', 'error'];
const process_ = ['process', 'schema', 'term', ...world];
const node = ['node', ...process_];
/** What each folder of packages/beamish/src may import beside itself. A folder that is not named here is an error. */
const layers: Record<string, readonly string[]> = {
  error: [],
  world: ['error'],
  term: ['error'],
  schema: ['term', ...world],
  process: process_,
  table: process_,
  node,
  ring: ['term', 'error'],
  discovery: node,
  groups: node,
  global: ['ring', ...node],
  pubsub: ['groups', 'ring', ...node],
  cli: ['.*'],
  simulation: ['.*'],
};
const src = '^packages/beamish/src';

const rules: IForbiddenRuleType[] = [
  ...Object.entries(layers)
    .filter(([, below]) => !below.includes('.*'))
    .map(([folder, below]) => ({
      name: `${folder}-imports-downward`,
      comment: `${folder}/ may import ${below.join(', ') || 'nothing of ours'}`,
      from: { path: `${src}/${folder}/` },
      to: { path: '^(packages|apps)/', pathNot: `${src}/(${[folder, ...below].join('|')})/` },
    })),
  {
    name: 'nothing-imports-simulation-or-cli',
    from: { path: '^(packages|apps)/[^/]+/src/', pathNot: `${src}/(simulation|cli)/` },
    to: { path: `${src}/(simulation|cli)/` },
  },
  { name: 'beamish-stands-alone', from: { path: src }, to: { path: '^(packages|apps)/', pathNot: src } },
  { name: 'packages-never-import-apps', from: { path: '^packages/' }, to: { path: '^apps/' } },
  {
    name: 'packages-meet-by-name',
    comment: 'another package is imported as `beamish/term`, not by a path',
    from: { path: '^(packages|apps)/([^/]+)/' },
    to: { path: '^(packages|apps)/', pathNot: '^$1/$2/', dependencyTypes: ['local'] },
  },
  { name: 'no-test-code-in-sources', from: { path: '/src/' }, to: { path: '^(packages|apps)/[^/]+/test/|^scripts/' } },
  {
    name: 'no-cycle',
    comment: 'a cycle that `import type` breaks is none when it runs: terms are recursive types, one file per kind',
    from: {},
    to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
  },
  { name: 'resolvable', from: {}, to: { couldNotResolve: true } },
  {
    name: 'declared',
    comment: 'a package used in src must be among the dependencies of the package.json beside it',
    from: { path: '^(packages|apps)/[^/]+/src/' },
    to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'], dependencyTypesNot: ['type-only'] },
  },
];

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));
process.chdir(root);
const sources = ['packages', 'apps'].flatMap((kind) =>
  existsSync(kind) ? readdirSync(kind).map((name) => `${kind}/${name}/src`) : [],
);
const { output } = await cruise(
  sources.filter((path) => existsSync(path)),
  {
    ruleSet: { forbidden: rules.map((rule) => ({ severity: 'error', ...rule })) },
    validate: true,
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)node_modules/\\.vite/' },
  },
  {
    extensions: ['.ts', '.tsx', '.js', '.mjs', '.json'],
    exportsFields: ['exports'],
    conditionNames: ['import', 'types', 'node', 'default'],
  },
);
const { modules, summary } = output as ICruiseResult;
const ours = modules.filter(({ source }) => /^(packages|apps)\//.test(source) && !source.endsWith('.json'));
const faults = summary.violations.map(({ rule, from, to, cycle }) => {
  const reason = rules.find(({ name }) => name === rule.name)?.comment;
  const target = cycle ? cycle.map(({ name }) => name).join(' -> ') : to;
  return `${from} -> ${target}: ${rule.name}${reason === undefined ? '' : ` (${reason})`}`;
});
const strangers = ours.map(({ source }) => /^packages\/beamish\/src\/([^/]+)\//.exec(source)?.[1]);
for (const folder of new Set(strangers)) {
  if (folder !== undefined && !(folder in layers))
    faults.push(`packages/beamish/src/${folder}: has no layer in scripts/deps.ts`);
}
if (ours.length === 0)
  faults.push('dependency-cruiser has read no module: its TypeScript is not found, or the paths are wrong');
for (const fault of faults) console.error(fault);
console.log(`${ours.length} modules read, ${faults.length} imports against the rule`);
if (faults.length > 0) process.exitCode = 1;
