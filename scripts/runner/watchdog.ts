/**
 * Outlives the test runner by a moment, in a session of its own. Reads from stdin what the runner has started
 * (`+PID` a process group, `-PID` the group has ended) and, when the runner ends in whatever way, kills what is left:
 * the groups, and on Linux every process that carries the run's mark in its environment (a daemon such as epmd leaves
 * its group, but keeps its environment). Then it removes the run's temporary directory.
 */
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { killGroup, killMarked } from './leftovers.ts';

const [mark = '', directory = ''] = process.argv.slice(2);
const groups = new Set<number>();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {}); // the runner decides
for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith('+')) groups.add(pid);
  else groups.delete(pid);
}
for (const pid of groups) killGroup(pid);
killMarked(mark);
rmSync(directory, { recursive: true, force: true, maxRetries: 3, retryDelay: 50 });
