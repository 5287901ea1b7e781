import { renderChart } from './chart.ts';
import { SimulationFailure, Violation } from './failure.ts';
import { endOf, randomFaults, type Fault, type RandomFaults } from './faults.ts';
import type { NetworkPreset } from './presets.ts';
import { seededRandom } from './random.ts';
import { realTime } from './real/drain.ts';
import { enterTurn, installGuards } from './real/guards.ts';
import { AwaitWatch } from './real/waiting.ts';
import { shrink } from './shrink.ts';
import { messageOf, Simulation } from './simulation.ts';
import type { TraceLine } from './trace.ts';

/** Of one simulated run. */
export interface SimulateOptions {
  /** How many hosts (`n1`, `n2`, ...), or their names; those in a list of their own share a machine. @default 3 */
  readonly nodes?: number | readonly (string | readonly string[])[];
  /** The same seed is the same run. @default the variable SEED, else 1 */
  readonly seed?: number;
  /** @default lan() */
  readonly network?: NetworkPreset;
  /** A schedule; or what a random one is drawn within, from the seed. @default none */
  readonly faults?: readonly Fault[] | RandomFaults;
  /** Milliseconds: the world runs at least so long, and is healed then. @default when the last fault has been made good */
  readonly until?: number;
  /** Milliseconds of virtual time after which a test function that has not returned waits in vain. @default until + 600000 */
  readonly limit?: number;
  /** Whether a failure is run again with fewer faults, and for the trace. Off for a search over many seeds. @default true */
  readonly explain?: boolean;
  /** Lines of the chart of a failure, the last ones. @default 120 */
  readonly lines?: number;
}

/** A run that went well. */
export interface SimulationResult {
  readonly seed: number;
  /** Equal for equal runs, on every machine. */
  readonly hash: string;
  readonly events: number;
  /** Milliseconds of virtual time. */
  readonly virtualTime: number;
  /** Milliseconds that it really took. */
  readonly realTime: number;
  readonly faults: readonly Fault[];
}

type Test = (world: Simulation) => void | Promise<void>;

interface Plan {
  readonly options: SimulateOptions;
  readonly nodes: readonly (string | readonly string[])[];
  readonly seed: number;
  readonly test: Test;
}

interface Outcome extends SimulationResult {
  readonly violation: Violation | undefined;
  readonly lines: readonly TraceLine[];
  readonly waiting: readonly string[];
}

const DEFAULT_LIMIT = 600_000;

/**
 * Runs a test function in a simulated world of several hosts: virtual time, a network and disks that fail as told, and
 * nothing of the real machine. The function may be run several times (to shorten the faults of a failure, and to draw the
 * trace), so it must keep nothing from one run to the next.
 *
 * @throws SimulationFailure with the seed, the faults that are needed and a chart of what happened
 */
export async function simulate(options: SimulateOptions, test: Test): Promise<SimulationResult> {
  const { nodes = 3, seed = Number(process.env['SEED'] ?? 1) } = options;
  const names = typeof nodes === 'number' ? Array.from({ length: nodes }, (_, index) => `n${index + 1}`) : nodes;
  const plan: Plan = { options, nodes: names, seed, test };
  const faults = faultsOf(plan);
  const outcome = await runOnce(plan, faults, { reading: false, watching: false });
  const { violation } = outcome;
  if (violation === undefined) {
    const { hash, events, virtualTime, realTime } = outcome;
    return { seed, hash, events, virtualTime, realTime, faults };
  }
  if (options.explain === false) throw failureOf(plan, outcome, violation, []);
  throw await explained(plan, outcome, violation);
}

function faultsOf({ options, nodes, seed }: Plan): readonly Fault[] {
  const { faults = [] } = options;
  if ('length' in faults) return faults;
  return randomFaults(seededRandom(seed).fork('faults'), nodes.flat(), {
    ...(options.until === undefined ? {} : { until: options.until }),
    ...faults,
  });
}

/** Again with fewer faults, and once more to see what happens. */
async function explained(plan: Plan, first: Outcome, violation: Violation): Promise<SimulationFailure> {
  const fails = async (faults: readonly Fault[]): Promise<boolean> => {
    const outcome = await runOnce(plan, faults, { reading: false, watching: false });
    return outcome.violation?.kind === violation.kind;
  };
  const shorter = await shrink(first.faults, fails);
  const again = await runOnce(plan, shorter, { reading: true, watching: violation.kind === 'deadlock' });
  const same = shorter.length === first.faults.length;
  if (again.violation === undefined || (same && again.hash !== first.hash)) {
    const message = `the same seed gave another run (${first.hash}, then ${again.hash}): the test keeps something between runs, or uses what is not simulated. The first run failed: ${violation.message}`;
    return failureOf(plan, again, new Violation('nondeterminism', message, violation), []);
  }
  return failureOf(plan, again, again.violation, again.waiting);
}

