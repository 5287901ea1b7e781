/** Between the launcher and its children, over Node's IPC channel; and what every child does alike. */

/** Sent once by a child when it works. */
export interface ReadyMessage {
  readonly type: 'ready';
  /** For the table: where it can be reached. */
  readonly address: string;
  /** Facts that the launcher passes on to other children. */
  readonly facts?: Readonly<Record<string, string>>;
}

export function sayReady(address: string, facts?: Readonly<Record<string, string>>): void {
  if (!process.connected) return;
  process.send?.({ type: 'ready', address, ...(facts && { facts }) } satisfies ReadyMessage);
}

export function isReadyMessage(message: unknown): message is ReadyMessage {
  return typeof message === 'object' && message !== null && (message as ReadyMessage).type === 'ready';
}

/** What the operator is to read: one fault, no stack. */
export function die(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/**
 * Runs `shutdown` once when the program is told to end: SIGTERM, SIGINT (left to the launcher when there is one, because a
 * terminal sends it to all at once and the order matters), or the launcher's death.
 * @param limit ms after which the program ends anyway.
 */
export function onEnd(shutdown: (why: string) => Promise<void>, limit: number): (why: string) => void {
  const launched = process.send !== undefined;
  let ending = false;
  const end = (why: string): void => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(1), limit).unref();
    shutdown(why).then(
      () => process.exit(process.exitCode ?? 0),
      (error: unknown) => {
        process.stderr.write(
          `the end failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
        );
        process.exit(1);
      },
    );
  };
  // Whoever read our output is gone, as after kill -9 of the launcher: that must not end the shutdown.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => {
    if (!launched) end('SIGINT');
  });
  if (launched) process.on('disconnect', () => end('the launcher is gone'));
  return end;
}
