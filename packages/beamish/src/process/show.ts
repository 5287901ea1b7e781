/** Terms as text for logs and error messages: Erlang's notation, cut at a length. */
import { Atom, BitString, Float, ImproperList, Tuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import { isTermMap, mapEntries } from '../term/index.ts';

const MAX_DEPTH = 6;
const MAX_ELEMENTS = 50;

/** Never throws, whatever the value is: a local message may be any JavaScript value. */
export function show(term: Term, maxLength = 200): string {
  let text: string;
  try {
    text = write(term, 0);
  } catch {
    text = '(unreadable)';
  }
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}...`;
}

function write(term: Term, depth: number): string {
  if (typeof term === 'string') return JSON.stringify(term.length > 200 ? `${term.slice(0, 200)}...` : term);
  if (term instanceof Atom) return /^[a-z][\w@]*$/.test(term.name) ? term.name : `'${term.name}'`;
  if (typeof term !== 'object' || term === null) return String(term === null ? 'nil' : term);
  if (depth >= MAX_DEPTH) return '...';
  if (term instanceof Tuple) return `{${list(term.elements, depth)}}`;
  if (Array.isArray(term)) return `[${list(term as readonly Term[], depth)}]`;
  if (term instanceof ImproperList) return `[${list(term.elements, depth)}|${write(term.tail, depth + 1)}]`;
  if (term instanceof Uint8Array) return `<<${term.length} bytes>>`;
  if (term instanceof BitString) return `<<${term.bytes.length} bytes, ${term.bits} bits in the last>>`;
  if (term instanceof Float) return term.toString();
  if (isTermMap(term)) {
    const pairs = mapEntries(term).slice(0, MAX_ELEMENTS);
    return `#{${pairs.map(([key, value]) => `${write(key, depth + 1)} => ${write(value, depth + 1)}`).join(', ')}}`;
  }
  return String(term);
}

function list(elements: readonly Term[], depth: number): string {
  const shown = elements.slice(0, MAX_ELEMENTS).map((element) => write(element, depth + 1));
  if (elements.length > MAX_ELEMENTS) shown.push('...');
  return shown.join(', ');
}
