/** Inputs that have broken something once, in regressions/*.hex: lines of a target and its input, under a comment that says what. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Regression {
  readonly target: string;
  readonly hex: string;
  readonly what: string;
}

export function regressions(): Regression[] {
  const folder = join(import.meta.dirname, 'regressions');
  return readdirSync(folder).flatMap((name) => parse(readFileSync(join(folder, name), 'utf8')));
}

function parse(text: string): Regression[] {
  const found: Regression[] = [];
  let what: string[] = [];
  for (const line of text.split('\n')) {
    const [target, hex = ''] = line.trim().split(/\s+/);
    if (line.startsWith('#')) what.push(line.slice(1).trim());
    else if (target === undefined || target === '') what = [];
    else found.push({ target, hex, what: what.join(' ') });
  }
  return found;
}
