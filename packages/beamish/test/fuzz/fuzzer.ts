/**
 * Guided by coverage: an input that goes through a branch that none before it took, or takes one more often by a power of two, is
 * kept, and inputs to come are changed from it (as AFL does). Everything follows from the seed: the same inputs, in the same order.
 */
import { meter, OverBudget } from './meter.ts';
import { join, MAX_INPUT, mutate } from './mutate.ts';
import { Chance } from './random.ts';
import { shrink } from './shrink.ts';
import type { Target } from './target.ts';

export interface Finding {
  readonly target: string;
  /** What was broken, and where. */
  readonly what: string;
  /** Hexadecimal, made small. */
  readonly input: string;
  /** How many inputs of this fuzzer it took. */
  readonly after: number;
}

/** Milliseconds for one input, three times in a row. The limit of steps finds what is slow much sooner, and on any machine. */
const SLOW = 3000;
const KEPT = 4000;
const LABELS = 2000;

class Explored {
  readonly target: Target;
  readonly kept: Uint8Array[] = [];
  readonly labels = new Set<string>();
  readonly #seen = new Uint8Array(meter.hits.length);
  branches = 0;

  constructor(target: Target) {
    this.target = target;
  }

  /** Whether the last run went where none went before. */
  isNew(label: string): boolean {
    let fresh = this.labels.size < LABELS && !this.labels.has(label);
    if (fresh) this.labels.add(label);
    const { hits, used } = meter;
    for (let index = 0; index < used; index++) {
      const count = hits[index] as number;
      if (count === 0) continue;
      const bit = 1 << Math.min(31 - Math.clz32(count), 7);
      const seen = this.#seen[index] as number;
      if ((seen & bit) !== 0) continue;
      if (seen === 0) this.branches += 1;
      this.#seen[index] = seen | bit;
      fresh = true;
    }
    return fresh;
  }
}

export class Fuzzer {
  readonly #chance: Chance;
  readonly #turns: readonly Explored[];
  readonly #explored: readonly Explored[];
  done = 0;

  constructor(targets: readonly Target[], seed: number) {
    this.#chance = new Chance(seed);
    this.#explored = targets.map((target) => new Explored(target));
    this.#turns = this.#explored.flatMap((each) => Array.from({ length: each.target.weight }, () => each));
  }

  /** Branches gone through and inputs kept, by target. */
  get coverage(): Readonly<Record<string, { readonly branches: number; readonly kept: number }>> {
    return Object.fromEntries(
      this.#explored.map(({ target, branches, kept }) => [target.name, { branches, kept: kept.length }]),
    );
  }

  next(): { readonly explored: Explored; readonly input: Uint8Array } {
    const explored = this.#turns[this.done++ % this.#turns.length] as Explored;
    const { kept, target } = explored;
    const chance = this.#chance;
    if (kept.length < 10 || chance.oneIn(3)) {
      const made = target.make(chance);
      const input = chance.oneIn(3) ? mutate(made, made, chance) : made;
      return { explored, input: input.length > MAX_INPUT ? input.subarray(0, MAX_INPUT) : input };
    }
    // What was found last is likely to have something behind it.
    const from = chance.oneIn(2) ? kept.at(-1 - chance.below(Math.min(kept.length, 50))) : chance.pick(kept);
    const other = chance.oneIn(4) ? target.make(chance) : chance.pick(kept);
    return { explored, input: mutate(from as Uint8Array, other, chance) };
  }

  async try({
    explored,
    input,
  }: {
    readonly explored: Explored;
    readonly input: Uint8Array;
  }): Promise<Finding | undefined> {
    const { target, kept } = explored;
    const outcome = await attempt(target, input);
    if (outcome.failure === undefined) {
      if (explored.isNew(outcome.label) && kept.length < KEPT) kept.push(Uint8Array.from(input));
      return undefined;
    }
    const small = await shrink(
      input,
      async (candidate) => (await attempt(target, candidate)).failure === outcome.failure,
    );
    const what = await explain(target, small, outcome.failure);
    return { target: target.name, what, input: Buffer.from(small).toString('hex'), after: this.done };
  }
}

type Outcome = { readonly label: string; readonly failure?: string };

/** Runs an input within its budget. @returns the kind of end; `failure` when a property was broken, the same text for the same fault */
export async function attempt(target: Target, input: Uint8Array): Promise<Outcome> {
  const started = performance.now();
  const outcome = await once(target, input);
  if (performance.now() - started < SLOW || outcome.failure !== undefined) return outcome;
  for (let again = 0; again < 2; again++) {
    const started = performance.now();
    await once(target, input);
    // The machine was busy, not the input heavy.
    if (performance.now() - started < SLOW) return outcome;
  }
  return { label: 'slow', failure: `it takes more than ${SLOW} ms` };
}

async function once(target: Target, input: Uint8Array): Promise<Outcome> {
  const [steps, bytes] = [target.steps(input.length), target.bytes(input.length)];
  meter.reset(steps, bytes);
  try {
    const result = target.run(input);
    const label = typeof result === 'string' ? result : await result;
    // What goes over a limit is told by an exception, which the library may have taken for the peer's fault.
    if ((meter.steps[0] as number) > steps || meter.allocated > bytes) throw new OverBudget('more than its budget');
    return { label };
  } catch (error) {
    return { label: 'failed', failure: signature(error, (meter.steps[0] as number) > steps, meter.allocated > bytes) };
  } finally {
    meter.release();
  }
}

function signature(error: unknown, tooLong: boolean, tooLarge: boolean): string {
  if (tooLong) return 'more steps than its length allows';
  if (tooLarge) return 'more memory than its length allows';
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text
    .slice(0, 100)
    .replaceAll(/\d+/g, '#')
    .replaceAll(/[^ -~]/g, '?');
}

/** Once more, with a trace. */
export async function explain(target: Target, input: Uint8Array, failure: string): Promise<string> {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 12;
  meter.reset(target.steps(input.length), target.bytes(input.length));
  try {
    await target.run(input);
    return failure;
  } catch (error) {
    return `${failure}\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  } finally {
    Error.stackTraceLimit = before;
    meter.release();
  }
}

/** An input from hexadecimal text. */
export function fromHex(hex: string): Uint8Array {
  return join(Buffer.from(hex, 'hex'));
}
