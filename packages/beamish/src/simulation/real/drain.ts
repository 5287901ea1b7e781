/**
 * The one thing of Node that a simulation needs and that has no public name: running every pending `process.nextTick` and
 * promise job now. `process._tickCallback` has been there since Node 0.10 and is what every event loop phase itself calls; one call
 * with nothing pending costs 15 ns, a turn of the real event loop 850 ns, and inside one turn nothing foreign can run in
 * between. In a promise job it does nothing: call it from the loop only.
 */
const tick = (process as unknown as { readonly _tickCallback?: () => void })._tickCallback;

export function drainMicrotasks(): void {
  if (tick === undefined)
    throw new Error(
      `this JavaScript engine (${process.version}) cannot be simulated on: it has no process._tickCallback`,
    );
  tick.call(process);
}

/** A turn of the real event loop, taken before anything can guard it. */
export const realTurn: (callback: () => void) => void = setImmediate;

/** Real milliseconds: for figures about a run and for bounding the search for a smaller one, never for the run itself. */
export const realTime: () => number = performance.now.bind(performance);
