/** Chance; one seed gives one sequence in the simulated world. */
export interface Random {
  /** A uniform integer in 0..2^32-1. */
  uint32(): number;
  /** A uniform number in [0, 1). */
  float(): number;
  /** A uniform integer in 0..bound-1; `bound` is a positive integer up to 2^32. */
  below(bound: number): number;
  /** `length` bytes; in the real world from the operating system's cryptographic source. */
  bytes(length: number): Uint8Array;
}
