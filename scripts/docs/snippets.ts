/**
 * The TypeScript of Markdown pages compiles. What a snippet takes as given stands before it, unseen by readers:
 *
 *   <!-- given
 *   import type { Node } from 'beamish/node';
 *   declare const node: Node;
 *   -->
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
  return snippets;
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
  const options = { ...ours, noUnusedLocals: false, noPropertyAccessFromIndexSignature: false };
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
