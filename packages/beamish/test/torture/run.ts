/** Cycles of meeting and losing nodes, some at one time, with a count of everything whenever all are gone. */
import { Beam } from '../interop/fixtures/beam.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { Program } from './ipc.ts';
import { Certificates } from './certificates.ts';
import { Line } from './line.ts';
import type { PeerMethods } from './peer.ts';
import { COOKIE, CROWD, SCOPE, SUBJECT } from './shared.ts';
import type { SubjectMethods } from './subject.ts';

/** How an acquaintance ends. The first program of a lane lives on after some of them, and its nodes meet the subject again. */
export const ENDS = [
  'stop',
  'kill',
  'freezeAndKill',
  'freeze',
  'disconnect',
  'disconnected',
  'sever',
  'reset',
] as const;
export type End = (typeof ENDS)[number];

export interface TortureOptions {
  /** Nodes that are met and lost, each time counted. */
  readonly cycles: number;
  /** Programs at one time. */
  readonly lanes: number;
  /** Nodes of one program. */
  readonly nodes: number;
  /** Cycles between two counts at rest. */
  readonly segment: number;
  readonly ends: readonly End[];
  /** Whether a real `erl` takes part, once between two counts. */
  readonly beams: boolean;
  /** Whether a program in a network of its own takes part, on a line that is cut. */
  readonly far: boolean;
  /** Whether all of it goes by TLS; then no connection can be reset. */
  readonly tls?: boolean;
  /** Whether the nodes are visible, with a global name and a lock each. One lane of one node: visible nodes all connect. */
  readonly global?: boolean;
  /** How often handshakes that stop half-way come beside a meeting; from 0 to 1. */
  readonly annoyance: number;
  /** Below 1. */
  readonly random: () => number;
  /** Milliseconds: what has not ended by then never will. */
  readonly patience: number;
  /** A bug to plant in the subject. */
  readonly mutant?: string;
}

export interface Sample {
  readonly cycles: number;
  /** Bytes of data, not of compiled code, that are used after a collection. */
  readonly heap: number;
}

export interface TortureResult {
  readonly cycles: Readonly<Record<string, number>>;
  readonly samples: readonly Sample[];
  /** What was more than at the start when all were gone; of the peers, too. */
  readonly leaks: readonly string[];
  readonly report: Awaited<ReturnType<SubjectMethods['report']>>;
  /** Meetings that did not come to their end, and not because the machine was so busy that a node was silent. */
  readonly failed: readonly string[];
}

/** Milliseconds of silence until the subject drops a node: 1.25 times this. */
const TICK_TIME = 1600;

