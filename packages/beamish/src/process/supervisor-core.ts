/**
 * What a supervisor decides, as a value and a function: no clock, no process, no I/O. It follows OTP's `supervisor`
 * (stdlib, supervisor.erl: do_restart/3, restart/2, add_restart/1). The host carries out one effect at a time and feeds
 * its outcome back; what arrives meanwhile waits, as it would in OTP's mailbox.
 */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one';
/** permanent: restarted always; transient: when it ended abnormally; temporary: never, and forgotten when it ends. */
export type RestartType = 'permanent' | 'transient' | 'temporary';
/** Milliseconds from the order to shut down until it is killed; `Infinity` for supervisors. */
export type ShutdownTime = number | 'brutalKill';

export interface CoreChild {
  readonly id: string;
  readonly restart: RestartType;
  readonly status: 'stopped' | 'running' | 'restarting';
  /** Which process it is now: an exit of an earlier one means nothing any more. */
  readonly key: string | undefined;
}

interface Step {
  readonly type: 'start' | 'terminate';
  readonly id: string;
}

type Mode = 'initial' | 'restart' | 'command';

export interface CoreState {
  readonly strategy: Strategy;
  readonly maxRestarts: number;
  /** Milliseconds in which more than `maxRestarts` restarts are too many. */
  readonly window: number;
  /** In order of their start. */
  readonly children: readonly CoreChild[];
  /** When there were restarts, within the window. */
  readonly restarts: readonly number[];
  readonly phase: 'new' | 'starting' | 'running' | 'ending' | 'ended';
  /** Its head is being carried out. */
  readonly plan: readonly Step[];
  readonly mode: Mode;
  readonly waiting: readonly Input[];
  readonly cause: EndCause | undefined;
}

export type EndCause =
  | { readonly type: 'shutdown' }
  | { readonly type: 'intensity'; readonly id: string }
  | { readonly type: 'startFailed'; readonly id: string };

export type Outcome =
  | { readonly type: 'started'; readonly id: string; readonly key: string }
  /** @property now monotonic milliseconds */
  | { readonly type: 'startFailed'; readonly id: string; readonly now: number }
  | { readonly type: 'terminated'; readonly id: string };

export type Input =
  | Outcome
  | { readonly type: 'start' }
  | { readonly type: 'exited'; readonly key: string; readonly normal: boolean; readonly now: number }
  | { readonly type: 'add'; readonly id: string; readonly restart: RestartType }
  | { readonly type: 'restartChild'; readonly id: string }
  | { readonly type: 'terminateChild'; readonly id: string }
  | { readonly type: 'deleteChild'; readonly id: string }
  | { readonly type: 'shutdown' };

export type Effect =
  | Step
  /** All children are started. */
  | { readonly type: 'ready' }
  /** The child is no more in the list. */
  | { readonly type: 'forget'; readonly id: string }
  /** All children are stopped: the supervisor ends. */
  | { readonly type: 'end'; readonly cause: EndCause };

export interface CoreOptions {
  readonly strategy: Strategy;
  readonly maxRestarts: number;
  readonly window: number;
  readonly children: readonly { readonly id: string; readonly restart: RestartType }[];
}

export interface Decision {
  readonly state: CoreState;
  readonly effects: readonly Effect[];
}

export function initialState(options: CoreOptions): CoreState {
  const { strategy, maxRestarts, window } = options;
  const children = options.children.map(
    ({ id, restart }) => ({ id, restart, status: 'stopped', key: undefined }) as const,
  );
  return {
    strategy,
    maxRestarts,
    window,
    children,
    restarts: [],
    phase: 'new',
    plan: [],
    mode: 'initial',
    waiting: [],
    cause: undefined,
  };
}

export function decide(state: CoreState, input: Input): Decision {
  switch (input.type) {
    case 'started':
    case 'startFailed':
    case 'terminated':
      return takeOutcome(state, input);
    default:
      if (state.phase === 'ended') return { state, effects: [] };
      return state.plan.length > 0
        ? { state: { ...state, waiting: [...state.waiting, input] }, effects: [] }
        : act(state, input);
  }
}

/** The head of the plan is done: what it changed, then the next. */
function takeOutcome(state: CoreState, outcome: Outcome): Decision {
  const [head, ...plan] = state.plan;
  if (head === undefined || head.id !== outcome.id || (head.type === 'terminate') !== (outcome.type === 'terminated')) {
    return { state, effects: [] };
  }
  if (outcome.type === 'started')
    return advance({ ...update(state, outcome.id, { status: 'running', key: outcome.key }), plan });
  if (outcome.type === 'startFailed') return startFailed({ ...state, plan }, outcome.id, outcome.now);
  const temporary = find(state, outcome.id)?.restart === 'temporary';
  if (temporary) return withForgotten(advance({ ...remove(state, outcome.id), plan }), outcome.id);
  const status = state.phase === 'running' && plan.some((step) => step.type === 'start') ? 'restarting' : 'stopped';
  return advance({ ...update(state, outcome.id, { status, key: undefined }), plan });
}

function startFailed(state: CoreState, id: string, now: number): Decision {
  if (state.phase === 'ending') return advance(state);
  if (state.mode === 'initial') return end(state, { type: 'startFailed', id });
  // OTP tries again, and counts it: a child that cannot start ends its supervisor by intensity
  if (state.mode === 'restart') return restart({ ...state, plan: [] }, id, now);
  if (state.cause === undefined && find(state, id)?.status === 'restarting') {
    return withForgotten(advance(remove(state, id)), id); // startChild: nothing is kept of it
  }
  return advance(state);
}

