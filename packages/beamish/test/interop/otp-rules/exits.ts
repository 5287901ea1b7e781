import { atom, isTuple, tuple } from '../../../src/term/index.ts';
import type { Term } from '../../../src/term/index.ts';
import { KILL, OK, SIGNALS, type Rules, collector, each, fate, process, runtime, time } from './cast.ts';

export const exits: Rules = {
  'exit/1: the reason that monitors see': () =>
    each(SIGNALS, (reason) =>
      fate(
        process((self) => self.exit(reason)),
        (pid) => runtime.send(pid, OK),
      ),
    ),
  'exit/2 to a process that does not trap': () =>
    each(SIGNALS, (reason) => fate(process(), (pid) => runtime.exit(pid, reason))),
  'exit/2 to a process that traps': () =>
    each(SIGNALS, async (reason) => {
      const { pid, got } = collector();
      const end = await fate(pid, () => runtime.exit(pid, reason));
      return reason === KILL ? end : got[0];
    }),
  'exit/2 to itself': () =>
    each(SIGNALS, (reason) =>
      fate(
        process((self) => self.exitProcess(self.pid, reason)),
        (pid) => runtime.send(pid, OK),
      ),
    ),
  'exit/2 to itself, trapping': () =>
    each(SIGNALS.slice(0, 4), async (reason) => {
      const { got } = collector((self) => self.exitProcess(self.pid, reason));
      await time(1);
      return got[0];
    }),
  'a link: what the end of one does to the other': () =>
    each(SIGNALS, (reason) => {
      const one = process();
      const other = process((self) => {
        self.link(one);
        self.exit(reason);
      });
      return fate(one, () => runtime.send(other, OK));
    }),
  'a link: what the end of one says to the other that traps': () =>
    each(SIGNALS, async (reason) => {
      const { pid, got } = collector();
      const other = process((self) => {
        self.link(pid);
        self.exit(reason);
      });
      runtime.send(other, OK);
      await time(1);
      return got[0];
    }),
  'kill goes on along a chain of links as killed': async () => {
    const [a, b, c] = [process(), process(), process()];
    const d = collector((self) => self.link(c));
    runtime.link(b, c);
    runtime.link(a, b);
    await time(1);
    const ends = [fate(a), fate(b), fate(c)];
    runtime.exit(a, KILL);
    return [...(await Promise.all(ends)), (d.got[0] as { at(index: number): Term } | undefined)?.at(1)];
  },
  'link/1 to a process that is not there': async () => {
    const dead = process();
    await fate(dead, () => runtime.exit(dead, KILL));
    const { got } = collector((self) => self.link(dead));
    const end = await fate(
      process((self) => self.link(dead)),
      (pid) => runtime.send(pid, OK),
    );
    return [end, got[0]];
  },
  'unlink/1: nothing of the other’s end arrives': () => {
    const one = process();
    const other = process((self) => {
      self.link(one);
      self.unlink(one);
      self.exit(atom('boom'));
    });
    return fate(one, () => runtime.send(other, OK));
  },
  'monitor/2: one DOWN for each, also for the dead and for names': async () => {
    const reasons: Term[] = [];
    const dying = process();
    const watcher = runtime.spawn({
      handle: (message, self) => {
        if (isTuple(message, 5)) reasons.push(message.at(4));
        else if (message === 1) for (let i = 0; i < 3; i++) self.monitor(dying);
        else for (const target of [dying, 'nobody']) self.monitor(target);
      },
    });
    watcher.send(1);
    await time(1);
    runtime.exit(dying, atom('boom'));
    await time(1);
    watcher.send(2);
    await time(1);
    return [...reasons, atom('no_more')];
  },
  'demonitor/2 with flush takes a DOWN that is there': async () => {
    const dead = process();
    runtime.exit(dead, KILL);
    const { got } = collector((self) => self.demonitor(self.monitor(dead), { flush: true }));
    await time(20);
    return got[0] ?? atom('nothing');
  },
  'signals of one sender keep their order: messages and exits': async () => {
    const { pid, got } = collector();
    for (const n of [1, 2, 3]) {
      runtime.send(pid, tuple(atom('before'), n));
      runtime.exit(pid, tuple(atom('signal'), n));
    }
    await time(1);
    return got;
  },
};
