import { HARD_MAX_DEPTH } from './limits.ts';
import { ImproperList, Tuple } from './values.ts';

/**
 * Where in `root` the value `wanted` is, as JavaScript would reach it
 * (`.interfaces[3].rate`); empty when it is `root` or is not found. Only called
 * when something was refused, so that encoding itself keeps no path.
 */
export function pathTo(root: unknown, wanted: unknown, depth = 0): string {
  return find(root, wanted, depth) ?? '';
}

function find(value: unknown, wanted: unknown, depth: number): string | undefined {
  if (Object.is(value, wanted)) return '';
  if (typeof value !== 'object' || value === null || depth > HARD_MAX_DEPTH) return undefined;
  for (const [step, child] of children(value)) {
    const rest = find(child, wanted, depth + 1);
    if (rest !== undefined) return step + rest;
  }
  return undefined;
}

function* children(value: object): Iterable<readonly [string, unknown]> {
  if (Array.isArray(value) || value instanceof Tuple || value instanceof ImproperList) {
    const elements: readonly unknown[] = Array.isArray(value) ? value : value.elements;
    for (const [index, element] of elements.entries()) yield [`[${index}]`, element];
    if (value instanceof ImproperList) yield ['.tail', value.tail];
  } else if (value instanceof Map) {
    let index = 0;
    for (const [key, element] of value as ReadonlyMap<unknown, unknown>) {
      yield [`.keys[${index}]`, key];
      yield [typeof key === 'string' ? `.get(${JSON.stringify(key)})` : `.values[${index}]`, element];
      index += 1;
    }
  } else if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null) {
    for (const [key, element] of Object.entries(value)) {
      yield [`.${key}`, key];
      yield [`.${key}`, element];
    }
  }
}
