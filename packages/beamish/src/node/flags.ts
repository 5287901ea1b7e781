/** Distribution flags (protocols 2.4): what each side can do; a connection uses what both can. */
export const PUBLISHED = 0x1n;
export const FRAGMENTS = 0x800000n;
export const DIST_HDR_ATOM_CACHE = 0x2000n;
export const MANDATORY_25_DIGEST = 0x4000000n;
export const SPAWN = 1n << 32n;
export const NAME_ME = 2n << 32n;
export const ALIAS = 8n << 32n;
export const ALTACT_SIG = 32n << 32n;

/**
 * A call and its reply are one control message each (`wire/control.ts`). Beamish alone has it; a BEAM ignores flags that it does
 * not know, and gives its own by the lowest bit that is free.
 */
export const CALLS = 1n << 62n;

/** The reader of large messages tells how far it is (`wire/window.ts`). Beamish alone has it, too. */
export const PROGRESS = 1n << 61n;

/** The eleven flags without which OTP 25 refuses a node. Together they may be announced as MANDATORY_25_DIGEST. */
export const MANDATORY = 0x1070f94n;

/**
 * Everything OTP 25 to 28 may send, with fragments and an atom cache: a hidden node's flags. Each is there for a
 * reason: without SPAWN or ALIAS a BEAM's rpc and calls towards us fail or hang (protocols 2.4).
 *
 * Without ALTACT_SIG, though its signals are understood: OTP 28 and 29 use the older forms then and lose nothing but the
 * priority of a message, which no mailbox here has, and no such node has been seen to speak to this one. OTP 30 is to drop
 * ALIAS; from then on it must be there.
 */
export const OWN_FLAGS = 0xd07df7fbcn;

/** MANDATORY_25_DIGEST is shorthand for the eleven. */
export function expandFlags(flags: bigint): bigint {
  return (flags & MANDATORY_25_DIGEST) === 0n ? flags : flags | MANDATORY;
}

export function lacksMandatory(flags: bigint): boolean {
  return (flags & MANDATORY) !== MANDATORY;
}

/** Whether frames carry a distribution header (131 68), or are passed through (112); protocols 3.1. */
export function usesHeader(flags: bigint): boolean {
  return (flags & (FRAGMENTS | DIST_HDR_ATOM_CACHE)) !== 0n;
}
