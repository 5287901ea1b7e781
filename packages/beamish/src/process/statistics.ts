import type { Kernel } from './kernel.ts';

/** What a runtime holds at this moment. What grows while the program does nothing new is a leak. */
export interface RuntimeStatistics {
  /** That of `Runtime.pid` included. */
  readonly processes: number;
  readonly names: number;
  /** Messages that wait in mailboxes. */
  readonly mailboxes: number;
  /** Ends of links, those whose unlink another node has not acknowledged included. */
  readonly links: number;
  /** References of this node in use: calls, monitors, aliases and spawn requests that wait for something. */
  readonly references: number;
  /** Monitors and calls of other nodes on processes of this one. */
  readonly remoteWatches: number;
}

export function statisticsOf({ processes, names, references, remoteWatches }: Kernel): RuntimeStatistics {
  let mailboxes = 0;
  let links = 0;
  for (const process of processes.values()) {
    mailboxes += process.waiting;
    links += process.links.size;
  }
  return {
    processes: processes.size,
    names: names.size,
    mailboxes,
    links,
    references: references.size,
    remoteWatches: remoteWatches.size,
  };
}
