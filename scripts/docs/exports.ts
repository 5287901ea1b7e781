/** What the packages export, by the `exports` of their package.json, and the methods of it; and which has no docstring. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript6';

/** What JavaScript itself calls. */
const OF_ANY_OBJECT = new Set(['toString', 'toJSON', 'valueOf']);
const HIDDEN = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;

function methodsOf(symbol: ts.Symbol): ts.Symbol[] {
  if ((symbol.flags & ts.SymbolFlags.Class) === 0) return [];
  return [...(symbol.members?.values() ?? [])].filter(({ name, declarations: [declaration] = [] }) => {
    if (declaration === undefined || !ts.isMethodDeclaration(declaration)) return false;
    const hidden = ts.isPrivateIdentifier(declaration.name) || ts.isComputedPropertyName(declaration.name);
    return !hidden && (ts.getCombinedModifierFlags(declaration) & HIDDEN) === 0 && !OF_ANY_OBJECT.has(name);
  });
}

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
    .flatMap((symbol) => [symbol, ...methodsOf(symbol)])
    .filter((symbol) => symbol.getDocumentationComment(checker).length === 0 && symbol.getJsDocTags().length === 0)
    .map((symbol) => {
      const [declaration] = symbol.declarations ?? [];
      const file = declaration?.getSourceFile();
      const line = file?.getLineAndCharacterOfPosition(declaration?.getStart() ?? 0).line ?? 0;
      return `${file === undefined ? '' : relative(root, file.fileName)}:${line + 1}: ${symbol.name}`;
    });
  return { exported: exported.size, without: without.toSorted() };
}
