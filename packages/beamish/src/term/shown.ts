import type { InspectOptionsStylized } from 'node:util';

/** Named so that Node.js finds it: `util.inspect.custom`. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom');

/** What a method by the name of `INSPECT` is given besides the levels left to show. */
export type InspectOptions = InspectOptionsStylized;
export type Inspect = (value: unknown, options: InspectOptions) => string;

/** The elements between two brackets, each as `console.log` shows it. */
export function shownElements(
  [open, close]: readonly [string, string],
  elements: readonly unknown[],
  depth: number,
  options: InspectOptions,
  inspect: Inspect,
): string {
  if (depth < 0) return `${open}...${close}`;
  const most = options.maxArrayLength ?? Infinity;
  const inner = { ...options, depth: typeof options.depth === 'number' ? options.depth - 1 : options.depth };
  const shown = elements.slice(0, most).map((element) => inspect(element, inner));
  if (elements.length > most) shown.push(`... ${elements.length - most} more`);
  return `${open}${shown.join(', ')}${close}`;
}

const RESERVED = new Set(
  (
    'after and andalso band begin bnot bor bsl bsr bxor case catch cond div else end fun if let maybe not of or orelse ' +
    'receive rem try when xor'
  ).split(' '),
);

/** An atom as Erlang writes it, in quotes where it needs them. */
export function shownAtom(name: string): string {
  if (/^[a-z][\p{L}\p{N}_@]*$/u.test(name) && !RESERVED.has(name)) return name;
  return `'${name.replaceAll(/[\\']/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`)}'`;
}
