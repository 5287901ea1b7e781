import { isBeamishError } from '../../../src/error/index.ts';
import { phash2 } from '../../../src/ring/index.ts';
import {
  atom,
  compareTerms,
  decode,
  Decoder,
  encode,
  formatTerm,
  keyOf,
  termEquals,
  type DecodeOptions,
  type Term,
} from '../../../src/term/index.ts';
import { join } from '../mutate.ts';
import { declared, holds, Script, type Target } from '../target.ts';
import { compressed, termBytes } from '../terms.ts';

const MAX_BYTES = 256 * 1024;
/** What is inflated counts with its full size, and the budget knows only that of the input. */
const MAX_INFLATED = 1024;
/** The encoder counts what holds nothing (an atom, an empty list) as a level, the decoder does not: at the limit they differ by one. */
const DEEP = { maxDepth: 1024 };
const binaries = ['auto', 'auto', 'bytes', 'string'] as const;
const cache = [atom('cached'), atom(''), atom('ok')];
/** One for all inputs, as a connection has one for all frames: nothing of one may be left for the next. */
const reused = new Decoder(new Uint8Array(0), { maxBytes: MAX_BYTES });

/** `decode`, `Decoder`, and what is done with a term that came from somewhere. */
export const term: Target = {
  name: 'term',
  weight: 8,
  steps: (length) => 20_000 + 1_000 * length,
  bytes: (length) => 2 * MAX_BYTES + 2_000 * length,
  make(chance) {
    const bytes = termBytes(chance);
    const whole = chance.oneIn(20) ? compressed(bytes, chance) : bytes;
    return join(Uint8Array.of(chance.below(4), chance.oneIn(30) ? chance.below(256) : 131), whole);
  },
  run(input) {
    const script = new Script(input);
    const way = script.choose(binaries);
    const bytes = script.rest();
    const options: DecodeOptions = { binaries: way, maxBytes: bytes[1] === 80 ? MAX_INFLATED : MAX_BYTES };
    let decoded: Term;
    try {
      decoded = decode(bytes, options);
    } catch (error) {
      return refused(bytes, declared(error, ['term_malformed', 'term_too_large']));
    }
    // Names in binaries are not told from bytes by `keyOf`, so all three ways of reading give one key.
    const key = keyOf(decoded);
    const written = encode(decoded, DEEP);
    const again = decode(written);
    holds(keyOf(again) === key, 'encoded and decoded again it is another term');
    holds(Buffer.compare(encode(again, DEEP), written) === 0, 'encoded a second time the bytes are others');
    holds(termEquals(decoded, again) && compareTerms(decoded, again) === 0, 'it is not equal to itself');
    holds(phash2(decoded) === phash2(again), 'phash2 of the same term differs');
    holds(formatTerm(decoded).length <= 2000, 'formatTerm gives more than 2000 characters');
    if (bytes[1] !== 80) sameReused(bytes, options, key);
    return `a term ${typeof decoded}`;
  },
};

function refused(bytes: Uint8Array, error: ReturnType<typeof declared>): string {
  if (error.code === 'term_malformed') {
    const offset = error.details['offset'];
    const inside = typeof offset === 'number' && offset >= 0 && offset <= bytes.length;
    // Inside of compressed bytes the offset is that of the inflated ones.
    holds(inside || bytes[1] === 80, () => `offset ${String(offset)} of ${bytes.length} bytes`);
  }
  // With an atom cache, as in a frame, it may go further: the reused one must not crash either.
  try {
    reused.restart(bytes, Math.min(1, bytes.length));
    new Decoder(bytes, { maxBytes: MAX_BYTES, atomCache: (index) => cache[index] }, 1).readTerm();
    reused.readTerm();
  } catch (error) {
    declared(error, ['term_malformed', 'term_too_large']);
  }
  return error.message.replaceAll(/\d+/g, '#');
}

function sameReused(bytes: Uint8Array, options: DecodeOptions, key: string): void {
  if (options.binaries !== 'auto') return;
  try {
    reused.restart(bytes, 1);
    holds(keyOf(reused.readTerm()) === key && reused.remaining === 0, 'a decoder used again reads another term');
  } catch (error) {
    holds(!isBeamishError(error), () => `a decoder used again refuses it: ${String(error)}`);
    throw error;
  }
}
