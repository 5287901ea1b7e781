import assert from 'node:assert/strict';
import { isBeamishError } from '../../src/error/index.ts';
import type { BeamishErrorCode } from '../../src/error/index.ts';

/** For `assert.rejects` and `assert.throws`: an error of one of these codes, whose message fits the patterns. */
export const code =
  (...wanted: readonly (BeamishErrorCode | RegExp)[]) =>
  (error: unknown): true => {
    assert.ok(
      wanted.some((one) => typeof one === 'string' && isBeamishError(error, one)),
      String(error),
    );
    for (const one of wanted) if (one instanceof RegExp) assert.match((error as Error).message, one);
    return true;
  };
