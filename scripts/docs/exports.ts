/** What the packages export, by the `exports` of their package.json, and which of it has no docstring. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript6';

export function undocumented(root: string): { exported: number; without: string[] } {
  const entries = globSync('packages/*/package.json', { cwd: root }).flatMap((manifest) => {
    const { exports = {} } = JSON.parse(readFileSync(join(root, manifest), 'utf8')) as { exports?: object };
    return Object.values(exports)
      .filter((path): path is string => typeof path === 'string' && path.endsWith('.ts'))
      .map((path) => join(root, dirname(manifest), path));
  });
  const options = { module: ts.ModuleKind.NodeNext, allowImportingTsExtensions: true, noEmit: true };
  const program = ts.createProgram(entries, options);
  const checker = program.getTypeChecker();
  const exported = new Set<ts.Symbol>();
  for (const entry of entries) {
    const file = program.getSourceFile(entry);
    const module = file && checker.getSymbolAtLocation(file);
    for (const symbol of module ? checker.getExportsOfModule(module) : []) {
      exported.add(symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
    }
  }
  const without = [...exported]
    .filter((symbol) => symbol.getDocumentationComment(checker).length === 0)
    .map((symbol) => {
      const [declaration] = symbol.declarations ?? [];
      const file = declaration?.getSourceFile();
      const line = file?.getLineAndCharacterOfPosition(declaration?.getStart() ?? 0).line ?? 0;
      return `${file === undefined ? '' : relative(root, file.fileName)}:${line + 1}: ${symbol.name}`;
    });
  return { exported: exported.size, without: without.toSorted() };
}