export async function torture(options: TortureOptions): Promise<TortureResult> {
  const { lanes, nodes, segment, ends, beams, far, random, mutant } = options;
  const epmdPort = await freePort();
  await using certificates = options.tls === true ? await Certificates.make(lanes) : undefined;
  const env = {
    TORTURE_TLS: certificates?.path ?? '',
    TORTURE_GLOBAL: String(options.global === true),
    ERL_EPMD_PORT: String(epmdPort),
    TORTURE_TICK: String(TICK_TIME),
    TORTURE_PATIENCE: String(options.patience),
  };
  const plant = new URL('./plant.ts', import.meta.url).href;
  const flags = ['--expose-gc', '--enable-source-maps', ...(mutant === undefined ? [] : ['--import', plant])];
  await using subject = new Program<SubjectMethods>('./subject.ts', flags, { ...env, TORTURE_MUTANT: mutant ?? '' });
  const port = await subject.call('address');
  const cycles: Record<string, number> = {};
  const samples: Sample[] = [];
  const leaks: string[] = [];
  const failed: string[] = [];
  const programs = new Set<Program<PeerMethods>>();
  let left = 0;
  let done = 0;
  let mutes = 0;
  let annoyer: Program<PeerMethods> | undefined;
  let mutePort: Promise<number> | undefined;

  const count = (what: string, more: number): void => void (cycles[what] = (cycles[what] ?? 0) + more);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const all = (names: readonly string[], each: (name: string) => Promise<unknown>): Promise<unknown> =>
    Promise.all(names.map(each));

  function open(within: readonly string[] = []): Program<PeerMethods> {
    const program = new Program<PeerMethods>('./peer.ts', [], env, within);
    programs.add(program);
    return program;
  }

  async function close(program: Program<PeerMethods>): Promise<void> {
    programs.delete(program);
    await program.kill();
  }

  async function meet(program: Program<PeerMethods>, names: readonly string[]): Promise<void> {
    await all(names, async (name) => {
      const dials = pick(['subject', 'peer', 'both']);
      if (dials === 'both') count('simultaneous connect', 1);
      const outcomes = await Promise.allSettled([
        subject.call('meet', name, dials !== 'peer'),
        ...(dials === 'subject' ? [] : [program.call('connect', name)]),
      ]);
      const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
      if (reasons.length === 0) return;
      // A program that had no processor for so long: it is right to give it up, and all that follows is as ever.
      if (await subject.call('wasSilent', name)) count('given up while meeting', 1);
      else failed.push(...reasons);
    });
  }

  /** @returns whether the program lives, and whether its nodes do */
  async function end(
    program: Program<PeerMethods>,
    names: readonly string[],
    how: End,
  ): Promise<'all' | 'program' | 'none'> {
    const lost = (): Promise<unknown> => all(names, (name) => subject.call('lost', name));
    switch (how) {
      case 'stop':
        await program.call('stop');
        await lost();
        return 'program';
      case 'kill':
        await close(program);
        await lost();
        return 'none';
      case 'freezeAndKill':
        program.signal('SIGSTOP');
        await lost();
        await close(program);
        return 'none';
      case 'freeze':
        program.signal('SIGSTOP');
        await lost();
        program.signal('SIGCONT');
        break;
      case 'disconnect':
        await all(names, (name) => subject.call('disconnect', name));
        await lost();
        break;
      case 'disconnected':
        await program.call('disconnect');
        await lost();
        break;
      case 'sever':
        await program.call('sever', 'destroy', port);
        await lost();
        break;
      case 'reset':
        await program.call('sever', 'reset', port);
        await lost();
        break;
    }
    leaks.push(...(await program.call('gone')));
    return 'all';
  }

  /** Of one program that outlives the others, so that nothing of it is ended by its own end. */
  async function annoy(names: readonly string[]): Promise<void> {
    annoyer ??= open();
    mutePort ??= annoyer.call('openMute');
    await Promise.all([
      subject.call('dialMute', `mute${++mutes}@127.0.0.1`, await mutePort),
      annoyer.call('half', port, names),
    ]);
    count('half handshake', 1);
  }

  async function lane(index: number): Promise<void> {
    const names = Array.from({ length: nodes }, (_, number) => `l${index}p${number}@127.0.0.${10 + index}`);
    let program: Program<PeerMethods> | undefined;
    let started = false;
    while (left > 0) {
      left -= nodes;
      program ??= open();
      if (!started) await program.call('start', names);
      // Beside the meeting: a true name that is only claimed must not keep its owner away.
      const annoyed = random() < options.annoyance ? annoy(names) : undefined;
      await meet(program, names);
      await annoyed;
      const how = pick(ends);
      count(how, nodes);
      const remains = await end(program, names, how);
      started = remains === 'all';
      if (remains === 'none') program = undefined;
    }
    if (program !== undefined) await close(program);
  }

  /** One program behind a line that loses everything for a while: both sides are silent, and neither is told why. */
  async function farLane(): Promise<void> {
    const program = open(['unshare', '-n']);
    await using line = await Line.lay(program.pid);
    const names = Array.from({ length: nodes }, (_, number) => `far${number}@${line.there}`);
    await program.call('start', names, { host: line.here, port });
    for (const how of ['mended', 'dead']) {
      await meet(program, names);
      await line.cut();
      await all(names, (name) => subject.call('lost', name));
      count(`cut off, ${how}`, nodes);
      if (how === 'dead') break;
      await line.mend();
      leaks.push(...(await program.call('gone')));
    }
    await close(program);
  }

  async function beam(): Promise<void> {
    const ending: (() => Promise<void>)[] = [];
    try {
      const name = 'beam@127.0.0.1';
      const { child, ...erl } = await startBeam(
        name,
        epmdPort,
        options.patience,
        certificates?.erl ?? [],
        (fn) => void ending.push(fn),
      );
      await Promise.all([erl.entangle(), subject.call('meetBeam', name)]);
      const how = pick(['halt', 'kill', 'freeze']);
      count(`erl: ${how}`, 1);
      if (how === 'halt') child.write('\n');
      else child.kill(how === 'kill' ? 'SIGKILL' : 'SIGSTOP');
      await subject.call('lost', name);
      child.kill('SIGKILL');
    } finally {
      for (const fn of ending) await fn();
    }
  }

  async function sample(): Promise<void> {
    const { leaks: found, heap } = await subject.call('rest');
    leaks.push(...found.map((text) => `after ${done} cycles, ${text}`));
    samples.push({ cycles: done, heap });
  }

  try {
    await sample();
    while (done < options.cycles && leaks.length === 0) {
      const now = Math.min(segment, options.cycles - done);
      left = now;
      const near = Array.from({ length: lanes }, (_, index) => lane(index));
      await Promise.all([...near, ...(beams ? [beam()] : []), ...(far ? [farLane()] : [])]);
      done += now - left;
      await sample();
      const { violations } = await subject.call('report');
      if (violations.length > 0) break;
    }
    return { cycles, samples, leaks, failed, report: await subject.call('report') };
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${subject.output}`, { cause: error });
  } finally {
    await Promise.all([...programs].map((program) => close(program)));
  }
}

/** A BEAM with a process in the group that is linked to the hub and monitors it. */
async function startBeam(
  name: string,
  epmdPort: number,
  patience: number,
  args: readonly string[],
  after: (fn: () => Promise<void>) => void,
) {
  const beam = await Beam.start({ args, name, cookie: COOKIE, epmdPort, patience, hidden: true, t: { after } });
  return {
    child: beam.child,
    async entangle(): Promise<void> {
      await beam.eval(`pg:start(${SCOPE})`);
      await eventually(async () => (await beam.eval(`net_kernel:connect_node('${SUBJECT}')`)) === 'true');
      const members = `pg:get_members(${SCOPE}, ${CROWD.name})`;
      const hub = `hd([P || P <- ${members}, node(P) =:= '${SUBJECT}'])`;
      await eventually(async () => (await beam.eval(`length(${members}) > 0`)) === 'true');
      await beam.eval(
        `Hub = ${hub}, Self = self(), spawn(fun() -> register(echo, self()), link(Hub), monitor(process, Hub),
         pg:join(${SCOPE}, ${CROWD.name}, self()), Self ! ready, receive never -> ok end end), receive ready -> ok end`,
      );
    },
  };
}
