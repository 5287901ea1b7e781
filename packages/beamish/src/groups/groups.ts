import { BeamishError } from '../error/index.ts';
import type { Node } from '../node/index.ts';
import { keyOf, Pid } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import { groupsOf, membersOf } from './groups-core.ts';
import type { GroupEvent } from './groups-core.ts';
import { ScopeProcess } from './scope-process.ts';
import type { ScopeLimits } from './scope-process.ts';

/** How many handles use a scope of a node; the last one to stop ends it. */
interface Shared {
  readonly process: ScopeProcess;
  readonly started: Promise<void>;
  handles: number;
  /** Set when the last handle was given back. */
  stopping?: Promise<void>;
}

/** By node, so that nothing outlives it. */
const scopes = new WeakMap<Node, Map<string, Shared>>();

/** Limits for what one other node may announce; what is above them is not recorded, and logged. */
export interface GroupsOptions extends ScopeLimits {}

/** What a scope holds on this node now. */
export interface GroupsStatistics {
  readonly groups: number;
  /** Nodes that run the scope. */
  readonly peers: number;
  /** Memberships of processes of this node, and of other nodes; a process that joined twice counts twice. */
  readonly localMembers: number;
  readonly remoteMembers: number;
  /** Messages that were refused, whole or in part. */
  readonly refused: number;
}

/**
 * Process groups: named sets of processes over all nodes that run the same scope, eventually consistent, gone with their
 * process or node. The same protocol as OTP's `pg`, so nodes of a BEAM see our members and we see theirs (protocols 6).
 */
export class Groups implements AsyncDisposable {
  readonly scope: string;
  readonly #node: Node;
  readonly #shared: Shared;
  #stopped: Promise<void> | undefined;

  private constructor(node: Node, scope: string, shared: Shared) {
    this.#node = node;
    this.scope = scope;
    this.#shared = shared;
  }

  /**
   * A handle on the scope's process, which is started when it does not run yet and ends with its last handle. Limits
   * count for the handle that starts it.
   *
   * @throws BeamishError `option_invalid`; `name_taken` when another process of this node has the scope's name.
   */
  static async start(node: Node, scope = 'pg', options: GroupsOptions = {}): Promise<Groups> {
    if (scope === '') throw new BeamishError('option_invalid', 'the name of a scope must not be empty');
    for (const [name, limit] of Object.entries<unknown>({ ...options })) {
      if (typeof limit !== 'number' || !(limit > 0))
        throw new BeamishError('option_invalid', `${name} must be a number above 0`);
    }
    let ofNode = scopes.get(node);
    if (ofNode === undefined) scopes.set(node, (ofNode = new Map()));
    let shared = ofNode.get(scope);
    while (shared?.stopping !== undefined) {
      await shared.stopping;
      shared = ofNode.get(scope);
    }
    if (shared === undefined) {
      const process = new ScopeProcess(node, scope, options);
      shared = { process, started: process.start(), handles: 0 };
      ofNode.set(scope, shared);
    }
    shared.handles++;
    try {
      await shared.started;
    } catch (error) {
      await release(node, scope, shared);
      throw error;
    }
    return new Groups(node, scope, shared);
  }

  /**
   * Adds processes of this node to a group, one time more for each time they are named; a process ends its membership by
   * `leave`, or by ending.
   *
   * @throws BeamishError `option_invalid` for a process of another node, `closed` after `stop`.
   */
  join(group: Term, pid: Pid | readonly Pid[]): void {
    this.#process.input({ type: 'join', group, pids: this.#local(pid) });
  }

  /** Takes one membership away for each time a process is named; those that have none are passed over. Throws as `join`. */
  leave(group: Term, pid: Pid | readonly Pid[]): void {
    this.#process.input({ type: 'leave', group, pids: this.#local(pid) });
  }

  /** The processes of all nodes, as known here and now, those of this node first; one that joined twice is there twice. */
  members(group: Term): Pid[] {
    return membersOf(this.#process.state, group);
  }

  /** The members of this node (OTP `pg:get_local_members/2`), as often as they have joined. */
  localMembers(group: Term): Pid[] {
    return this.#process.state.local.members(keyOf(group));
  }

  /** Every group that has a member. */
  groups(): Term[] {
    return groupsOf(this.#process.state);
  }

  /**
   * Tells joins and leaves of one group, or of all when `group` is undefined, in their order and from now on. It is called
   * after the change, in the turn of the change; one that throws is logged.
   */
  monitor(group: Term | undefined, listener: (event: GroupEvent) => void): { cancel(): void } {
    if (group === undefined) return this.#process.listen(listener);
    const key = keyOf(group);
    return this.#process.listen((event) => {
      if (keyOf(event.group) === key) listener(event);
    });
  }

  /** What the scope holds on this node now. */
  statistics(): GroupsStatistics {
    const { local, peers, refused } = this.#process.state;
    let remoteMembers = 0;
    for (const { membership } of peers.values()) remoteMembers += membership.entries;
    return { groups: this.groups().length, peers: peers.size, localMembers: local.entries, remoteMembers, refused };
  }

  /** Gives the handle back. With the last one the scope ends, and all its memberships. Idempotent. */
  stop(): Promise<void> {
    return (this.#stopped ??= release(this.#node, this.scope, this.#shared));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #process(): ScopeProcess {
    if (this.#stopped !== undefined) throw new BeamishError('closed', `the scope ${this.scope} was stopped`);
    return this.#shared.process;
  }

  #local(pid: Pid | readonly Pid[]): readonly Pid[] {
    const pids = pid instanceof Pid ? [pid] : [...pid];
    const foreign = pids.find(({ node }) => node !== this.#node.name);
    if (foreign !== undefined) {
      throw new BeamishError(
        'option_invalid',
        `only processes of ${this.#node.name} can join or leave here, not ${foreign.toString()}`,
      );
    }
    return pids;
  }
}

async function release(node: Node, scope: string, shared: Shared): Promise<void> {
  if (--shared.handles > 0) return;
  shared.stopping = shared.process.stop().finally(() => scopes.get(node)?.delete(scope));
  await shared.stopping;
}
