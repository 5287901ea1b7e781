import { formatTerm } from '../term/index.ts';
import type { Pid } from '../term/index.ts';
import { SLOW_TURN } from './diagnostics.ts';
import type { SlowTurn } from './diagnostics.ts';
import type { Clock, Logger } from '../world/index.ts';

/** Who handled a message. */
export interface Watched {
  readonly pid: Pid;
  readonly name: string | undefined;
  readonly label: string | undefined;
}

/** Milliseconds. A tick of the distribution, a heartbeat or a user notices what lasts longer. */
export const DEFAULT_BLOCKED_AFTER = 100;
/** Messages between two looks at the clock, at most. */
const LONGEST_GAP = 64;
/** Looks after a block that are at every message: what blocks once, blocks again. */
const ALERT = 256;
const SHOWN = 5;

/**
 * Names the process that blocks the event loop. A look at the clock costs as much as a tenth of handling a message, so it
 * looks after the first message of a run, then after 1, 2, 4 ... 64 more as long as they are quick. A block is told of one
 * message in all but a flood; in a flood of the few messages since the last look, and of one when it happens again.
 *
 * What it measures is a handler up to its first `await`: what comes later runs in turns that no process can be told from.
 */
export class TurnWatch {
  /** Milliseconds that a handler may take; `Infinity` measures nothing. */
  limit: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #who = new Array<Watched | undefined>(LONGEST_GAP).fill(undefined);
  readonly #what = new Array<unknown>(LONGEST_GAP).fill(undefined);
  #seen = 0;
  #gap = 1;
  #alert = 0;
  #last = 0;

  constructor(clock: Clock, logger: Logger, limit: number) {
    this.#clock = clock;
    this.#logger = logger;
    this.limit = limit;
  }

  /** A run of processes begins. @param now when the clock has just been read */
  begin(now?: number): void {
    if (this.limit === Infinity) return;
    this.#last = now ?? this.#clock.monotonicTime();
    this.#gap = 1;
  }

  /** A message was handled. */
  handled(who: Watched, what: unknown): void {
    if (this.limit === Infinity) return;
    this.#who[this.#seen] = who;
    this.#what[this.#seen] = what;
    if (++this.#seen >= this.#gap) this.#look();
  }

  end(): void {
    if (this.#seen > 0) this.#look();
  }

  #look(): void {
    const now = this.#clock.monotonicTime();
    const elapsed = now - this.#last;
    if (elapsed > this.limit) this.#tell(elapsed);
    else if (this.#alert > 0) this.#alert--;
    this.#gap = this.#alert > 0 || elapsed > this.limit / 16 ? 1 : Math.min(this.#gap * 2, LONGEST_GAP);
    for (let i = 0; i < this.#seen; i++) this.#who[i] = this.#what[i] = undefined; // else messages live on
    this.#seen = 0;
    this.#last = now;
  }

  #tell(elapsed: number): void {
    this.#alert = ALERT;
    const milliseconds = Math.round(elapsed);
    const all = this.#who.slice(0, this.#seen).map((who, index) => ({ who: who as Watched, what: this.#what[index] }));
    if (SLOW_TURN.hasSubscribers) {
      const handled = all.map(({ who: { pid, name, label }, what }) => ({ pid, name, label, message: what }));
      SLOW_TURN.publish({ milliseconds: elapsed, handled } satisfies SlowTurn);
    }
    const [only] = all;
    const last = all.length === 1 ? only : undefined;
    if (last !== undefined) {
      const { pid, name, label } = last.who;
      const message = formatTerm(last.what, { maxLength: 200 });
      this.#logger.warn(
        { pid: pid.toString(), name, label, milliseconds, message },
        `process ${titleOf(last.who)} blocked the event loop for ${milliseconds} ms with the message ${message}`,
      );
      return;
    }
    const shown = all.slice(-SHOWN).map(({ who, what }) => `${titleOf(who)}: ${formatTerm(what, { maxLength: 80 })}`);
    this.#logger.warn(
      { milliseconds, messages: shown, of: all.length },
      `one of ${all.length} messages blocked the event loop for ${milliseconds} ms; the last are ${shown.join(', ')}`,
    );
  }
}

function titleOf({ name, label, pid }: Watched): string {
  return name ?? label ?? pid.toString();
}
