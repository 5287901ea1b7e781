import assert from 'node:assert/strict';
import { isBeamishError } from '../../../src/error/index.ts';
import { GenServer } from '../../../src/process/index.ts';
import { atom, tuple } from '../../../src/term/index.ts';
import type { Term } from '../../../src/term/index.ts';
import { EXIT, KILL, OK, type Rules, collector, each, events, failure, fate, process, runtime, time } from './cast.ts';
import { Child, server } from './child.ts';

class Continuing extends GenServer {
  readonly #log: Term[];
  constructor(log: Term[]) {
    super();
    this.#log = log;
  }
  protected override init(): void {
    this.process.send(this.process.pid, atom('info'));
    this.continueWith(atom('continue'));
  }
  protected override handleContinue(argument: Term): void {
    this.#log.push(argument);
  }
  protected override handleInfo(message: Term): void {
    this.#log.push(message);
  }
}

class Hanging extends GenServer {
  protected override init(): Promise<void> {
    return new Promise(() => {});
  }
}

export const servers: Rules = {
  'calls, casts and messages of one sender keep their order': async () => {
    const log: Term[] = [];
    const { pid } = await server(log);
    for (const n of [1, 2, 3, 4]) {
      runtime.send(pid!, tuple(atom('info'), n));
      runtime.cast(pid!, tuple(atom('cast'), n));
      await runtime.call(pid!, tuple(atom('call'), n));
    }
    return log.slice(1);
  },
  'continue comes before any message': async () => {
    const log: Term[] = [];
    await runtime.startServer(Continuing, [log]);
    return await events(log);
  },
  'a call that times out leaves no stray reply': async () => {
    const slow = await server([]);
    const { pid, got } = collector((self) => {
      void self
        .ref<Child>(slow.pid!)
        .with({ timeout: 50 })
        .sleep(200)
        .catch((error: unknown) => {
          if (isBeamishError(error, 'timeout')) self.send(self.pid, atom('timeout'));
        });
    });
    await time(600);
    const waiting = runtime.processes().find((one) => one.pid.equals(pid))?.mailbox;
    assert.equal(got.length, 1);
    return tuple(got[0], waiting);
  },
  'what a caller is told of a server that is not there, or ends': async () => {
    const [dying, killed] = [await server([]), await server([])];
    const nobody = await failure(runtime.call('nobody', OK));
    const boom = await failure(dying.exit(atom('boom')));
    const waiting = failure(killed.sleep(1000));
    runtime.exit(killed.pid!, KILL);
    return [nobody, boom, await waiting, await failure(runtime.call(killed.pid!, OK))];
  },
  'stop with a reply: the reply goes out, then the end': async () => {
    const log: Term[] = [];
    const { pid, bye } = await server(log);
    const end = fate(pid!);
    const reply = await bye();
    return [reply, await end, ...log.slice(1)];
  },
  'terminate/2 runs after stop, after an end by its own, and on the parent’s exit; not on kill': () =>
    each(['asked', 'own', 'parent', 'kill', 'stranger'], async (how) => {
      const log: Term[] = [];
      const parent = process((self, message) => self.exit(message));
      const { pid } = await runtime.startServer(Child, [log, 's'], { link: parent, parent });
      if (how === 'asked' || how === 'own') runtime.cast(pid!, tuple(EXIT, atom(how)));
      else if (how === 'parent') runtime.send(parent, atom('parent_ended'));
      else runtime.exit(pid!, how === 'kill' ? KILL : atom('strange'));
      return (await events(log)).slice(1);
    }),
  'an init that hangs ends with its time': async () =>
    tuple(atom('error'), await failure(runtime.startServer(Hanging, [], { startTimeout: 50 }))),
};
