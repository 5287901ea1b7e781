/**
 * What an input makes the library do: which branches it goes through and how often, how many steps it takes and how much
 * memory it asks for by name (`Buffer.alloc`, `new Uint8Array`, ...). The counters are put into the sources while these are
 * loaded (instrument.ts), so a figure is the same on every machine, however busy: no clock is involved.
 */
const COUNTERS = 16_384;

export class OverBudget extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'OverBudget';
  }
}

export class Meter {
  /** One counter for each branch. */
  readonly hits = new Uint32Array(COUNTERS);
  /** Loop rounds and function calls: taken, allowed. */
  readonly steps = new Float64Array([0, Infinity]);
  allocated = 0;
  /** Above this an allocation throws. */
  allowed = Infinity;
  /** Counters given out. */
  used = 0;

  reset(steps: number, bytes: number): void {
    this.hits.fill(0, 0, this.used);
    this.steps[0] = 0;
    this.steps[1] = steps;
    this.allocated = 0;
    this.allowed = bytes;
  }

  /** Nothing is counted against the input from here on. */
  release(): void {
    this.steps[1] = Infinity;
    this.allowed = Infinity;
  }

  readonly over = (): never => {
    throw new OverBudget(`more than ${this.steps[1]} steps`);
  };

  readonly sized = <T>(value: T): T => {
    const size = (value as { readonly length?: unknown } | undefined)?.length;
    if (typeof size === 'number') this.allocated += size;
    if (this.allocated > this.allowed) throw new OverBudget(`more than ${this.allowed} bytes allocated`);
    return value;
  };
}

/** The instrumented sources find it by this name, since they import nothing of a test. */
export const meter: Meter = ((globalThis as { beamishMeter?: Meter }).beamishMeter ??= new Meter());
