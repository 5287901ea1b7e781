/**
 * Who is on a topic, in the form that the official client's `Presence` merges (protocols 13.1, 9.6). Knows the clients of
 * this server only; who is on other nodes needs Phoenix.Tracker's replication (protocols 9).
 */
import type { Random } from 'beamish/world';

/** What is told of one presence: the application's own fields. `phx_ref` is added. */
export type PresenceMeta = { readonly [field: string]: unknown };

interface Tracked {
  readonly phx_ref: string;
  readonly phx_ref_prev?: string;
  readonly [field: string]: unknown;
}

/** Key -> its presences: several when one user has several tabs. The payload of `presence_state`. */
export type PresenceState = Readonly<Record<string, { readonly metas: readonly Tracked[] }>>;

/** The payload of `presence_diff`. */
export interface PresenceDiff {
  readonly joins: PresenceState;
  readonly leaves: PresenceState;
}

/** Handle of one tracked presence. */
export interface Presence {
  /** Replaces the meta; others see the old leave and the new join in one diff. */
  update(meta: PresenceMeta): void;
  /** Idempotent. */
  leave(): void;
}

/** Who is present in one topic, on this node: keys with the metadata of each of their clients (Phoenix.Presence). */
export class PresenceTopic {
  readonly #random: Random;
  readonly #onDiff: (diff: PresenceDiff) => void;
  readonly #keys = new Map<string, Map<string, Tracked>>();

  /** @param onDiff called for every change; `(diff) => server.broadcast(topic, 'presence_diff', diff)` */
  constructor(random: Random, onDiff: (diff: PresenceDiff) => void) {
    this.#random = random;
    this.#onDiff = onDiff;
  }

  /** Adds a presence under a key, until its handle leaves. */
  track(key: string, meta: PresenceMeta): Presence {
    let current: Tracked | undefined = this.#put(key, { ...meta, phx_ref: this.#ref() });
    this.#onDiff({ joins: group(key, current), leaves: {} });
    return {
      update: (changed) => {
        if (current === undefined) return;
        const previous = current;
        this.#take(key, previous);
        current = this.#put(key, { ...changed, phx_ref: this.#ref(), phx_ref_prev: previous.phx_ref });
        this.#onDiff({ joins: group(key, current), leaves: group(key, previous) });
      },
      leave: () => {
        if (current === undefined) return;
        const previous = current;
        current = undefined;
        this.#take(key, previous);
        this.#onDiff({ joins: {}, leaves: group(key, previous) });
      },
    };
  }

  /** The payload of `presence_state`, to be pushed once after a join. */
  state(): PresenceState {
    return Object.fromEntries([...this.#keys].map(([key, metas]) => [key, { metas: [...metas.values()] }]));
  }

  #put(key: string, meta: Tracked): Tracked {
    const metas = this.#keys.get(key) ?? new Map<string, Tracked>();
    this.#keys.set(key, metas.set(meta.phx_ref, meta));
    return meta;
  }

  #take(key: string, meta: Tracked): void {
    const metas = this.#keys.get(key);
    metas?.delete(meta.phx_ref);
    if (metas?.size === 0) this.#keys.delete(key);
  }

  #ref(): string {
    return Buffer.from(this.#random.bytes(12)).toString('base64url');
  }
}

function group(key: string, meta: Tracked): PresenceState {
  return { [key]: { metas: [meta] } };
}
