/**
 * The TypeScript of Markdown pages compiles. What a snippet takes as given stands before it, unseen by readers:
 *
 *   <!-- given
 *   import type { Node } from 'beamish/node';
 *   declare const node: Node;
 *   -->
 *
 * After `<!-- given for tables` the code in the last column of every table of the page is compiled, each row for itself:
 * statements in a method of a GenServer, options of something (`name: ...`), or members of a GenServer.
 *
 * A snippet whose first line is a comment with a file's name is that file, for the other snippets of its page.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript6';

export interface Snippet {
  readonly page: string;
  /** What other snippets of the page import it by. */
  readonly name: string;
  /** Every line is where the page has it; all others are empty. */
  readonly text: string;
}

const PART = /^<!-- given\n(?<given>.*?)^-->\n+(?=```ts\n)|^```ts\n(?<code>.*?)^```$/gms;

export function snippetsIn(root: string, page: string): Snippet[] {
  const text = readFileSync(join(root, page), 'utf8');
  const snippets: Snippet[] = [];
  let given = '';
  for (const match of text.matchAll(PART)) {
    const above = '\n'.repeat(text.slice(0, match.index).split('\n').length);
    const { given: before, code } = match.groups as { given?: string; code?: string };
    if (code === undefined) {
      given = above + (before ?? '');
      continue;
    }
    const lines = '\n'.repeat(above.length - given.split('\n').length + 1);
    const name = /^\/\/ (\S+\.ts)\n/.exec(code)?.[1] ?? `snippet-${snippets.length + 1}.ts`;
    snippets.push({ page, name, text: `${given}${lines}${code}export {};\n` });
    given = '';
  }
  return [...snippets, ...tablesIn(page, text)];
}

/** A word, the name of a module, or a term of Elixir. */
const NO_CODE = /^([\w/]+|\{?:.*)$/;
const TABLES = /^<!-- given for tables\n(?<given>.*?)^-->$/ms;
const parses = (code: string): boolean =>
  ts.transpileModule(`async () => { ${code} }`, { reportDiagnostics: true }).diagnostics?.length === 0;

function statementOf(code: string): string {
  if (/^\w+: /.test(code)) return `void ({ ${code} });`;
  return parses(code) ? `${code};` : `void class extends GenServer { #n = 0; ${code} };`;
}

/** One line of code for a row, in which `...` stands for what does not matter. */
function rowCode(row: string): string {
  const cell = row.split(/(?<!\\)\|/).at(-2) ?? '';
  const spans = Array.from(cell.matchAll(/`([^`]+)`/g), ([, code = '']) => code).filter((code) => !NO_CODE.test(code));
  const codes = spans.map((code) =>
    code
      .replaceAll('\\|', '|')
      .replaceAll('=> ...', '=> {}')
      .replaceAll('{ ... }', '{}')
      .replaceAll('(...)', '({} as never)'),
  );
  return `void class extends GenServer { async row() { ${codes.map(statementOf).join(' ')} } };`;
}

/** The tables of a page as one snippet. */
function tablesIn(page: string, text: string): Snippet[] {
  const match = TABLES.exec(text);
  if (match === null) return [];
  const given = match.groups?.['given'] ?? '';
  const above = text.slice(0, match.index).split('\n').length;
  const lines = text.split('\n').map((line, at, all) => {
    const isRow = line.startsWith('|') && !line.startsWith('|--') && all[at + 1]?.startsWith('|--') !== true;
    return isRow ? rowCode(line) : '';
  });
  lines.splice(above, given.split('\n').length - 1, ...given.split('\n').slice(0, -1));
  return [{ page, name: 'tables.ts', text: `${lines.join('\n')}\nexport {};\n` }];
}

/** Where the compiler is to think that a snippet stands: where the packages of the workspace are found. */
const placeOf = (root: string, { page, name }: Snippet): string =>
  join(root, 'examples', page.replaceAll(/\W/g, '_'), name);

export function wrongSnippets(root: string, snippets: readonly Snippet[]): string[] {
  const places = new Map(snippets.map((snippet) => [placeOf(root, snippet), snippet]));
  const readFile = (path: string): string | undefined => ts.sys.readFile(path);
  const { config } = ts.readConfigFile(join(root, 'tsconfig.base.json'), readFile) as { config: object };
  const { options: ours } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  // Of our strictness only what `strict` means to everybody.
  const options = {
    ...ours,
    noUnusedLocals: false,
    noUnusedParameters: false,
    noPropertyAccessFromIndexSignature: false,
  };
  const real = ts.createCompilerHost(options);
  const folders = new Set([...places.keys()].map((place) => dirname(place)));
  const host: ts.CompilerHost = {
    ...real,
    readFile: (path) => places.get(resolve(path))?.text ?? real.readFile(path),
    fileExists: (path) => places.has(resolve(path)) || real.fileExists(path),
    directoryExists: (path) => folders.has(resolve(path)) || ts.sys.directoryExists(path),
    getSourceFile: (path, version, ...rest) => {
      const snippet = places.get(resolve(path));
      if (snippet === undefined) return real.getSourceFile(path, version, ...rest);
      return ts.createSourceFile(path, snippet.text, version, true);
    },
  };
  const program = ts.createProgram([...places.keys()], options, host);
  return [...places].flatMap(([place, { page }]) => {
    const file = program.getSourceFile(place);
    return ts.getPreEmitDiagnostics(program, file).map(({ messageText, start = 0 }) => {
      const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1;
      return `${page}:${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
  });
}
