import { atomName, chardataToString, Float, formatTerm } from '../../term/index.ts';
import type { Term } from '../../term/index.ts';

/** `~F.P.PadModC` (OTP io_lib: format/2). */
const CONTROL =
  /~(?<width>-?\d+|\*)?(?:\.(?<precision>\d+|\*)?(?:\.(?<pad>\*|.))?)?(?<modifiers>[tlkK]*)(?<letter>.)?/gsu;

/** Characters; a term that is longer is cut off. */
const TERM_LIMIT = 20_000;
/** Characters that a width, a precision or a count may ask for. */
const FIELD_LIMIT = 10_000;
/** Characters in all: many fields, each within its limit, must not make gigabytes of a format that a peer sent. */
const TEXT_LIMIT = 16 * 1024 * 1024;

/** What `*` takes from the arguments, and the arguments themselves. */
class Arguments {
  readonly #values: readonly Term[];
  #next = 0;

  constructor(values: readonly Term[]) {
    this.#values = values;
  }

  take(): Term {
    if (this.#next >= this.#values.length) throw new RangeError('fewer arguments than the format asks for');
    return this.#values[this.#next++];
  }

  number(text: string | undefined): number | undefined {
    const value = text === '*' ? this.take() : text === undefined ? undefined : Number(text);
    if (value !== undefined && !Number.isInteger(value)) throw new RangeError('a width that is no integer');
    return value === undefined
      ? undefined
      : Math.sign(value as number) * Math.min(Math.abs(value as number), FIELD_LIMIT);
  }

  get done(): boolean {
    return this.#next === this.#values.length;
  }
}

interface Control {
  readonly width: number | undefined;
  readonly precision: number | undefined;
  readonly letter: string;
  readonly args: Arguments;
}

/**
 * What `io_lib:format/2` makes of a format and its arguments; terms on one line, as `~w` and `~p` of a short term.
 * @throws RangeError when they do not fit each other, as `badarg` in Erlang, or make more than 16 Mi characters
 */
export function formatIo(format: string, values: readonly Term[]): string {
  const args = new Arguments(values);
  let end = 0;
  let text = '';
  for (const match of format.matchAll(CONTROL)) {
    text += format.slice(end, match.index);
    end = match.index + match[0].length;
    const { width, precision, pad, letter = '' } = match.groups as { [name: string]: string | undefined };
    const control = { width: args.number(width), precision: args.number(precision), letter, args };
    const padding = pad === '*' ? String.fromCodePoint(Number(args.take())) : (pad ?? ' ');
    const shown = show(control);
    text += 'n~'.includes(letter) ? shown : field(shown, control, padding);
    if (text.length > TEXT_LIMIT) throw new RangeError('more text than is formatted here');
  }
  if (!args.done) throw new RangeError('more arguments than the format asks for');
  return text + format.slice(end);
}

function show(control: Control): string {
  const { width, precision, letter, args } = control;
  switch (letter) {
    case '~':
      return '~';
    case 'n':
      return '\n'.repeat(width ?? 1);
    case 'c':
      return String.fromCodePoint(Number(args.take())).repeat(Math.abs(precision ?? width ?? 1));
    case 's':
      return string(args.take(), control);
    case 'w':
      return formatTerm(args.take(), { maxLength: TERM_LIMIT, maxDepth: 100 });
    case 'p':
      return formatTerm(args.take(), { maxLength: TERM_LIMIT, maxDepth: 100, charlists: true });
    case 'W':
    case 'P': {
      const term = args.take();
      const maxDepth = Math.max(Number(args.take()), 0);
      return formatTerm(term, { maxLength: TERM_LIMIT, maxDepth, charlists: letter === 'P' });
    }
    case 'B':
    case 'b':
    case '+':
    case '#':
    case 'X':
    case 'x':
      return integer(control);
    case 'f':
    case 'e':
    case 'g':
      return float(args.take(), precision, letter);
    case 'i':
      args.take();
      return '';
    default:
      throw new RangeError(`~${letter} is no control sequence`);
  }
}

function string(term: Term, { precision, width }: Control): string {
  const text = atomName(term) ?? (term instanceof Uint8Array ? utf8(term) : chardataToString(term));
  if (text === undefined) throw new RangeError('~s of what is no text');
  const most = precision ?? (width === undefined ? undefined : Math.abs(width));
  // A character is two units at most.
  return most === undefined ? text : [...text.slice(0, most * 2)].slice(0, most).join('');
}

const utf8 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

function integer({ precision = 10, letter, args }: Control): string {
  const value = args.take();
  if (!(typeof value === 'bigint' || Number.isSafeInteger(value))) throw new RangeError(`~${letter} of no integer`);
  if (precision < 2 || precision > 36) throw new RangeError(`${precision} is no base`);
  const number = BigInt(value as number | bigint);
  const digits = (number < 0n ? -number : number).toString(precision);
  const prefix =
    letter === '#' || letter === '+' ? `${precision}#` : 'Xx'.includes(letter) ? (prefixOf(args.take()) ?? '') : '';
  return `${number < 0n ? '-' : ''}${prefix}${'BX#'.includes(letter) ? digits.toUpperCase() : digits}`;
}

function prefixOf(term: Term): string | undefined {
  return atomName(term) ?? chardataToString(term);
}

function float(term: Term, precision: number | undefined, letter: string): string {
  const value = term instanceof Float ? term.value : term;
  if (typeof value !== 'number') throw new RangeError(`~${letter} of no number`);
  const size = Math.abs(value);
  const fixed = letter === 'f' || (letter === 'g' && size >= 0.1 && size < 10_000);
  if (fixed) return value.toFixed(Math.min(precision ?? (letter === 'f' ? 6 : 5), 100));
  return value.toExponential(Math.min(Math.max((precision ?? 6) - 1, 0), 100));
}

/** To the right unless the width is negative; what does not fit is stars, as in Erlang. */
function field(text: string, { width, letter }: Control, pad: string): string {
  if (width === undefined || letter === 'p' || letter === 'P') return text;
  const size = Math.abs(width);
  const { length } = [...text];
  if (length > size) return '*'.repeat(size);
  return width < 0 ? text + pad.repeat(size - length) : pad.repeat(size - length) + text;
}

/** Text of `M:F(Args...)` where it is one of those with which OTP prints: `{put_chars, Encoding, M, F, Args}`. */
export function formatCall(module: Term, name: Term, args: readonly Term[]): string | undefined {
  const what = `${atomName(module)}:${atomName(name)}/${args.length}`;
  const [first, second] = args;
  try {
    if (what === 'io_lib:format/2' || what === 'io_lib:fwrite/2') {
      const format = atomName(first) ?? chardataToString(first);
      return format === undefined || !Array.isArray(second) ? undefined : formatIo(format, second as readonly Term[]);
    }
  } catch {
    return undefined; // as a function of Erlang that fails
  }
  if (what === 'io_lib:nl/0') return '\n';
  if (what === 'io_lib:write/1') return formatTerm(first, { maxLength: TERM_LIMIT, maxDepth: 100 });
  if (what === 'io_lib:print/1') return formatTerm(first, { maxLength: TERM_LIMIT, maxDepth: 100, charlists: true });
  return undefined;
}
