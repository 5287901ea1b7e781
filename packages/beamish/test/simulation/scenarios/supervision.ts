import assert from 'node:assert/strict';
import { isBeamishError } from '../../../src/error/index.ts';
import {
  child,
  GenServer,
  Runtime,
  supervisor,
  type ChildSpec,
  type Strategy,
  type SupervisorSpec,
} from '../../../src/process/index.ts';
import type { SeededRandom } from '../../../src/simulation/index.ts';
import { atom } from '../../../src/term/index.ts';
import type { Scenario } from './scenario.ts';

/** A worker that starts slowly or fails to, and crashes when it is told to. */
class Worker extends GenServer {
  readonly #name: string;
  readonly #state: World;
  constructor(name: string, state: World) {
    super();
    this.#name = name;
    this.#state = state;
  }
  protected override async init(): Promise<void> {
    const { random, alive } = this.#state;
    if (random.chance(0.3)) await this.process.sleep(random.below(50));
    if (!this.#state.calm && random.chance(0.05)) throw new Error(`${this.#name} does not want to start`);
    alive.set(this.#name, (alive.get(this.#name) ?? 0) + 1);
    if ((alive.get(this.#name) ?? 0) > 1) this.#state.fail(`two of ${this.#name} live`);
    this.process.signal.addEventListener('abort', () => alive.set(this.#name, (alive.get(this.#name) ?? 0) - 1));
  }
  echo(value: number): number {
    return value;
  }
  crash(): never {
    throw new Error('told to');
  }
  quit(): void {
    this.process.exit(atom('normal'));
  }
  protected override async terminate(): Promise<void> {
    if (this.#state.random.chance(0.2)) await this.process.sleep(this.#state.random.below(300)).catch(() => {});
  }
}

interface World {
  readonly random: SeededRandom;
  /** How many processes of a name have begun and not ended. */
  readonly alive: Map<string, number>;
  calm: boolean;
  fail(why: string): void;
}

/** Trees of supervisors, drawn from the seed, whose workers crash: each is there once, and in the end each is there. */
export const supervision: Scenario = {
  name: 'supervision',
  checks: 'trees of supervisors whose workers crash: each is there once, and in the end each is there',
  nodes: 1,
  faults: { types: ['pause', 'jump', 'drift'], count: 3, until: 5000 },
  async run(world) {
    const random = world.random.fork('trees');
    const names: string[] = [];
    const spec = (state: World, path: string, depth: number): SupervisorSpec => {
      const children: ChildSpec[] = [];
      const count = 1 + random.below(4);
      for (let index = 0; index < count; index++) {
        const name = `${path}.${index}`;
        if (depth > 0 && random.chance(0.4)) {
          const nested = spec(state, name, depth - 1);
          children.push(supervisor(name, nested));
        } else {
          names.push(name);
          children.push(
            child(Worker, [name, state], {
              id: name,
              name,
              restart: 'permanent',
              shutdown: random.pick([50, 500, 'brutalKill']),
            }),
          );
        }
      }
      const strategy = random.pick<Strategy>(['one_for_one', 'one_for_all', 'rest_for_one']);
      return { strategy, maxRestarts: 10_000, maxSeconds: 1, children };
    };
    const program = world.start(async (host) => {
      const runtime = new Runtime({ world: host.world });
      const state: World = {
        random: random.fork('workers'),
        alive: new Map(),
        calm: false,
        fail: (why) => world.fail(new Error(why)),
      };
      const tree = spec(state, 't', 2);
      for (;;) {
        try {
          await runtime.startSupervisor(tree, { name: 'top' });
          return { runtime, state };
        } catch {
          // one did not want to start: then none has
          for (const [name, count] of state.alive) assert.equal(count, 0, name);
        }
      }
    });
    await world.until(() => program.complete);
    const [started] = program.all();
    assert.ok(started);
    const { runtime, state } = started;
    for (let round = 0; round < 100; round++) {
      await world.sleep(random.below(100));
      const name = random.pick(names);
      const worker = runtime.ref<Worker>(name).with({ timeout: 2000 });
      const how = random.below(4);
      const told = how === 0 ? worker.crash() : how === 1 ? worker.quit() : how === 2 ? worker.echo(round) : undefined;
      if (told === undefined) {
        const pid = runtime.whereis(name);
        if (pid !== undefined) runtime.exit(pid, atom('kill'));
      } else {
        told
          .then(
            (value) => how !== 2 || assert.equal(value, round),
            (error: unknown) => assert.ok(isBeamishError(error), String(error)),
          )
          .catch((error: unknown) => world.fail(error));
      }
    }
    state.calm = true;
    const top = runtime.whereis('top');
    assert.ok(top !== undefined, 'the tree has ended, though it may restart ten thousand times a second');
    world.eventually('every worker is there, once', () => {
      for (const name of names) {
        assert.equal(state.alive.get(name), 1, name);
        assert.ok(runtime.whereis(name) !== undefined, name);
      }
    });
  },
};
