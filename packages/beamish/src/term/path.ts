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
  } else if (value instanceof Set) {
    let index = 0;
    for (const element of value as ReadonlySet<unknown>) yield [`.values[${index++}]`, element];
  } else if (value instanceof Error) {
    for (const name of ['message', 'name', 'code', 'cause', 'errors', 'details'])
      yield [`.${name}`, (value as unknown as { readonly [name: string]: unknown })[name]];
  } else if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null) {
    for (const [key, element] of Object.entries(value)) {
      yield [`.${key}`, key];
      yield [`.${key}`, element];
    }
  }
}

/** Where in `root` a value contains itself, and which of those around it it is; undefined when there is no such place. */
export function circleIn(root: unknown): { readonly path: string; readonly of: string } | undefined {
  const around = new Map<object, string>();
  const done = new Set<object>();
  const search = (value: unknown, path: string): { path: string; of: string } | undefined => {
    if (typeof value !== 'object' || value === null || done.has(value)) return undefined;
    const of = around.get(value);
    if (of !== undefined) return { path, of };
    if (around.size > HARD_MAX_DEPTH) return undefined;
    around.set(value, path);
    for (const [step, child] of children(value)) {
      const found = search(child, path + step);
      if (found !== undefined) return found;
    }
    around.delete(value);
    done.add(value);
    return undefined;
  };
  return search(root, '');
}
