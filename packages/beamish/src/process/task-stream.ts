import { BeamishError } from '../error/index.ts';
import { atom } from '../term/index.ts';
import type { Clock, Timer } from '../world/index.ts';
import type { TaskOutcome, TaskStreamOptions } from './task-types.ts';

type Settings = Required<Pick<TaskStreamOptions, 'maxConcurrency' | 'ordered' | 'timeout' | 'onTimeout'>>;

/** A task, as far as a stream of them needs it. */
interface Started<T> {
  yield(options: { readonly timeout: number }): Promise<TaskOutcome<T> | undefined>;
  shutdown(options: { readonly timeout: 'brutalKill' }): Promise<TaskOutcome<T>>;
}

/** An item on its way: one of at most `maxConcurrency` places. */
interface Place<T> {
  readonly task: Started<T>;
  outcome: TaskOutcome<T> | undefined;
  late: boolean;
  timer: Timer | undefined;
}

const TIMEOUT = atom('timeout');

/** @throws BeamishError `option_invalid` */
export function checkStreamOptions(options: TaskStreamOptions): Settings {
  const { maxConcurrency = 8, ordered = true, timeout = 5000, onTimeout = 'exit' } = options;
  const faults: string[] = [];
  if (maxConcurrency !== Infinity && (!Number.isInteger(maxConcurrency) || maxConcurrency < 1))
    faults.push(`maxConcurrency is ${maxConcurrency}, not an integer from 1 up, nor Infinity`);
  if (!(timeout >= 0)) faults.push(`timeout is ${timeout}: give milliseconds from 0 up, or Infinity`);
  if (onTimeout !== 'exit' && onTimeout !== 'killTask')
    faults.push(`onTimeout is '${String(onTimeout)}', not 'exit' or 'killTask'`);
  if (faults.length > 0) throw new BeamishError('option_invalid', `asyncStream: ${faults.join('; ')}`);
  return { maxConcurrency, ordered, timeout, onTimeout };
}

/** The generator behind `Task.asyncStream`: it waits for whatever comes first, an item, the end of a task or of its time. */
export async function* taskStream<I, T>(
  clock: Clock,
  items: Iterable<I> | AsyncIterable<I>,
  start: (item: I) => Started<T>,
  settings: Settings,
  signal: AbortSignal,
): AsyncGenerator<TaskOutcome<T>, void, undefined> {
  const { maxConcurrency, ordered, timeout, onTimeout } = settings;
  const input = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const places: Place<T>[] = [];
  let changed = Promise.withResolvers<void>();
  let pulling = false;
  /** No more items come: there are none, they failed, or nobody reads any more. */
  let closed = false;
  let failure: { readonly error: unknown } | undefined;

  const tell = (): void => changed.resolve();
  const place = (item: I): void => {
    const one: Place<T> = { task: start(item), outcome: undefined, late: false, timer: undefined };
    places.push(one);
    if (timeout !== Infinity) {
      one.timer = clock.setTimer(timeout, () => {
        one.late = true;
        tell();
      });
    }
    void one.task.yield({ timeout: Infinity }).then((outcome) => {
      one.timer?.cancel();
      one.outcome = outcome;
      tell();
    });
  };
  const pull = async (): Promise<void> => {
    pulling = true;
    try {
      const next = await input.next();
      if (next.done === true) closed = true;
      else if (!closed) place(next.value);
    } catch (error) {
      closed = true;
      failure = { error };
    }
    pulling = false;
    tell();
  };

  signal.addEventListener('abort', tell);
  try {
    for (;;) {
      changed = Promise.withResolvers();
      if (signal.aborted)
        throw new BeamishError('aborted', 'asyncStream: it was given up, or its owner ended', { cause: signal.reason });
      if (failure !== undefined) throw failure.error;
      const late = places.find((one) => one.late && one.outcome === undefined);
      if (late !== undefined) {
        if (onTimeout === 'exit')
          throw new BeamishError('timeout', `asyncStream: the work on an item took more than ${timeout} ms`);
        const outcome = await late.task.shutdown({ timeout: 'brutalKill' });
        late.outcome = outcome.status === 'ok' ? outcome : { status: 'exit', reason: TIMEOUT, error: undefined };
      }
      if (!closed && !pulling && places.length < maxConcurrency) void pull();
      const index = ordered ? 0 : places.findIndex(({ outcome }) => outcome !== undefined);
      const outcome = places[index]?.outcome;
      if (outcome !== undefined) {
        places.splice(index, 1);
        yield outcome;
      } else if (closed && places.length === 0) return;
      else await changed.promise;
    }
  } finally {
    signal.removeEventListener('abort', tell);
    const open = !closed;
    closed = true;
    for (const { timer } of places) timer?.cancel();
    await Promise.all(places.map(({ task }) => task.shutdown({ timeout: 'brutalKill' })));
    // an item that is awaited may never come: then nobody waits for the end of the items either
    const closing = open ? Promise.resolve(input.return?.()) : undefined;
    if (pulling) closing?.catch(() => {});
    else await closing;
  }
}
