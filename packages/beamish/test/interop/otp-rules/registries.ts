import { Registry } from '../../../src/process/index.ts';
import { float, tuple } from '../../../src/term/index.ts';
import type { Term } from '../../../src/term/index.ts';
import { KILL, OK, type Rules, fate, process, runtime, tried } from './cast.ts';

export const registries: Rules = {
  'Registry: a unique key has one process, and is free when that has ended': async () => {
    const registry = new Registry<number>(runtime, { keys: 'unique' });
    const one = process();
    const a = tried(() => registry.register('k', one, 1));
    const b = tried(() => registry.register('k', process(), 2));
    await fate(one, () => runtime.exit(one, KILL));
    const free = registry.lookup('k').length === 0 ? [] : OK;
    const c = tried(() => registry.register('k', process(), 3));
    return [a, b, free, c, registry.lookup('k').map(({ value }) => value), registry.count()];
  },
  'Registry: duplicate keys, dispatch in the order of registration, values, unregister_match': async () => {
    const registry = new Registry<number>(runtime, { keys: 'duplicate' });
    const pids = [1, 2, 3].map((value) => {
      const pid = process();
      registry.register('t', pid, value);
      return pid;
    });
    let seen: Term = [];
    registry.dispatch('t', (entries) => (seen = entries.map(({ value }) => value)));
    const me = process();
    const both = [10, 20].map((value) => tried(() => registry.register('own', me, value)));
    const twice = registry.lookup('own').length;
    registry.unregisterMatch('own', me, (value) => value === 10);
    const rest = registry.lookup('own').map(({ value }) => value);
    const values = registry.values('t', pids[1]!);
    return await Promise.resolve([seen, values, both, tuple(twice, registry.keys(me).length), rest]);
  },
  'Registry: keys are equal when they are the same term': async () => {
    const registry = new Registry(runtime, { keys: 'unique' });
    const keys = [1, float(1), tuple(1, 'x'), tuple(1, 'x')];
    return await Promise.resolve(keys.map((key) => tried(() => registry.register(key, process()))));
  },
};
