import assert from 'node:assert/strict';
import { isBeamishError } from '../../../src/error/index.ts';
import { Node } from '../../../src/node/index.ts';
import { ALIAS, CALLS } from '../../../src/node/flags.ts';
import {
  CallRejected,
  child,
  GenServer,
  NO_REPLY,
  type From,
  type ProcessContext,
} from '../../../src/process/index.ts';
import type { Host, Simulation } from '../../../src/simulation/index.ts';
import { atom, formatTerm, isTuple, tuple, type Term } from '../../../src/term/index.ts';
import { withoutFlags } from './older.ts';
import { SETTLED_WITHIN, TICK_TIME, type Scenario } from './scenario.ts';

const CALLERS = 3;
/** Milliseconds that a timer may come late. */
const LATE = 10;
const GO = atom('go');

/** What everybody knows of everything that was asked. */
interface Book {
  readonly world: Simulation;
  /** By the call, how often it was executed. */
  readonly executed: Map<string, number>;
  /** By caller and life of the server: the number of the last request. */
  readonly last: Map<string, number>;
}

/** Once at most, and in the order of its sender. */
function enter(
  { world, executed, last }: Book,
  id: string,
  from?: { readonly line: string; readonly number: number },
): void {
  if (executed.has(id)) world.fail(new Error(`${id} was executed twice`));
  executed.set(id, 1);
  if (from === undefined) return;
  const before = last.get(from.line) ?? 0;
  if (from.number <= before) world.fail(new Error(`${from.line}: request ${from.number} after ${before}`));
  last.set(from.line, from.number);
}

/** Answers at once, later, never; refuses, crashes. */
class Desk extends GenServer {
  readonly #book: Book;
  readonly #host: Host;
  constructor(book: Book, host: Host) {
    super();
    this.#book = book;
    this.#host = host;
  }
  answer(id: string, caller: string, number: number): string {
    this.#enter(id, caller, number);
    return id;
  }
  answerLater(id: string, caller: string, number: number, after: number): string | typeof NO_REPLY {
    this.#enter(id, caller, number);
    const from = this.from as From;
    // The timer is the process's own: of a server that ends meanwhile nothing comes.
    if (after > 0) this.process.setTimer(after, tuple(from, id));
    return NO_REPLY;
  }
  answerTwice(id: string, caller: string, number: number): string {
    this.#enter(id, caller, number);
    this.reply(this.from as From, id);
    return 'the second answer';
  }
  refuse(id: string, caller: string, number: number): never {
    this.#enter(id, caller, number);
    throw new CallRejected(id);
  }
  crash(id: string, caller: string, number: number): never {
    this.#enter(id, caller, number);
    throw new Error(id);
  }
  whoami(): string {
    return this.#host.nodeName;
  }
  protected override handleInfo(message: Term): void {
    assert.ok(isTuple(message, 2));
    this.reply(message.at(0) as From, message.at(1));
  }
  #enter(id: string, caller: string, number: number): void {
    enter(this.#book, id, { line: `${caller} to ${this.#host.name}#${this.#host.life.number}`, number });
  }
}

interface Asked {
  readonly by: Host['life'];
  readonly id: string;
  settled: boolean;
}

/**
 * Calls of every kind between nodes of which some speak the one-message form of calls, some only OTP's four messages, some OTP's
 * from before aliases: each call settles once, in time, with what belongs to it, and leaves nothing behind.
 */
