export { assign, type Move, moved } from './assignment.ts';
export { HashRing, type HashRingOptions } from './hash-ring.ts';
export { jumpHash } from './jump-hash.ts';
export { phash2 } from './phash2.ts';
