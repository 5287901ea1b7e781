import { BeamishError } from '../error/index.ts';
import type { Callable, Contract } from '../schema/index.ts';
import { Pid, formatTerm, keyOf } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import type { Runtime } from './runtime.ts';
import type { ServerRef } from './server-ref.ts';
import { supervisor } from './supervisor-spec.ts';
import type { ChildSpec, SupervisorSpec } from './supervisor-spec.ts';
import type { SupervisorRef } from './supervisor.ts';
import { Via } from './via.ts';

/** How many partitions there are, what runs in each, and which key is whose. */
export interface PartitionSupervisorOptions extends Pick<SupervisorSpec, 'maxRestarts' | 'maxSeconds'> {
  /** Of the supervisor's process, and of errors. */
  readonly name: string;
  /** How many processes. No default: an event loop has no schedulers to count. */
  readonly partitions: number;
  /** The process of one partition; its id is replaced by the number. */
  readonly child: (partition: number) => ChildSpec;
  /**
   * Which partition a key that is no integer belongs to. Integers go by their remainder, as in Elixir.
   * @default a hash of its own. Give `(key, partitions) => phash2(key, partitions)` of `beamish/ring` to place as Elixir does.
   */
  readonly partitionOf?: (key: Term, partitions: number) => number;
}

/** FNV-1a of the term's key: equal terms are in one partition. (`ring`, which has phash2, stands beside `process`, not below.) */
function hashPartition(key: Term, partitions: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(keyOf(key), 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) % partitions;
}

/**
 * One process per partition, and a name for "the one that has this key" (Elixir `PartitionSupervisor`): what a single
 * server would serve one after the other, several do side by side, and one key is still served in order.
 *
 * ```ts
 * const caches = new PartitionSupervisor({ name: 'caches', partitions: 8, child: (n) => child(Cache, [n]) });
 * await caches.start(runtime); // or caches.child() among the children of a supervisor
 * await caches.ref<Cache>('user:17').get('user:17');
 * ```
 */
export class PartitionSupervisor {
  readonly name: string;
  readonly partitions: number;
  readonly #options: PartitionSupervisorOptions;
  readonly #pids: (Pid | undefined)[];
  #runtime: Runtime | undefined;

  /** @throws BeamishError `option_invalid` */
  constructor(options: PartitionSupervisorOptions) {
    const { name, partitions } = options;
    if (!Number.isInteger(partitions) || partitions < 1)
      throw new BeamishError('option_invalid', `${name}: partitions is ${partitions}, not an integer from 1 up`);
    this.name = name;
    this.partitions = partitions;
    this.#options = options;
    this.#pids = new Array<Pid | undefined>(partitions).fill(undefined);
  }

  /** Starts the supervisor and all partitions; rejects as `Runtime.startSupervisor`. */
  start(runtime: Runtime): Promise<SupervisorRef> {
    this.#runtime = runtime;
    return runtime.startSupervisor(this.#spec(), { name: this.name, label: 'PartitionSupervisor' });
  }

  /** Its child specification, below another supervisor. */
  child(options: Pick<ChildSpec, 'restart' | 'shutdown'> = {}): ChildSpec {
    return supervisor(this.name, this.#spec(), { name: this.name, label: 'PartitionSupervisor', ...options });
  }

  /** The number of a key's partition. @throws BeamishError `option_invalid` when `partitionOf` gives none */
  partitionOf(key: Term): number {
    const { partitions } = this;
    if (typeof key === 'bigint') return Number((key < 0n ? -key : key) % BigInt(partitions));
    if (Number.isSafeInteger(key)) return Math.abs(key as number) % partitions;
    const partition = (this.#options.partitionOf ?? hashPartition)(key, partitions);
    if (Number.isInteger(partition) && partition >= 0 && partition < partitions) return partition;
    throw new BeamishError('option_invalid', `${this.name}: partitionOf gave ${partition}, not 0 to ${partitions - 1}`);
  }

  /** Who has the key now; undefined while that partition is restarted. */
  whereis(key: Term): Pid | undefined {
    const pid = this.#pids[this.partitionOf(key)];
    return pid !== undefined && this.#runtime?.isAlive(pid) === true ? pid : undefined;
  }

  /** The key as a name, for calls, casts and monitors (Elixir `{:via, PartitionSupervisor, {name, key}}`). */
  via(key: Term): Via {
    const title = `${this.name}/${formatTerm(key, { maxLength: 100 })}`;
    return new Via({ title, whereis: () => this.whereis(key) });
  }

  /**
   * A typed reference to whoever has the key when it is used; `contract` as for `Runtime.ref`.
   * @throws BeamishError `closed` before the start
   */
  ref<C>(key: Term): ServerRef<C>;
  ref<const K extends Contract>(key: Term, contract: K): ServerRef<Callable<K>>;
  ref(key: Term, contract: Contract = {}): ServerRef<unknown> {
    if (this.#runtime === undefined) throw new BeamishError('closed', `${this.name} has not been started`);
    return this.#runtime.ref(this.via(key), contract);
  }

  #spec(): SupervisorSpec {
    const { child, maxRestarts, maxSeconds } = this.#options;
    const children = Array.from({ length: this.partitions }, (_, partition): ChildSpec => {
      const spec = child(partition);
      return {
        ...spec,
        id: String(partition),
        start: async (runtime, context) => {
          const result = await spec.start(runtime, context);
          this.#runtime = runtime;
          this.#pids[partition] = result instanceof Pid ? result : result.pid;
          return result;
        },
      };
    });
    return {
      strategy: 'one_for_one',
      children,
      ...(maxRestarts === undefined ? {} : { maxRestarts }),
      ...(maxSeconds === undefined ? {} : { maxSeconds }),
    };
  }
}
