/**
 * What the documentation says holds: links lead somewhere, the TypeScript in it compiles, and every export of a package has
 * a docstring, its methods too. Fails when it has read none of either.
 *
 *   npm run docs            this repository
 *   npm run docs -- DIR     another tree of the same layout
 */
import { globSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { brokenLinks } from './docs/links.ts';
import { undocumented } from './docs/exports.ts';
import { snippetsIn, wrongSnippets } from './docs/snippets.ts';

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));
const pages = globSync(['*.md', '{docs,bench,examples}/**/*.md', '{packages,apps}/*/**/*.md'], {
  cwd: root,
  exclude: ['**/node_modules/**', '**/dist/**'],
}).toSorted();

const { links, faults } = brokenLinks(root, pages);
const snippets = pages.flatMap((page) => snippetsIn(root, page));
const { exported, without } = undocumented(root);
faults.push(...wrongSnippets(root, snippets), ...without.map((place) => `${place}: public, and has no docstring`));
for (const [what, count] of Object.entries({ links, snippets: snippets.length, exports: exported })) {
  if (count === 0) faults.push(`no ${what} read: the paths are wrong`);
}
for (const fault of faults) console.error(fault);
console.log(
  `${pages.length} pages: ${links} links, ${snippets.length} snippets, ${exported} exports; ${faults.length} faults`,
);
if (faults.length > 0) process.exitCode = 1;
