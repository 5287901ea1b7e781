/** What settles a conflict over a name (OTP: the `Method` of `global:register_name/3`). */
import type { Node } from '../node/index.ts';
import { atom, ExportFun, formatTerm, type Pid, tuple } from '../term/index.ts';
import type { Term } from '../term/index.ts';
import { compareNodeNames } from '../node/names.ts';

/** Chooses who keeps the name, one of the two; undefined: nobody. It runs on the node of one of them, while names cannot be registered. */
export type Resolve = (name: Term, one: Pid, other: Pid) => Pid | undefined | Promise<Pid | undefined>;

/**
 * - `random_exit`: the process on the greater node is killed.
 * - `random_notify`: it is sent `{global_name_conflict, Name}` and lives on without the name.
 * - `notify_all`: both are sent `{global_name_conflict, Name, OtherPid}`, and nobody has the name.
 */
export type ResolveMethod = 'random_exit' | 'random_notify' | 'notify_all' | Resolve;

/** The module of methods that only this node can call: others send them back to be called here. */
const OWN_MODULE = 'beamish_global';
const CONFLICT = atom('global_name_conflict');

const STANDARD: Readonly<Record<Exclude<ResolveMethod, Resolve>, ExportFun>> = {
  random_exit: new ExportFun('global', 'random_exit_name', 3),
  random_notify: new ExportFun('global', 'random_notify_name', 3),
  notify_all: new ExportFun('global', 'notify_all_name', 3),
};

export class Methods {
  readonly #node: Node;
  readonly #own = new Map<string, Resolve>();
  #count = 0;

  constructor(node: Node) {
    this.#node = node;
  }

  /** The method as a term. A function is kept until the process of its name has ended. */
  termOf(method: ResolveMethod | ExportFun, pid: Pid): ExportFun {
    if (method instanceof ExportFun) return method;
    if (typeof method !== 'function') return STANDARD[method];
    const key = `resolve_${++this.#count}`;
    this.#own.set(key, method);
    this.#node.runtime.monitor(pid, () => this.#own.delete(key));
    return new ExportFun(OWN_MODULE, key, 3);
  }

  /** OTP: `global:resolve_it/4`. Its value is a pid, `none`, or anything else, which is as `none`. */
  async resolve(method: Term, name: Term, one: Pid, other: Pid): Promise<Term> {
    const { runtime, logger } = this.#node;
    const [least, greatest] = compareNodeNames(one.node, other.node) < 0 ? [one, other] : [other, one];
    const key = method instanceof ExportFun ? `${method.module}:${method.function}` : '';
    switch (key) {
      case 'global:random_exit_name':
        logger.info({ name: formatTerm(name), pid: greatest.toString() }, 'global: name conflict, terminating');
        runtime.exit(greatest, atom('kill'));
        return least;
      case 'global:random_notify_name':
        runtime.send(greatest, tuple(CONFLICT, name));
        return least;
      case 'global:notify_all_name':
        runtime.send(one, tuple(CONFLICT, name, other));
        runtime.send(other, tuple(CONFLICT, name, one));
        return atom('none');
    }
    const own = this.#own.get(key.replace(`${OWN_MODULE}:`, ''));
    if (own === undefined) return tuple(atom('EXIT'), atom('undef'));
    try {
      return (await own(name, one, other)) ?? atom('none');
    } catch (error) {
      logger.error({ err: error, name: formatTerm(name) }, 'global: a resolve function threw; the name goes');
      return tuple(atom('EXIT'), atom('error'));
    }
  }
}
