/** Two Beamish nodes that find each other again and again, and others that come and go (beamish-member-worker.ts). */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Groups } from '../../packages/beamish/src/groups/index.ts';
import { Node } from '../../packages/beamish/src/node/index.ts';
import { atom, type Pid } from '../../packages/beamish/src/term/index.ts';
import type { Child } from '../../packages/beamish/test/support/children.ts';
import { samples, type Figures, type Time } from '../harness/loops.ts';
import { start as startProcess } from '../harness/pair.ts';
import { serve, type Address } from '../harness/serve.ts';

const scope = 'bench';
const ask = atom('ask');
const answer = atom('answer');
const witness = 'bench_witness';
const member = fileURLToPath(new URL('beamish-member-worker.ts', import.meta.url));
let running: Node | undefined;

async function start(role: string, given: Address): Promise<{ node: Node; groups: Groups; pid: Pid }> {
  const node = await Node.start({
    name: `bench_${role}@127.0.0.1`,
    cookie: 'bench',
    epmd: { port: Number(given['epmd']), bind: '127.0.0.1', embedded: role === 'server' ? 'always' : 'never' },
  });
  running = node;
  const { pid } = node.runtime.spawn({ handle: () => {} });
  return { node, groups: await Groups.start(node, scope), pid };
}

/** Resolves with the next event that fits. */
function next<E>(
  watch: (listener: (event: E) => void) => { cancel(): void },
  fits: (event: E) => boolean,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watching = watch((event) => {
    if (!fits(event)) return;
    watching.cancel();
    resolve();
  });
  return promise;
}

const nextNode = (node: Node, type: 'nodeup' | 'nodedown', name: string): Promise<void> =>
  next(
    (listener: Parameters<Node['monitorNodes']>[0]) => node.monitorNodes(listener),
    (event) => event.type === type && event.node === name,
  );

const nextMember = (groups: Groups, type: 'join' | 'leave'): Promise<void> =>
  next(
    (listener: Parameters<Groups['monitor']>[1]) => groups.monitor(answer, listener),
    (event) => event.type === type,
  );

/** Starts members whose nodes are to see `seeds`; without `go` they wait for the word. */
async function members(
  given: Address,
  names: readonly string[],
  seeds: readonly string[],
  go: boolean,
): Promise<Child[]> {
  const children = names.map((name) =>
    startProcess(process.execPath, [member, JSON.stringify({ name, seeds, epmd: given['epmd'], go })], 'other', 'none'),
  );
  await Promise.all(children.map((child) => child.waitForOutput(/^@ready/m, 20_000)));
  return children;
}

const seen = (children: readonly Child[], from: readonly number[]): Promise<unknown> =>
  Promise.all(children.map((child, n) => child.waitForOutput(/^@seen/m, 20_000, from[n])));

/** ms from the word, or from the start of the processes, until each of three nodes sees the other two. */
async function together(given: Address, time: Time): Promise<Figures> {
  const names = [1, 2, 3].map((n) => `bench_member${n}@127.0.0.1`);
  const started = performance.now();
  const children = await members(given, names, names, true);
  try {
    await seen(children, [0, 0, 0]);
    const cold = performance.now() - started;
    const again = async (): Promise<number> => {
      const stopping = children.map((child) => child.output.length);
      for (const child of children) child.write('stop\n');
      await Promise.all(children.map((child, n) => child.waitForOutput(/^@stopped/m, 20_000, stopping[n])));
      const from = children.map((child) => child.output.length);
      const start = performance.now();
      for (const child of children) child.write('go\n');
      await seen(children, from);
      return performance.now() - start;
    };
    const { p50 = NaN } = await samples(again, { warmup: 0, measure: time.measure });
    return { warm: p50 / 1000, cold };
  } finally {
    for (const child of children) child.kill();
  }
}

/** ms from the SIGKILL of another process, whose node is connected, to nodedown. */
async function kill(node: Node, given: Address, time: Time): Promise<Figures> {
  const names = [1, 2, 3].map((n) => `bench_victim${n}@127.0.0.1`);
  const victims: { name: string; child: Child }[] = [];
  const sample = async (): Promise<number> => {
    if (victims.length === 0) {
      const children = await members(given, names, [node.name], true);
      await seen(children, [0, 0, 0]);
      victims.push(...children.map((child, n) => ({ name: names[n] ?? '', child })));
    }
    const victim = victims.pop() as (typeof victims)[number];
    const down = nextNode(node, 'nodedown', victim.name);
    const start = performance.now();
    victim.child.kill('SIGKILL');
    await down;
    const taken = performance.now() - start;
    await victim.child.exited;
    return taken;
  };
  try {
    const { p50 = NaN } = await samples(sample, time);
    return { p50: p50 / 1000 };
  } finally {
    for (const { child } of victims) child.kill();
  }
}

await serve({
  async server(given) {
    const { node, groups, pid } = await start('server', given);
    groups.monitor(ask, ({ type }) => (type === 'join' ? groups.join(answer, pid) : groups.leave(answer, pid)));
    node.monitorNodes(({ type, node: name }) => {
      if (type === 'nodeup') node.runtime.send({ name: witness, node: name }, atom('up'));
    });
    return { ...given, node: node.name };
  },
  async client(server) {
    const { node, groups, pid } = await start('client', server);
    const other = String(server['node']);
    let told = (): void => {};
    node.runtime.spawn({ handle: () => told() }, { name: witness });
    await node.connect(other);

    const join = async (): Promise<number> => {
      const joined = nextMember(groups, 'join');
      const start = performance.now();
      groups.join(ask, pid);
      await joined;
      const taken = performance.now() - start;
      const left = nextMember(groups, 'leave');
      groups.leave(ask, pid);
      await left;
      return taken / 2;
    };
    const connect = async (): Promise<number> => {
      await delay(30); // as between two erl nodes
      const down = nextNode(node, 'nodedown', other);
      node.disconnect(other);
      await down;
      await delay(5); // for the other side to see it too
      const witnessed = new Promise<void>((resolve) => (told = resolve));
      const up = nextNode(node, 'nodeup', other);
      const start = performance.now();
      await Promise.all([node.connect(other), up, witnessed]);
      return performance.now() - start;
    };
    return {
      pgJoin: (time) => samples(join, time),
      connect: (time) => samples(connect, time),
      together: (time) => together(server, time),
      kill: (time) => kill(node, server, time),
    };
  },
  stop: () => running?.stop(),
});
