/** Let it crash: a supervisor starts a crashed server again, with a fresh state, and its name leads to the new one. */
import { child, GenServer, realWorld, Runtime } from 'beamish';

class Cache extends GenServer {
  readonly #entries = new Map<string, string>();
  put(key: string, value: string): void {
    if (value === '') throw new Error('an empty value corrupts the cache'); // not foreseen: the state is not to be trusted
    this.#entries.set(key, value);
  }
  get(key: string): string | null {
    return this.#entries.get(key) ?? null;
  }
}

const runtime = new Runtime({ world: { ...realWorld({ log: { level: 'silent' } }) } });
await runtime.startSupervisor({
  strategy: 'one_for_one',
  children: [child(Cache, [], { name: 'cache' })],
});

const cache = runtime.ref<Cache>('cache');
await cache.put('city', 'Bern');
console.log(await cache.get('city'));
await cache.put('city', '').catch((error: { code: string }) => console.log(error.code));
// The restart is quick, not instant: a call by name in between would be refused with `noproc`.
while (runtime.whereis('cache') === undefined) await runtime.world.clock.sleep(1);
console.log(await cache.get('city'));
await runtime.stop();

// prints:
// Bern
// process_exited
// null
