import { homedir } from 'node:os';
import type { Disk, FileStatus } from '../disk.ts';
import { nodeFiles } from './seldom.ts';

let written = 0;

async function status(path: string): Promise<FileStatus | undefined> {
  try {
    const found = await nodeFiles().stat(path);
    const kind = found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
    return { size: found.size, mode: found.mode & 0o7777, modifiedAt: found.mtimeMs, kind };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeFile(
  path: string,
  content: Uint8Array | string,
  options?: { readonly mode?: number },
): Promise<void> {
  const part = `${path}.${process.pid}.${++written}.part`;
  const file = await nodeFiles().open(part, 'wx', options?.mode ?? 0o666);
  try {
    await file.writeFile(content);
    await file.sync();
    await file.close();
    await nodeFiles().rename(part, path);
  } catch (error) {
    await file.close().catch(() => {});
    await nodeFiles().rm(part, { force: true });
    throw error;
  }
}

export const realDisk: Disk = {
  homeDirectory: homedir(),
  status,
  readFile: async (path) => new Uint8Array(await nodeFiles().readFile(path)),
  writeFile,
  remove: (path) => nodeFiles().rm(path, { force: true }),
};
