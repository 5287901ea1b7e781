/** JSON that remembers the line of everything, so that a fault can be named by its line. RFC 8259. */

export interface Located {
  readonly line: number;
  readonly value: string | number | boolean | null | readonly Located[] | ReadonlyMap<string, Located>;
}

export class JsonFault extends Error {
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.name = 'JsonFault';
    this.line = line;
  }
}

/** Deep enough for any inventory, and short of the stack. */
const maxDepth = 50;

/** @throws JsonFault at the first thing that is no JSON, and at a key that an object has twice. */
export function parseLocated(text: string): Located {
  let at = 0;
  let line = 1;
  const fail = (message: string): never => {
    throw new JsonFault(line, message);
  };
  const skip = (): void => {
    for (; at < text.length; at++) {
      const char = text[at];
      if (char === '\n') line += 1;
      else if (char !== ' ' && char !== '\t' && char !== '\r') return;
    }
  };
  const shown = (): string => (at < text.length ? JSON.stringify(text[at]) : 'the end of the file');
  const expect = (char: string): void => {
    skip();
    if (text[at] !== char) fail(`expected '${char}', found ${shown()}`);
    at += 1;
  };
  const string = (): string => {
    const end = /"(?:[^"\\\n]|\\.)*"/y;
    end.lastIndex = at;
    const found = end.exec(text);
    if (found === null)
      return fail(
        text[at] === '"' ? 'this text has no closing quote' : `expected a text in double quotes, found ${shown()}`,
      );
    at = end.lastIndex;
    try {
      return JSON.parse(found[0]) as string;
    } catch {
      return fail(`bad text ${found[0]}`);
    }
  };
  const list = (close: string, item: () => void): void => {
    at += 1;
    skip();
    if (text[at] === close) {
      at += 1;
      return;
    }
    for (;;) {
      item();
      skip();
      if (text[at] === close) {
        at += 1;
        return;
      }
      if (text[at] !== ',') fail(`expected ',' or '${close}', found ${shown()}`);
      at += 1;
    }
  };
  const value = (depth: number): Located => {
    if (depth > maxDepth) fail(`nested deeper than ${maxDepth}`);
    skip();
    const here = line;
    if (text[at] === '{') {
      const entries = new Map<string, Located>();
      list('}', () => {
        skip();
        const key = string();
        if (entries.has(key)) fail(`"${key}" is there twice`);
        expect(':');
        entries.set(key, value(depth + 1));
      });
      return { line: here, value: entries };
    }
    if (text[at] === '[') {
      const items: Located[] = [];
      list(']', () => void items.push(value(depth + 1)));
      return { line: here, value: items };
    }
    if (text[at] === '"') return { line: here, value: string() };
    const word = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
    word.lastIndex = at;
    const found = word.exec(text);
    if (found === null) return fail(`expected a value, found ${shown()}`);
    at = word.lastIndex;
    return { line: here, value: JSON.parse(found[0]) as number | boolean | null };
  };
  const whole = value(0);
  skip();
  if (at < text.length) fail(`expected the end of the file, found ${shown()}`);
  return whole;
}
