import { BeamishError } from '../error/index.ts';

/**
 * Levels of nesting a codec accepts unless told otherwise. The codecs and the
 * helpers of this folder recurse; 512 levels need well under a quarter of
 * Node's default stack, and data deeper than this is in practice an attack or
 * an accident.
 */
export const DEFAULT_MAX_DEPTH = 512;

/**
 * The deepest nesting any function of this folder follows, whatever it is told: with three calls for a
 * level, not yet compiled, twice as much was seen to overflow Node's default stack.
 */
export const HARD_MAX_DEPTH = 1024;

/** Input bytes (and inflated bytes) a decoder accepts unless told otherwise: 64 MiB. */
export const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Elements of lists, tuples and maps, taken together, a decoder accepts unless
 * told otherwise. One byte on the wire can become some 60 bytes of JavaScript
 * object (an empty tuple), so bytes alone do not bound memory: this allows
 * roughly 256 MB.
 */
export const DEFAULT_MAX_ELEMENTS = 4 * 1024 * 1024;

/** The limit an option sets, or its default. */
export function checkLimit(name: string, value: number | undefined, normal: number, most: number): number {
  if (value === undefined) return normal;
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw new BeamishError('option_invalid', `${name} must be an integer from 1 to ${most}, not ${value}`);
}
