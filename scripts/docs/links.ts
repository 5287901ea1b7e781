/** Relative links of Markdown pages: to files that are there, and to headings that the page has. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const FENCE = /^```.*?^```/gms;
const LINK = /\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]+))?\)/g;

const withoutCode = (text: string): string =>
  text.replaceAll(FENCE, (block) => block.replaceAll(/[^\n]/g, '')).replaceAll(/`[^`\n]*`/g, '');

/** As GitHub names a heading. */
function anchors(text: string): Set<string> {
  const headings = text.replaceAll(FENCE, '').match(/^#+ .*$/gm) ?? [];
  return new Set(
    headings.map((heading) =>
      heading
        .replace(/^#+ /, '')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    ),
  );
}

export function brokenLinks(root: string, pages: readonly string[]): { links: number; faults: string[] } {
  const faults: string[] = [];
  let links = 0;
  for (const page of pages) {
    const text = readFileSync(join(root, page), 'utf8');
    for (const [at, line] of withoutCode(text).split('\n').entries()) {
      for (const [link, path = '', anchor] of line.matchAll(LINK)) {
        links++;
        const target = path === '' ? join(root, page) : join(root, dirname(page), decodeURI(path));
        const outside = relative(root, target).startsWith('..');
        const known = !outside && existsSync(target);
        const misses = known && anchor !== undefined && statSync(target).isFile();
        if (!known || (misses && !anchors(readFileSync(target, 'utf8')).has(anchor)))
          faults.push(`${page}:${at + 1}: ${link.slice(1)} leads nowhere`);
      }
    }
  }
  return { links, faults };
}
