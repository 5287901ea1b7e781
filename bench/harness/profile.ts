/** Sums up V8's .cpuprofile files by function. */
import { readFileSync } from 'node:fs';

interface Frame {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}
interface Profile {
  readonly nodes: readonly Frame[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** The functions with the most time of their own, and what they and their callees took; idle time aside. */
export function profileTable(file: string, top: number): string {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)),
  );
  const name = (node: Frame | undefined): string => {
    const { functionName, url, lineNumber } = node?.callFrame ?? { functionName: '?', url: '', lineNumber: 0 };
    const where = url.replace(/^.*\/(packages|bench|node_modules)\//, '$1/');
    return `${functionName || '(anonymous)'}${where ? ` ${where}:${lineNumber + 1}` : ''}`;
  };
  const self = new Map<string, number>();
  const total = new Map<string, number>();
  const add = (map: Map<string, number>, key: string, us: number): void => void map.set(key, (map.get(key) ?? 0) + us);
  let busy = 0;
  profile.samples.forEach((id, n) => {
    const us = profile.timeDeltas[n] ?? 0;
    const own = name(byId.get(id));
    if (own === '(idle)' || own === '(program)') return add(self, own, us);
    busy += us;
    add(self, own, us);
    const seen = new Set<string>();
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const key = name(byId.get(at));
      if (!seen.has(key)) add(total, key, us);
      seen.add(key);
    }
  });
  const share = (us: number | undefined): string => `${((100 * (us ?? 0)) / busy).toFixed(1).padStart(6)} %`;
  const idle = ((self.get('(idle)') ?? 0) / 1e6).toFixed(2);
  const rows = [...self].filter(([key]) => key !== '(idle)').toSorted(([, a], [, b]) => b - a);
  return [
    `${file}: ${(busy / 1e6).toFixed(2)} s of JavaScript, idle ${idle} s`,
    '    self     total',
    ...rows.slice(0, top).map(([key, us]) => `${share(us)} ${share(total.get(key))}  ${key}`),
  ].join('\n');
}
