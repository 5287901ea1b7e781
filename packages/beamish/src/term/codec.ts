import { constants, inflateSync } from 'node:zlib';
import { BeamishError } from '../error/index.ts';
import { Decoder, type DecodeOptions } from './decoder.ts';
import { Encoder, type EncodeOptions } from './encoder.ts';
import { checkLimit, DEFAULT_MAX_BYTES } from './limits.ts';
import { COMPRESSED, VERSION } from './tags.ts';
import type { Term } from './types.ts';

/** A large term is put together once, at its end: a buffer that is doubled each time is copied more often, and is thrice as large. */
const segments = { maxBytes: Infinity };
/** The encoder for calls without options; undefined while such a call runs (a getter may encode too). */
let spare: Encoder | undefined = new Encoder({ segments });

/**
 * The term in the External Term Format, version byte included: what
 * `erlang:binary_to_term/1` reads.
 *
 * @throws BeamishError `term_not_encodable` or `term_too_large`, see `Encoder.writeTerm`.
 */
export function encode(term: Term, options?: EncodeOptions): Uint8Array {
  const shared = options === undefined ? spare : undefined;
  const encoder = shared ?? new Encoder({ ...options, segments });
  if (shared !== undefined) spare = undefined;
  try {
    encoder.writeByte(VERSION);
    encoder.writeTerm(term);
    return encoder.take();
  } finally {
    if (shared !== undefined) {
      shared.reset();
      spare = shared;
    }
  }
}

/**
 * The term that `bytes` are, all of them: what `erlang:term_to_binary/1` wrote, compressed or not.
 *
 * @throws BeamishError `term_malformed`, with `details.offset`, or `term_too_large`.
 */
export function decode(bytes: Uint8Array, options?: DecodeOptions): Term {
  const { term, offset } = decodeWithRest(bytes, 0, options);
  if (offset !== bytes.length) malformed(offset, `${bytes.length - offset} bytes after the term`);
  return term;
}

/**
 * The term that starts, with its version byte, at `offset`, and where it ends.
 *
 * @throws BeamishError `term_malformed`, with `details.offset`, or `term_too_large`.
 */
export function decodeWithRest(bytes: Uint8Array, offset = 0, options?: DecodeOptions): { term: Term; offset: number } {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new BeamishError('option_invalid', `offset must be an integer of at least 0, not ${offset}`);
  }
  if (bytes[offset] !== VERSION) malformed(offset, `the version byte must be ${VERSION}, not ${bytes[offset]}`);
  if (bytes[offset + 1] === COMPRESSED) return decodeCompressed(bytes, offset, options);
  const decoder = new Decoder(bytes, options, offset + 1);
  const term = decoder.readTerm();
  return { term, offset: decoder.offset };
}

/** `131 80 u32 size` and a zlib stream (section 4). */
function decodeCompressed(
  bytes: Uint8Array,
  offset: number,
  options: DecodeOptions = {},
): { term: Term; offset: number } {
  const head = new Decoder(bytes, options, offset + 2);
  const size = head.readUint32();
  const maxBytes = checkLimit('maxBytes', options.maxBytes, DEFAULT_MAX_BYTES, 0xffff_ffff);
  if (size > maxBytes)
    throw new BeamishError('term_too_large', `${size} inflated bytes are more than maxBytes, ${maxBytes}`);
  const inflated = inflate(bytes.subarray(head.offset), size, head.offset);
  const decoder = new Decoder(inflated.bytes, options);
  const term = decoder.readTerm();
  if (decoder.remaining > 0) malformed(head.offset, `${decoder.remaining} inflated bytes after the term`);
  return { term, offset: head.offset + inflated.consumed };
}

function inflate(bytes: Uint8Array, size: number, offset: number): { bytes: Uint8Array; consumed: number } {
  try {
    // With `info` the result is the bytes and the engine that counted what it read; Node's types do not say so.
    const options = { maxOutputLength: Math.max(size, 1), info: true, finishFlush: constants.Z_FINISH };
    const result = inflateSync(bytes, options) as unknown as {
      buffer: Uint8Array;
      engine: { bytesWritten: number };
    };
    if (result.buffer.length === size) return { bytes: result.buffer, consumed: result.engine.bytesWritten };
  } catch (cause) {
    throw new BeamishError('term_malformed', `at offset ${offset}: the compressed bytes cannot be inflated`, {
      cause,
      details: { offset },
    });
  }
  return malformed(offset, `the compressed bytes do not inflate to ${size} bytes`);
}

function malformed(offset: number, message: string): never {
  throw new BeamishError('term_malformed', `at offset ${offset}: ${message}`, { details: { offset } });
}
