/** The seed of random tests: from the environment variable SEED, else from the clock; failing tests name it. */
export const seed = Number(process.env['SEED'] ?? Date.now() % 0x7fff_ffff);
if (!Number.isSafeInteger(seed)) throw new Error(`SEED must be an integer, not ${process.env['SEED']}`);
