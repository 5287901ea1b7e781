import { Tuple, atom, tuple } from '../term/index.ts';
import type { Pid, Term } from '../term/index.ts';
import type { Kernel } from './kernel.ts';

/** What a reference of this node asks of a supervisor. No term: it carries functions, and cannot come from another node. */
export class Command<H> {
  readonly run: (host: H) => Promise<unknown>;
  result: { readonly value: unknown } | { readonly error: unknown } | undefined;
  constructor(run: (host: H) => Promise<unknown>) {
    this.run = run;
  }

  /** Never rejects: what fails is the result. */
  async carryOut(host: H): Promise<void> {
    try {
      this.result = { value: await this.run(host) };
    } catch (error) {
      this.result = { error };
    }
  }
}

/** Sends a command as a call, and waits as long as it takes. */
export async function runCommand<T>(kernel: Kernel, pid: Pid, run: (host: never) => Promise<T>): Promise<T> {
  const command = new Command(run);
  const request = tuple(atom('command'), command as unknown as Term);
  await kernel.call(pid, request, { timeout: Infinity }, kernel.root);
  const { result } = command;
  if (result !== undefined && 'error' in result) throw result.error;
  return result?.value as T;
}

/** The command that a call carries, if it does. */
export function commandOf<H>(request: Term): Command<H> | undefined {
  const inner: unknown = request instanceof Tuple ? request.elements[1] : undefined;
  return inner instanceof Command ? (inner as Command<H>) : undefined;
}
