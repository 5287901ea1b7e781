import { BeamishError } from '../error/index.ts';
import { Atom, atomName, encode, keyOf, type Term, Tuple } from '../term/index.ts';
import { phash2 } from './phash2.ts';

/** Positions on the ring: 0 to this - 1 (section 11.1). */
const POSITIONS = 0xffff_ffff;
const DEFAULT_WEIGHT = 128;

/** How keys are placed on a ring. */
export interface HashRingOptions {
  /**
   * libring hashes a key that is an atom as `term_to_binary(key)`, whose bytes
   * changed with OTP 26. Only matters for atom keys, on clusters with Elixir nodes that use
   * libring; with nodes of both kinds such keys have different owners, so prefer strings.
   *
   * @default 'otp26'
   */
  readonly atomKeys?: 'otp25' | 'otp26';
}

interface Point<N> {
  readonly position: number;
  readonly owner: N;
}

/**
 * A consistent hash ring: which of some nodes owns a key, such that adding or removing a node moves
 * only its share of the keys. A value: `addNode` and `removeNode` give
 * another ring. Places nodes and keys exactly as Elixir's libring does, when its
 * nodes are the same terms (BEAM nodes are atoms: `atom('a@host')`).
 *
 * Source: libring 1.7 `HashRing`; section 11.1.
 */
export class HashRing<N = Term> {
  /** Its nodes, in the order in which they were added. */
  readonly nodes: readonly N[];
  readonly #points: readonly Point<N>[];
  readonly #options: HashRingOptions;

  /** Use `HashRing.create`. */
  private constructor(nodes: readonly N[], points: readonly Point<N>[], options: HashRingOptions) {
    this.nodes = nodes;
    this.#points = points;
    this.#options = options;
  }

  /** A ring of these nodes, each with the weight 128. Where two share a position, the earlier one has it. */
  static create<N = Term>(nodes: Iterable<N & Term> = [], options: HashRingOptions = {}): HashRing<N> {
    let ring = new HashRing<N>([], [], options);
    for (const node of nodes) ring = ring.addNode(node);
    return ring;
  }

  /**
   * The ring with that node too; the same ring when it is there already.
   *
   * @param weight How many positions it takes, and so its share of the keys; at least 1.
   * @throws BeamishError `option_invalid` for another weight.
   */
  addNode(node: N & Term, weight = DEFAULT_WEIGHT): HashRing<N> {
    if (!Number.isSafeInteger(weight) || weight < 1) {
      throw new BeamishError('option_invalid', `the weight of a node must be an integer of at least 1, not ${weight}`);
    }
    if (this.hasNode(node)) return this;
    const taken = new Set(this.#points.map((point) => point.position));
    const points = [...this.#points];
    for (let replica = 1; replica <= weight; replica++) {
      const position = phash2(new Tuple([node, replica]), POSITIONS);
      if (taken.has(position)) continue;
      taken.add(position);
      points.push({ position, owner: node });
    }
    points.sort((a, b) => a.position - b.position);
    return new HashRing([...this.nodes, node], points, this.#options);
  }

  /** The ring without that node; the same ring when it is not there. */
  removeNode(node: N & Term): HashRing<N> {
    if (!this.hasNode(node)) return this;
    const removed = keyOf(node);
    return new HashRing(
      this.nodes.filter((other) => keyOf(other as Term) !== removed),
      this.#points.filter((point) => keyOf(point.owner as Term) !== removed),
      this.#options,
    );
  }

  /** Whether the node is in the ring; nodes are equal when they are the same term. */
  hasNode(node: N & Term): boolean {
    const wanted = keyOf(node);
    return this.nodes.some((other) => keyOf(other as Term) === wanted);
  }

  /** The node that owns `key`; undefined when the ring has no node. */
  keyToNode(key: Term): N | undefined {
    const name = atomName(key);
    const hashed = name === undefined ? key : atomBytes(name, this.#options.atomKeys ?? 'otp26');
    return (this.#points[this.#first(phash2(hashed, POSITIONS))] ?? this.#points[0])?.owner;
  }

  /**
   * Up to `count` different nodes for `key`, the nearest first. As in libring, an
   * atom key is hashed as it is, and the walk ends at the end of the ring, so
   * there may be fewer, even none; with `wrap` it goes on from the start, so
   * that there are `count` while the ring has as many nodes.
   */
  keyToNodes(key: Term, count: number, { wrap = false }: { readonly wrap?: boolean } = {}): N[] {
    const found = new Map<string, N>();
    const start = this.#first(phash2(key, POSITIONS));
    const end = this.#points.length + (wrap ? start : 0);
    for (let index = start; index < end && found.size < count; index++) {
      const owner = this.#points[index % this.#points.length]!.owner;
      const name = keyOf(owner as Term);
      if (!found.has(name)) found.set(name, owner);
    }
    return [...found.values()];
  }

  /** Index of the first point at or after `position`. */
  #first(position: number): number {
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#points[middle]!.position < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** `term_to_binary(atom)`: up to OTP 25 in latin-1 where that has the characters, then always in UTF-8. */
function atomBytes(name: string, otp: 'otp25' | 'otp26'): Uint8Array {
  // The characters of latin-1 are those up to U+00FF.
  if (otp === 'otp26' || [...name].some((character) => character > '\u00FF')) return encode(new Atom(name));
  const text = Buffer.from(name, 'latin1');
  return Buffer.concat([Uint8Array.of(131, 100, text.length >> 8, text.length & 0xff), text]);
}
