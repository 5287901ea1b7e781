/**
 * The World rule (DESIGN.md section 3): time, timers, randomness, network and disk reach the library only through `World`.
 * Read from the syntax tree by TypeScript 6, because a linter's list of names cannot tell `new Date(value)`, which is
 * data, from `new Date()`, which is the time.
 *
 *   npm run lint                             calls it for this repository
 *   node scripts/check-world.ts DIR          another tree of the same layout
 */
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript6';

/** What a place may not do: all of it in beamish, not time and randomness in the other packages, told to apps as a hint. */
interface Zone {
  readonly files: string;
  readonly except?: RegExp;
  readonly imports: boolean;
  readonly severity: 'error' | 'warning';
}

const zones: readonly Zone[] = [
  {
    files: 'packages/beamish/src/**/*.ts',
    except: /\/src\/(world|cli|simulation\/real)\//,
    imports: true,
    severity: 'error',
  },
  { files: 'packages/*/src/**/*.ts', except: /^packages\/beamish\//, imports: false, severity: 'error' },
  { files: 'apps/*/src/**/*.ts', imports: false, severity: 'warning' },
];

const worldModules = /^(node:)?(net|tls|dgram|dns|fs|http|https|http2|timers|perf_hooks|child_process)(\/promises)?$/;
const timeModules = /^(node:)?(timers|perf_hooks)(\/promises)?$/;
const globals = new Set(['performance', 'setTimeout', 'setInterval', 'setImmediate', 'scheduler', 'Temporal']);
const networkGlobals = new Set(['fetch', 'WebSocket', 'EventSource']);
const randomCrypto = /^(random\w*|getRandomValues|webcrypto|pseudoRandomBytes|prng|rng)$/;
/** `Date.UTC` and `Date.parse` are functions of their arguments. */
const pureDate = new Set(['UTC', 'parse', 'prototype']);

function forbiddenProperty(object: string, property: string): boolean {
  if (object === 'Math') return property === 'random';
  if (object === 'process') return ['hrtime', 'uptime', 'getBuiltinModule'].includes(property);
  if (object === 'crypto') return randomCrypto.test(property) || property === 'subtle';
  if (object === 'AbortSignal') return property === 'timeout';
  if (object === 'Date') return !pureDate.has(property);
  return ['globalThis', 'global'].includes(object) && (globals.has(property) || ['Date', 'crypto'].includes(property));
}

/** The nodes of a file that break the rule, with what they name. */
function* violations(file: ts.SourceFile, imports: boolean): Generator<[ts.Node, string]> {
  const bound = new Set<string>();
  const pending: ts.Node[] = [file];
  const nodes: ts.Node[] = [];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    nodes.push(node);
    if (
      ts.isImportSpecifier(node) ||
      ts.isParameter(node) ||
      ts.isVariableDeclaration(node) ||
      ts.isBindingElement(node)
    ) {
      if (ts.isIdentifier(node.name)) bound.add(node.name.text);
    }
    // types name no value: `at: Date` is a shape
    ts.forEachChild(
      node,
      (child) => void (ts.isTypeNode(child) && !ts.isExpressionWithTypeArguments(child) ? 0 : pending.push(child)),
    );
  }
  for (const node of nodes) {
    const specifier = importedModule(node);
    if (specifier !== undefined) {
      if ((imports ? worldModules : timeModules).test(specifier)) yield [node, specifier];
      if (/^(node:)?crypto$/.test(specifier)) yield* randomImports(node);
    }
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
      const { text } = node.expression;
      if (forbiddenProperty(text, node.name.text)) yield [node, `${text}.${node.name.text}`];
    }
    if (
      ts.isElementAccessExpression(node) &&
      ts.isIdentifier(node.expression) &&
      ts.isStringLiteralLike(node.argumentExpression)
    ) {
      const { text } = node.argumentExpression;
      if (forbiddenProperty(node.expression.text, text)) yield [node, `${node.expression.text}.${text}`];
    }
    if (
      ts.isVariableDeclaration(node) &&
      ts.isObjectBindingPattern(node.name) &&
      node.initializer &&
      ts.isIdentifier(node.initializer)
    ) {
      for (const { propertyName, name } of node.name.elements) {
        const key = propertyName ?? name;
        if (ts.isIdentifier(key) && forbiddenProperty(node.initializer.text, key.text))
          yield [node, `${node.initializer.text}.${key.text}`];
      }
    }
    if (ts.isIdentifier(node) && isReference(node)) {
      if (globals.has(node.text) && !bound.has(node.text)) yield [node, node.text];
      if (imports && networkGlobals.has(node.text) && !bound.has(node.text)) yield [node, node.text];
      if (node.text === 'Date' && !isDataUseOfDate(node)) yield [node, 'Date'];
    }
  }
}

function importedModule(node: ts.Node): string | undefined {
  const text = (at: ts.Node | undefined): string | undefined =>
    at && ts.isStringLiteralLike(at) ? at.text : undefined;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return text(node.moduleSpecifier);
  if (ts.isExternalModuleReference(node)) return text(node.expression);
  if (!ts.isCallExpression(node)) return undefined;
  const { expression } = node;
  const loads =
    expression.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(expression) && expression.text === 'require');
  return loads ? text(node.arguments[0]) : undefined;
}

/** From `node:crypto` only what is named, and nothing random: hashes and comparisons are functions. */
function* randomImports(node: ts.Node): Generator<[ts.Node, string]> {
  const bindings = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : undefined;
  if (bindings === undefined || !ts.isNamedImports(bindings)) {
    yield [node, 'all of node:crypto (import its functions by name)'];
    return;
  }
  for (const element of bindings.elements) {
    const name = (element.propertyName ?? element.name).text;
    if (randomCrypto.test(name)) yield [element, `crypto.${name}`];
  }
}

/** An identifier that stands for a value: not a property's name, a declared name or a label of an import. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent) || ts.isVariableDeclaration(parent) || ts.isParameter(parent))
    return parent.initializer === node;
  if (ts.isPropertyDeclaration(parent)) return parent.initializer === node;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent) || ts.isBindingElement(parent)) return false;
  const declares = ts.isMethodDeclaration(parent) || ts.isMethodSignature(parent) || ts.isPropertySignature(parent);
  return !declares && !ts.isAccessor(parent) && !ts.isFunctionDeclaration(parent);
}

/** `new Date(value)`, `x instanceof Date`, `Date.UTC(...)` (the property itself is looked at elsewhere). */
function isDataUseOfDate(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isNewExpression(parent)) return parent.expression === node && (parent.arguments?.length ?? 0) > 0;
  if (ts.isBinaryExpression(parent))
    return parent.right === node && parent.operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword;
  return ts.isPropertyAccessExpression(parent);
}

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));
let read = 0;
let errors = 0;
for (const { files, except, imports, severity } of zones) {
  for (const path of globSync(files, { cwd: root }).toSorted()) {
    if (except?.test(path)) continue;
    read++;
    const file = ts.createSourceFile(path, readFileSync(join(root, path), 'utf8'), ts.ScriptTarget.Latest, true);
    for (const [node, what] of violations(file, imports)) {
      const { line, character } = file.getLineAndCharacterOfPosition(node.getStart(file));
      console.error(`${path}:${line + 1}:${character + 1}: ${severity}: names ${what}; take it from World`);
      if (severity === 'error') errors++;
    }
  }
}
console.log(`World rule: ${read} files read, ${errors} violations`);
if (read === 0) console.error('no file read: the paths are wrong');
if (errors > 0 || read === 0) process.exitCode = 1;
