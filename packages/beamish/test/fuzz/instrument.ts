/**
 * Puts counters into the sources of the library while they are loaded: the coverage that guides the fuzzer, a limit of
 * steps, a count of bytes allocated. Import it before anything of the library. Nothing changes on the disk.
 */
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript6';
import { meter } from './meter.ts';

const src = pathToFileURL(join(import.meta.dirname, '../../src/')).href;
/** What the bytes of a peer go through. */
const FOLDERS = /^(term|node|groups|discovery|pubsub)\//;
const PRELUDE = 'const{hits:__h,steps:__s,over:__o,sized:__a}=globalThis.beamishMeter;';
const ALLOCATING =
  /^(alloc|allocUnsafe|allocUnsafeSlow|concat|from|repeat|slice|utf8Slice|latin1Slice|join|padEnd|padStart)$/;
const SHORT_CIRCUITS: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);

/** @returns the same program, on the same lines, that counts. */
export function instrument(name: string, text: string): string {
  const opening: [at: number, text: string][] = [];
  const closing: [at: number, text: string][] = [];
  const hit = (): string => `__h[${meter.used++}]++`;
  const step = (): string => `${hit()};if(__s[0]++>=__s[1])__o();`;
  const wrap = (node: ts.Node, before: string, after: string): void => {
    opening.push([node.getStart(), before]);
    closing.push([node.end, after]);
  };
  const begin = (block: ts.Node, code: string): void => void opening.push([block.getStart() + 1, code]);
  const branch = (statement: ts.Statement, code: string): void => {
    if (ts.isBlock(statement)) begin(statement, code);
    else wrap(statement, `{${code}`, '}');
  };
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    if (ts.isIfStatement(node)) {
      branch(node.thenStatement, `${hit()};`);
      if (node.elseStatement !== undefined && !ts.isIfStatement(node.elseStatement))
        branch(node.elseStatement, `${hit()};`);
    } else if (ts.isIterationStatement(node, false)) {
      branch(node.statement, step());
    } else if (ts.isCaseOrDefaultClause(node)) {
      opening.push([node.statements[0]?.getStart() ?? node.end, `${hit()};`]);
    } else if (ts.isConditionalExpression(node)) {
      wrap(node.whenTrue, `(${hit()},`, ')');
      wrap(node.whenFalse, `(${hit()},`, ')');
    } else if (ts.isBinaryExpression(node) && SHORT_CIRCUITS.has(node.operatorToken.kind)) {
      wrap(node.right, `(${hit()},`, ')');
    } else if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) {
      wrap(node.body, `(${hit()},`, ')');
    } else if (allocates(node)) {
      wrap(node, '__a(', ')');
    }
    if (ts.isFunctionLike(node)) {
      const { body } = node as ts.FunctionLikeDeclaration;
      if (body !== undefined && ts.isBlock(body)) begin(body, step());
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true));
  return PRELUDE + insert(text, opening, closing);
}

function allocates(node: ts.Node): boolean {
  if (ts.isNewExpression(node)) return /^(Uint8Array|Array)$/.test(node.expression.getText());
  if (!ts.isCallExpression(node) || ts.isOptionalChain(node)) return false;
  return ts.isPropertyAccessExpression(node.expression) && ALLOCATING.test(node.expression.name.text);
}

/** At one place what closes comes first, the inner before the outer; then what opens, the outer first. */
function insert(text: string, opening: [number, string][], closing: [number, string][]): string {
  const inserts = [...closing.toReversed(), ...opening].sort(([a], [b]) => a - b);
  let result = '';
  let from = 0;
  for (const [at, added] of inserts) {
    result += text.slice(from, at) + added;
    from = at;
  }
  return result + text.slice(from);
}

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.startsWith(src) || !FOLDERS.test(url.slice(src.length)) || loaded.source == null) return loaded;
    const text =
      typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString();
    return { ...loaded, source: instrument(url, text) };
  },
});
