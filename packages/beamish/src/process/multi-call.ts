import { isBeamishError } from '../error/index.ts';
import { check, replySchema } from '../schema/index.ts';
import type { Contract } from '../schema/index.ts';
import type { Term } from '../term/index.ts';
import type { CallOptions } from './calls.ts';
import type { Kernel } from './kernel.ts';
import type { Process } from './process.ts';
import { methodProxy, requestOf } from './server-proxy.ts';
import type { CallName, Casts } from './server-ref.ts';

/** What several nodes said to one call (OTP `gen_server:multi_call/4`). */
export interface MultiReply<R = Term> {
  /** In the order of the nodes that were asked. */
  readonly replies: readonly { readonly node: string; readonly reply: R }[];
  /** Nodes without connection, without such a process, or that did not answer in time. */
  readonly badNodes: readonly string[];
}

type AskedArguments<M> = M extends (...args: infer A) => unknown ? A : never;
type AskedReply<M> = M extends (...args: never[]) => infer R ? Awaited<R> : never;

/** The processes of one name on several nodes: every call asks all of them. */
export type MultiRef<C> = {
  readonly [K in CallName<C>]: (...args: AskedArguments<C[K]>) => Promise<MultiReply<AskedReply<C[K]>>>;
} & {
  /** OTP `gen_server:abcast/3`: no replies, no errors. */
  readonly cast: Casts<C>;
  readonly nodes: readonly string[];
};

/** OTP gen_server:multi_call/4: one request to all; the nodes that fail are named, and nothing rejects but an abort. */
export async function multiCall(
  kernel: Kernel,
  owner: Process,
  nodes: readonly string[],
  name: string,
  request: Term,
  options: CallOptions,
): Promise<MultiReply> {
  const asked = nodes.map(async (node) => ({
    node,
    reply: await kernel.call({ name, node }, request, options, owner),
  }));
  const outcomes = await Promise.allSettled(asked);
  const replies: { readonly node: string; readonly reply: Term }[] = [];
  const badNodes: string[] = [];
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled') replies.push(outcome.value);
    else if (isBeamishError(outcome.reason, 'aborted') || isBeamishError(outcome.reason, 'option_invalid')) {
      throw outcome.reason; // the caller's own doing, which concerns no node
    } else badNodes.push(nodes[index] as string);
  }
  return { replies, badNodes };
}

export function makeMultiRef<C>(
  kernel: Kernel,
  owner: Process,
  nodes: readonly string[],
  name: string,
  options: CallOptions & { readonly contract?: Contract },
): MultiRef<C> {
  const { contract, ...callOptions } = options;
  const cast = methodProxy({}, (method) => (...args) => {
    for (const node of nodes) kernel.cast({ name, node }, requestOf(method, args), owner);
  });
  return methodProxy({ cast, nodes, [Symbol.toStringTag]: 'MultiRef' }, (method) => async (...args) => {
    const { replies, badNodes } = await multiCall(kernel, owner, nodes, name, requestOf(method, args), callOptions);
    const schema = replySchema(contract, method);
    if (schema === undefined) return { replies, badNodes };
    const checked = replies.map(async ({ node, reply }) => ({
      node,
      reply: await check(schema, reply, `reply of ${method} on ${node}`),
    }));
    return { replies: await Promise.all(checked), badNodes };
  }) as MultiRef<C>;
}
