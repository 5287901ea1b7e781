/** A peer's two processes as the runner sees them: started, asked for figures, ended by their pids. */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { startChild, type Child } from '../../packages/beamish/test/support/children.ts';
import { findExecutable } from '../../packages/beamish/test/support/peers.ts';
import type { Figures, Time } from './loops.ts';
import type { Address } from './serve.ts';
import type { WorkloadName } from './workloads.ts';

export type Pinning = 'none' | 'across' | 'one';

/** What a peer is started with. */
export interface Context {
  readonly pin: Pinning;
  /** Directory for the CPU profiles of Node.js workers. */
  readonly profile: string | undefined;
}

export interface Session extends AsyncDisposable {
  run(workload: WorkloadName, time: Time): Promise<Figures>;
}

export interface Peer {
  readonly title: string;
  /** One sentence for the README: what stands at the two ends. */
  readonly about: string;
  readonly workloads: readonly WorkloadName[];
  /** Brings what `start` needs, once before the first round. What it throws leaves the peer out. */
  prepare?(): void;
  /** Why it cannot run here. */
  missing(): string | undefined;
  versions(): Readonly<Record<string, string>>;
  start(context: Context): Promise<Session>;
}

/** The processors that this process may use, from the kernel; without one no pinning. */
function processors(): number[] {
  try {
    const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
    return list.split(',').flatMap((range) => {
      const [from = NaN, to = from] = range.split('-').map(Number);
      return Array.from({ length: to - from + 1 }, (_, n) => from + n);
    });
  } catch {
    return [];
  }
}

const dieWithUs = ['setpriv', '--pdeathsig', 'KILL'];
let canDieWithUs: boolean | undefined;

/** Starts a process that the kernel ends when we are killed outright, on the processor of its role. */
export function start(
  command: string,
  args: readonly string[],
  role: 'server' | 'client' | 'other',
  pin: Pinning,
): Child {
  canDieWithUs ??= spawnSync('setpriv', [...dieWithUs.slice(1), 'true']).status === 0;
  const line = canDieWithUs ? [...dieWithUs] : [];
  const available = processors();
  if (pin !== 'none' && role !== 'other') {
    if (available.length < 2 || findExecutable('taskset') === undefined)
      throw new Error('--pin needs taskset and two processors');
    line.push('taskset', '-c', String(available[role === 'client' || pin === 'one' ? 0 : 1]));
  }
  const [first = command, ...rest] = [...line, command, ...args];
  return startChild(first, rest, { name: `${role} (${command.split('/').at(-1)} ${args.join(' ').slice(0, 60)})` });
}

/** The next '@' line that a worker says. */
async function answer(child: Child, timeout: number, from: number): Promise<Readonly<Record<string, unknown>>> {
  const [, text = ''] = await child.waitForOutput(/^@(.*)\n/m, timeout, from);
  const value = JSON.parse(text) as Readonly<Record<string, unknown>>;
  if (typeof value['error'] === 'string') throw new Error(`${child.name}: ${value['error']}`);
  return value;
}

/** What the process says when it is ready. */
export async function ready(child: Child, timeout = 20_000): Promise<Address> {
  return (await answer(child, timeout, 0))['ready'] as Address;
}

/** Two (or more) children whose last one runs the workloads. */
export class Pair implements Session {
  readonly #children: readonly Child[];
  readonly #client: Child;

  constructor(client: Child, others: readonly Child[]) {
    this.#client = client;
    this.#children = [client, ...others];
  }

  async run(workload: string, time: Time): Promise<Figures> {
    const from = this.#client.output.length;
    this.#client.write(`${workload} ${time.warmup} ${time.measure}\n`);
    const limit = 40_000 + 5 * (time.warmup + time.measure);
    return (await answer(this.#client, limit, from))['figures'] as Figures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await child.stop();
  }
}

async function worker(
  file: string,
  context: Context,
  role: 'server' | 'client',
  given: Address,
): Promise<{ child: Child; address: Address }> {
  const args = [...profiling(context, file, role), file, role, JSON.stringify(given)];
  const child = start(process.execPath, args, role, context.pin);
  try {
    return { child, address: await ready(child) };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** A worker file whose client needs no server. */
export async function startWorker(file: string, context: Context, given: Address = {}): Promise<Pair> {
  const { child } = await worker(file, context, 'client', given);
  return new Pair(child, []);
}

/**
 * The processes of a worker file: `server` as often as told, each with its number `n` from 1 on, then `client` with what the
 * last of them answers.
 */
export async function startPair(file: string, context: Context, given: Address = {}, servers = 1): Promise<Pair> {
  const children: Child[] = [];
  try {
    let address = given;
    for (let n = 1; n <= servers; n++) {
      const server = await worker(file, context, 'server', { ...given, n });
      children.push(server.child);
      address = server.address;
    }
    const client = await worker(file, context, 'client', address);
    return new Pair(client.child, children);
  } catch (error) {
    for (const child of children) await child.stop();
    throw error;
  }
}

function profiling({ profile }: Context, file: string, role: string): string[] {
  if (profile === undefined) return [];
  const peer = file.split('/').at(-1)?.replace(/\.ts$/, '');
  const name = `${peer}-${role}-${Date.now()}-${randomInt(1e6)}.cpuprofile`;
  return ['--cpu-prof', '--cpu-prof-dir', profile, `--cpu-prof-name=${name}`];
}
