/** Processes that other nodes do not reach: `{ remote: false }`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { child, GenServer, type ServerRef } from '../../src/process/index.ts';
import { atom, type Pid, type Term } from '../../src/term/index.ts';
import { eventually } from '../support/eventually.ts';
import { testCluster } from './nodes.ts';

const options = { timeout: 60_000 };

class Vault extends GenServer {
  readonly #heard: Term[];
  constructor(heard: Term[]) {
    super();
    this.#heard = heard;
  }
  secret(): string {
    return 'secret';
  }
  override handleInfo(message: Term): void {
    this.#heard.push(message);
  }
  /** A call from here to another node. */
  async ask(other: string): Promise<Term> {
    return this.process.call({ name: 'echo', node: other }, atom('hello'));
  }
  linkTo(pid: Pid): void {
    this.process.link(pid);
  }
}

const noproc = (error: unknown): boolean => isBeamishError(error, 'noproc');

test(
  'by name and by pid it is nobody to others; here, and for its own calls, it is as any other',
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const a = await cluster.start('a@127.0.0.1');
    const b = await cluster.start('b@127.0.0.1');
    const heard: Term[] = [];
    const vault = await a.node.spawn(Vault, [heard], { name: 'vault', remote: false });
    const pid = vault.pid as Pid;
    await b.node.connect(a.node.name);
    const { runtime } = b.node;
    for (const to of [{ name: 'vault', node: a.node.name }, pid]) {
      await assert.rejects(runtime.call(to, 'secret'), noproc);
      const downs: Term[] = [];
      runtime.monitor(to, (reason) => downs.push(reason));
      await eventually(() => downs.length === 1);
      assert.deepEqual(downs, [atom('noproc')]);
      runtime.send(to, 'gossip');
    }
    await assert.rejects(b.node.at(a.node.name).ref<Vault>('vault').secret(), noproc);
    const broken: Term[] = [];
    runtime.spawn(
      { init: (self) => self.link(pid), handle() {}, exit: (_, reason) => void broken.push(reason) },
      { trapExit: true },
    );
    await eventually(() => broken.length === 1);
    assert.deepEqual(broken, [atom('noproc')]);
    runtime.exit(pid, atom('kill'));
    // Behind all of it, on the same connection.
    a.node.runtime.spawn({ handle: (message) => void heard.push(message) }, { name: 'last' });
    runtime.send({ name: 'last', node: a.node.name }, 'last');
    await eventually(() => heard.length === 1);
    assert.deepEqual(heard, ['last']);
    assert.equal(await vault.secret(), 'secret');
    // From here on it is the one that begins.
    const { pid: partner } = runtime.spawn({ handle() {} });
    await vault.linkTo(partner);
    runtime.exit(partner, atom('kill'));
    await eventually(() => !a.node.runtime.isAlive(pid), { describe: () => 'its own link ends it' });
  },
);

class Echo extends GenServer {
  hello(): string {
    return 'answered';
  }
}

test(
  'it calls other nodes and gets their answers; so does one below a supervisor that is not reached either',
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const a = await cluster.start('a@127.0.0.1');
    const b = await cluster.start('b@127.0.0.1');
    await b.node.spawn(Echo, [], { name: 'echo' });
    const top = await a.node.runtime.startSupervisor(
      { strategy: 'one_for_one', children: [child(Vault, [[]], { name: 'vault', remote: false })] },
      { name: 'top', remote: false },
    );
    const vault: ServerRef<Vault> = a.node.ref('vault');
    assert.equal(await vault.ask(b.node.name), 'answered');
    for (const name of ['top', 'vault'])
      await assert.rejects(b.node.runtime.call({ name, node: a.node.name }, atom('which_children')), noproc);
    b.node.runtime.exit(top.pid, atom('kill'));
    await assert.rejects(b.node.runtime.call(top.pid, atom('which_children')), noproc);
    assert.equal(await vault.secret(), 'secret');
  },
);
