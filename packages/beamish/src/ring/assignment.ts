import { keyOf, type Term, termEquals } from '../term/index.ts';
import { HashRing } from './hash-ring.ts';

/** A key that changed its owner; undefined where it had none, or has none any more. */
export interface Move<N> {
  readonly from: N | undefined;
  readonly to: N | undefined;
}

/**
 * Which node owns each key, by a `HashRing` of the nodes. Every node that
 * knows the same nodes, in whatever order, comes to the same answer without
 * asking. Empty when there are no nodes.
 */
export function assign<K, N>(keys: Iterable<K & Term>, nodes: Iterable<N & Term>): Map<K, N> {
  // The order only matters where two nodes hash to one position; then it must be the same everywhere.
  const sorted = Array.from(nodes, (node) => ({ node, key: keyOf(node) })).sort((a, b) => (a.key < b.key ? -1 : 1));
  const ring = HashRing.create<N>(sorted.map(({ node }) => node));
  const owners = new Map<K, N>();
  if (ring.nodes.length === 0) return owners;
  for (const key of keys) owners.set(key, ring.keyToNode(key) as N);
  return owners;
}

/** The keys whose owner differs between two assignments: what to hand over, to whom. */
export function moved<K, N>(before: ReadonlyMap<K, N>, after: ReadonlyMap<K, N>): Map<K, Move<N>> {
  const moves = new Map<K, Move<N>>();
  for (const [key, from] of before) {
    const to = after.get(key);
    if (!after.has(key) || !termEquals(from as Term, to as Term)) moves.set(key, { from, to });
  }
  for (const [key, to] of after) {
    if (!before.has(key)) moves.set(key, { from: undefined, to });
  }
  return moves;
}
