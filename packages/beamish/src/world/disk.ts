/** What is known of a file. */
export interface FileStatus {
  readonly size: number;
  /** Permission bits, as in chmod. */
  readonly mode: number;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
  readonly kind: 'file' | 'directory' | 'other';
}

/** Thin on purpose: what the cookie file and certificates need. Raft's log will add open files with `datasync`. */
export interface Disk {
  readonly homeDirectory: string;
  /** Undefined when nothing is there. */
  status(path: string): Promise<FileStatus | undefined>;
  readFile(path: string): Promise<Uint8Array>;
  /** Writes to a new file beside, syncs, renames: a reader sees the old content or the new. */
  writeFile(path: string, content: Uint8Array | string, options?: { readonly mode?: number }): Promise<void>;
  remove(path: string): Promise<void>;
}
