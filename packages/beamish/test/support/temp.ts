/** `await using directory = await temporaryDirectory()`: gone with the test, and at the latest with its process. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
  /** The path of a file in it. */
  file(...names: string[]): string;
}

const existing = new Set<string>();
process.on('exit', () => {
  for (const path of existing) rmSync(path, { recursive: true, force: true });
});

export async function temporaryDirectory(prefix = 'beamish-test-'): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  existing.add(path);
  return {
    path,
    file: (...names) => join(path, ...names),
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
      existing.delete(path);
    },
  };
}