export const calls: Scenario = {
  name: 'calls',
  checks:
    'calls of every kind settle once, with what is theirs; requests are executed at most once and in order; nothing of a call is left',
  nodes: 3,
  faults: {
    types: ['crash', 'pause', 'cut', 'isolate', 'partition', 'delay', 'reset', 'jump', 'drift'],
    count: 5,
    from: 50,
    until: 5000,
  },
  async run(world) {
    const book: Book = { world, executed: new Map(), last: new Map() };
    const asked: Asked[] = [];
    let calm = false;
    const lacks = new Map(world.hosts.map((host) => [host, world.random.pick([0n, 0n, CALLS, CALLS | ALIAS])]));

    const program = world.start(async (host) => {
      const node = await Node.start({
        name: host.nodeName,
        cookie: 'simulated',
        plaintext: true,
        epmd: { port: 4369 },
        world: withoutFlags(host.world, lacks.get(host) ?? 0n),
        host: host.address,
        tickTime: TICK_TIME,
        setupTime: 3000,
      });
      node.expose('sim', {
        run: (id) => (enter(book, id as string), id),
        fail: (id) => {
          enter(book, id as string);
          throw new Error(id as string);
        },
        each: (id) => (enter(book, `${id as string} on ${node.name}`), node.name),
        slow: async (id, after) => (enter(book, id as string), await host.world.clock.sleep(after as number), id),
      });
      await node.runtime.startSupervisor({
        strategy: 'one_for_one',
        maxRestarts: 10_000,
        children: [child(Desk, [book, host], { id: 'desk', name: 'desk' })],
      });
      for (let index = 0; index < CALLERS; index++) spawnCaller(node, host, index);
      return { node, host };
    });

    /** Its mailbox gets its own timer and nothing else: a reply that nobody waits for is no message. */
    function spawnCaller(node: Node, host: Host, index: number): void {
      const caller = `${host.name}#${host.life.number}.${index}`;
      let number = 0;
      const { random } = host.world;
      const { pid } = node.runtime.spawn({
        init: (self) => void self.setTimer(random.below(200), GO),
        async handle(message, self) {
          if (message !== GO) world.fail(new Error(`${caller} got ${formatTerm(message)}, which it never asked for`));
          self.setTimer(calm ? 20_000 : 1 + random.below(300), GO);
          const request = new Request(self, node, host, `${caller}/${++number}`, caller, number);
          // Most of them are not awaited, so that several are on their way.
          if (random.below(4) === 0) await request.run();
          else void request.run();
        },
      });
      // Another begins where it ends: its calls are given up.
      if (random.below(2) === 0)
        host.world.clock.setTimer(random.below(4000), () => {
          node.runtime.exit(pid, atom('kill'));
          spawnCaller(node, host, index + CALLERS);
        });
    }

    class Request {
      readonly #self: ProcessContext;
      readonly #node: Node;
      readonly #host: Host;
      readonly #id: string;
      readonly #line: readonly [id: string, caller: string, number: number];
      constructor(self: ProcessContext, node: Node, host: Host, id: string, caller: string, number: number) {
        this.#self = self;
        this.#node = node;
        this.#host = host;
        this.#id = id;
        this.#line = [id, caller, number];
      }

      async run(): Promise<void> {
        const { random } = this.#host.world;
        const peer = world.hosts[random.below(world.hosts.length)] as Host;
        const timeout = random.below(3) === 0 ? 1 + random.below(30) : 1000;
        const desk = this.#self.ref<Desk>({ name: 'desk', node: peer.nodeName }).with({ timeout });
        const choice = random.below(15);
        if (choice < 4) await this.#call(timeout, desk.answer(...this.#line), this.#id);
        else if (choice < 6) await this.#call(timeout, desk.answerLater(...this.#line, random.below(40)), this.#id);
        else if (choice === 6) await this.#call(timeout, desk.answerTwice(...this.#line), this.#id);
        else if (choice === 7) await this.#call(timeout, desk.refuse(...this.#line), undefined);
        else if (choice === 8 && random.below(3) === 0) await this.#call(timeout, desk.crash(...this.#line), undefined);
        else if (choice === 9) desk.cast.answer(...this.#line);
        else if (choice === 10) await this.#multi(timeout);
        else if (choice === 11) await this.#rpc(peer, timeout);
        else if (choice === 12) await this.#rex(peer, timeout);
        else if (choice === 13) await this.#multicall(timeout);
        else await this.#aborted(peer);
      }

      /** @param expected what it resolves with, undefined: nothing, it must reject */
      async #call(timeout: number, call: Promise<unknown>, expected: unknown, slack = LATE): Promise<void> {
        const { clock } = this.#host.world;
        const { pauses } = this.#host;
        const began = clock.monotonicTime();
        const entry: Asked = { by: this.#host.life, id: this.#id, settled: false };
        asked.push(entry);
        const wrong = (what: string): void => world.fail(new Error(`${this.#id}: ${what}`));
        try {
          const value = await call;
          assert.deepEqual(value, expected, `${this.#id} was answered with what belongs to another`);
          if (!book.executed.has(this.#id)) wrong('an answer, and it was never executed');
        } catch (error) {
          if (!isBeamishError(error)) wrong(String(error));
          else if (error.code === 'call_rejected' || error.code === 'remote_error') {
            if (!error.message.includes(this.#id) || expected !== undefined) wrong(`refused with ${error.message}`);
          } else if (!['timeout', 'noconnection', 'noproc', 'process_exited', 'aborted'].includes(error.code))
            wrong(`ended with ${error.code}: ${error.message}`);
        }
        entry.settled = true;
        const took = clock.monotonicTime() - began;
        if (took > timeout + slack && this.#host.pauses === pauses) wrong(`took ${took} ms of ${timeout}`);
      }

      /** Each node is in the replies or in the bad ones, and never in both; what it executes it may do on each node once. */
      async #multi(timeout: number): Promise<void> {
        const nodes = world.hosts.map(({ nodeName }) => nodeName);
        const of = this.#node.runtime;
        const { replies, badNodes } = await of
          .multiRef<Desk>(nodes, 'desk', { timeout })
          .whoami()
          .catch((error: unknown) => {
            if (isBeamishError(error, 'aborted') || isBeamishError(error, 'closed'))
              return { replies: [], badNodes: nodes };
            throw error;
          });
        assert.deepEqual([...replies.map(({ node }) => node), ...badNodes].toSorted(), nodes.toSorted());
        for (const { node, reply } of replies) assert.equal(reply, node);
      }

      /** An outcome for each node, in the order of the nodes, and in each what that node did, once. */
      async #multicall(timeout: number): Promise<void> {
        const nodes = world.hosts.map(({ nodeName }) => nodeName);
        const call = this.#node.multicall(nodes, 'sim', 'each', [this.#id], { timeout }).then((outcomes) => {
          assert.deepEqual(
            outcomes.map(({ node }) => node),
            nodes,
          );
          for (const outcome of outcomes) {
            if (outcome.error === undefined) assert.equal(outcome.value, outcome.node);
            else if (!['timeout', 'noconnection', 'aborted'].includes(outcome.error.code)) throw outcome.error;
          }
        });
        book.executed.set(this.#id, 0);
        await this.#call(timeout, call, undefined);
      }

      async #rpc(peer: Host, timeout: number): Promise<void> {
        const remote = this.#node.at(peer.nodeName);
        const { random } = this.#host.world;
        const kind = random.below(4);
        if (kind === 0) {
          const cast = { module: 'erpc', function: 'execute_cast', arguments: [atom('sim'), atom('run'), [this.#id]] };
          await this.#node.runtime.requestSpawn(peer.nodeName, cast, { timeout }).catch(() => {});
        } else if (kind === 1) await this.#call(timeout, remote.rpc('sim', 'fail', [this.#id], { timeout }), undefined);
        else if (kind === 2) await this.#call(timeout, remote.rpc('sim', 'run', [this.#id], { timeout }), this.#id);
        else await this.#call(timeout, remote.rpc('sim', 'slow', [this.#id, random.below(60)], { timeout }), this.#id);
      }

      async #rex(peer: Host, timeout: number): Promise<void> {
        const request = tuple(atom('call'), atom('sim'), atom('run'), [this.#id], this.#self.pid);
        await this.#call(
          timeout,
          this.#self.call({ name: 'rex', node: peer.nodeName }, request, { timeout }),
          this.#id,
        );
      }

      async #aborted(peer: Host): Promise<void> {
        const controller = new AbortController();
        const after = this.#host.world.random.below(20);
        const options = { timeout: 1000, signal: controller.signal };
        const desk = this.#self.ref<Desk>({ name: 'desk', node: peer.nodeName }).with(options);
        this.#host.world.clock.setTimer(after, () => controller.abort());
        await this.#call(after, desk.answer(...this.#line), this.#id);
      }
    }

    let last: readonly Asked[] | undefined;
    world.eventually('every call has settled', () => {
      calm = true;
      last ??= [...asked];
      const open = last.filter(({ by, settled }) => !by.over && !settled);
      assert.deepEqual(
        open.map(({ id }) => id),
        [],
      );
    });
    world.eventually(
      'nothing of a call is left: nobody watches the servers any more',
      () => {
        assert.ok(program.complete, 'not every program has started');
        for (const { node } of program.all()) {
          const desk = node.runtime.processes().find(({ name }) => name === 'desk');
          assert.equal(desk?.watchers, 0, `watchers of the desk of ${node.name}`);
        }
      },
      { within: SETTLED_WITHIN },
    );
    await world.until(() => program.complete, { within: 120_000 });
  },
};