function failureOf(
  { seed, options }: Plan,
  outcome: Outcome,
  violation: Violation,
  waiting: readonly string[],
): SimulationFailure {
  const { faults, hash, virtualTime, lines } = outcome;
  const trace = renderChart(lines, options.lines);
  const at = `${(virtualTime / 1000).toFixed(3)} s`;
  const parts = [
    `${violation.kind} at ${at}: ${violation.message}`,
    ...waiting.map((place) => `  waits at ${place}`),
    `seed ${seed}, trace ${hash}; replay it with SEED=${seed}`,
    faults.length === 0 ? 'no faults' : `faults:\n${faults.map((fault) => `  ${JSON.stringify(fault)},`).join('\n')}`,
    ...(trace === '' ? [] : [trace]),
  ];
  return new SimulationFailure(
    violation.kind,
    parts.join('\n'),
    { seed, faults, trace, hash, at: virtualTime },
    violation.cause ?? violation,
  );
}

async function runOnce(
  plan: Plan,
  faults: readonly Fault[],
  how: { readonly reading: boolean; readonly watching: boolean },
): Promise<Outcome> {
  const { options, seed, nodes, test } = plan;
  const simulation = new Simulation({ nodes, seed, network: options.network, reading: how.reading });
  const { scheduler, trace } = simulation.core;
  const until = options.until ?? endOf(faults);
  const limit = options.limit ?? until + DEFAULT_LIMIT;
  const started = realTime();
  const release = installGuards();
  let watch: AwaitWatch | undefined;
  let violation: Violation | undefined;
  simulation.schedule(faults);
  const later = (milliseconds: number, callback: () => void): void => void scheduler.at(milliseconds * 1000, callback);
  let returned = false;
  const end = (): void => {
    if (returned && simulation.now >= until) judge(simulation);
  };
  scheduler.at(0, () => {
    if (how.watching) watch = new AwaitWatch();
    void Promise.resolve()
      .then(() => test(simulation))
      .then(
        () => {
          returned = true;
          end();
        },
        (error: unknown) => simulation.fail(error),
      );
  });
  if (until > 0) {
    later(until, () => {
      simulation.heal();
      end();
    });
  }
  const stuck = (why: string): void => {
    if (!returned)
      scheduler.finish(new Violation('deadlock', `the test waits for something that does not come: ${why}`));
  };
  later(limit, () => stuck(`${limit} ms have passed`));
  scheduler.onIdle = () => {
    stuck('nothing will ever happen again');
    scheduler.finish();
  };
  try {
    await scheduler.run(() =>
      enterTurn({
        onLeak: (what, place, stack) => {
          const leak = new Violation('leak', `${what} is not simulated: use the World (called at ${place})\n${stack}`);
          simulation.fail(leak);
          return leak;
        },
        onUncaught: (error, origin) => {
          const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
          simulation.fail(
            new Violation('exception', origin === 'rejection' ? `nobody took the rejection ${text}` : text, error),
          );
        },
      }),
    );
  } catch (error) {
    violation =
      error instanceof Violation
        ? error
        : new Violation('exception', error instanceof Error ? (error.stack ?? error.message) : messageOf(error), error);
  } finally {
    release();
  }
  trace.number(scheduler.now);
  trace.number(scheduler.events);
  return {
    seed,
    hash: trace.hash,
    events: scheduler.events,
    virtualTime: simulation.now,
    realTime: realTime() - started,
    faults,
    violation,
    lines: trace.lines,
    waiting: watch?.end() ?? [],
  };
}

/** Between two looks at liveness, in microseconds: a twentieth of the time that it takes already, within bounds. */
const SOONEST_LOOK = 50_000;
const LATEST_LOOK = 200_000;

/** After the last heal: every check of `eventually` has its time. */
function judge(simulation: Simulation): void {
  const { scheduler } = simulation.core;
  const since = simulation.now;
  let open = simulation.liveness;
  const look = (): void => {
    const failures: string[] = [];
    open = open.filter(({ name, check, within = 0 }) => {
      let why = '';
      const { stackTraceLimit } = Error;
      // Most looks are in vain, and only the message is told.
      Error.stackTraceLimit = 0;
      try {
        if (check() !== false) return false;
      } catch (error) {
        why = `: ${messageOf(error)}`;
      } finally {
        Error.stackTraceLimit = stackTraceLimit;
      }
      if (simulation.now - since >= within) failures.push(`${name}, not within ${within} ms of the last heal${why}`);
      return true;
    });
    if (failures.length > 0) scheduler.finish(new Violation('liveness', failures.join('; ')));
    else if (open.length === 0) scheduler.finish();
    else {
      const elapsed = (simulation.now - since) * 1000;
      scheduler.at(scheduler.now + Math.max(SOONEST_LOOK, Math.min(Math.round(elapsed / 20), LATEST_LOOK)), look);
    }
  };
  look();
}