function act(state: CoreState, input: Exclude<Input, Outcome>): Decision {
  switch (input.type) {
    case 'start': {
      const plan = state.children.map(({ id }) => ({ type: 'start', id }) as const);
      return advance({ ...state, phase: 'starting', mode: 'initial', plan });
    }
    case 'exited':
      return exited(state, input.key, input.normal, input.now);
    case 'add': {
      // 'restarting' marks a child that was never up: see startFailed
      const added: CoreChild = { id: input.id, restart: input.restart, status: 'restarting', key: undefined };
      return advance({
        ...state,
        children: [...state.children, added],
        mode: 'command',
        plan: [{ type: 'start', id: input.id }],
      });
    }
    case 'restartChild':
      if (find(state, input.id)?.status !== 'stopped') return { state, effects: [] };
      return advance({ ...state, mode: 'command', plan: [{ type: 'start', id: input.id }] });
    case 'terminateChild': {
      const child = find(state, input.id);
      if (child?.status === 'running')
        return advance({ ...state, mode: 'command', plan: [{ type: 'terminate', id: input.id }] });
      return {
        state: child === undefined ? state : update(state, input.id, { status: 'stopped', key: undefined }),
        effects: [],
      };
    }
    case 'deleteChild':
      if (find(state, input.id)?.status !== 'stopped') return { state, effects: [] };
      return { state: remove(state, input.id), effects: [{ type: 'forget', id: input.id }] };
    case 'shutdown':
      return end(state, { type: 'shutdown' });
  }
}

/** OTP supervisor:do_restart/3. */
function exited(state: CoreState, key: string, normal: boolean, now: number): Decision {
  const child = state.children.find((candidate) => candidate.key === key);
  if (child === undefined || state.phase !== 'running') return { state, effects: [] };
  if (child.restart === 'temporary')
    return { state: remove(state, child.id), effects: [{ type: 'forget', id: child.id }] };
  if (child.restart === 'transient' && normal) {
    return { state: update(state, child.id, { status: 'stopped', key: undefined }), effects: [] };
  }
  return restart(update(state, child.id, { status: 'restarting', key: undefined }), child.id, now);
}

/** OTP supervisor:add_restart/1: the restarts within the window, this one among them. Times in milliseconds. */
export function countRestart(restarts: readonly number[], now: number, window: number): readonly number[] {
  return [...restarts.filter((time) => time >= now - window), now];
}

/** OTP supervisor:add_restart/1, then restart/2. */
function restart(before: CoreState, id: string, now: number): Decision {
  const restarts = countRestart(before.restarts, now, before.window);
  const state: CoreState = { ...before, restarts, mode: 'restart' };
  if (restarts.length > state.maxRestarts) return end(state, { type: 'intensity', id });
  const index = state.children.findIndex((child) => child.id === id);
  const from = state.strategy === 'one_for_all' ? 0 : index;
  const affected =
    state.strategy === 'one_for_one' ? state.children.slice(index, index + 1) : state.children.slice(from);
  const terminate = affected.filter((child) => child.status === 'running').toReversed();
  // a temporary child that is terminated on the way is not started again
  const start = affected.filter((child) => child.restart !== 'temporary');
  const plan: Step[] = [
    ...terminate.map((child) => ({ type: 'terminate', id: child.id }) as const),
    ...start.map((child) => ({ type: 'start', id: child.id }) as const),
  ];
  return advance({ ...state, plan });
}

/** Stops the running children, the last started first. */
function end(state: CoreState, cause: EndCause): Decision {
  const running = state.children.filter((child) => child.status === 'running').toReversed();
  return advance({
    ...state,
    phase: 'ending',
    cause,
    plan: running.map(({ id }) => ({ type: 'terminate', id }) as const),
  });
}

/** The next effect: the plan's head, or what its end means, or what has waited. */
function advance(state: CoreState): Decision {
  const [head] = state.plan;
  if (head !== undefined) return { state, effects: [head] };
  if (state.phase === 'ending') {
    const children = state.children.map((child) => ({ ...child, status: 'stopped', key: undefined }) as const);
    return {
      state: { ...state, children, phase: 'ended', waiting: [] },
      effects: [{ type: 'end', cause: state.cause ?? { type: 'shutdown' } }],
    };
  }
  if (state.phase === 'starting') {
    const next = takeWaiting({ ...state, phase: 'running' });
    return { state: next.state, effects: [{ type: 'ready' }, ...next.effects] };
  }
  return takeWaiting(state);
}

function takeWaiting(state: CoreState): Decision {
  let current = state;
  const effects: Effect[] = [];
  while (current.plan.length === 0 && current.waiting.length > 0) {
    const [input, ...waiting] = current.waiting;
    const next = decide({ ...current, waiting }, input as Input);
    current = next.state;
    effects.push(...next.effects);
  }
  return { state: current, effects };
}

function withForgotten(decision: Decision, id: string): Decision {
  return { state: decision.state, effects: [{ type: 'forget', id }, ...decision.effects] };
}

function find(state: CoreState, id: string): CoreChild | undefined {
  return state.children.find((child) => child.id === id);
}

function update(state: CoreState, id: string, change: Partial<CoreChild>): CoreState {
  return { ...state, children: state.children.map((child) => (child.id === id ? { ...child, ...change } : child)) };
}

function remove(state: CoreState, id: string): CoreState {
  return { ...state, children: state.children.filter((child) => child.id !== id) };
}
