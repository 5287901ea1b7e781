import assert from 'node:assert/strict';
import type { ProcessContext } from '../../../src/process/index.ts';
import { Node } from '../../../src/node/index.ts';
import type { Host } from '../../../src/simulation/index.ts';
import { atom, isTuple, Pid, tuple } from '../../../src/term/index.ts';
import { nodeOptions, SETTLED_WITHIN, type Scenario } from './scenario.ts';

const PROCESSES = 4;
/** What may have to wait: two seconds for processes, one of lingering for connections, the port mapper. Milliseconds. */
const STOPPED_WITHIN = 10_000;

const LINK = atom('link');
const UNLINK = atom('unlink');

/** Processes that link and unlink each other over nodes, end and are replaced; nodes that stop in order and start again. */
export const links: Scenario = {
  name: 'links',
  checks: 'each link has two ends that are alive, across nodes that stop and start',
  nodes: 3,
  faults: { count: 5, from: 50, until: 10_000 },
  async run(world) {
    let calm = false;
    /** The pids that are in use, as everybody knows them: of earlier lives too. */
    const known: Pid[] = [];
    const program = world.start(async (host) => {
      const { clock, random } = host.world;
      const holder: { node: Node; stopping: boolean } = { node: await begin(host), stopping: false };
      const spawn = (): void => {
        const { pid } = holder.node.runtime.spawn(
          {
            handle(message, self: ProcessContext) {
              if (typeof message === 'string' && message !== key(self.pid)) {
                world.fail(new Error(`${key(self.pid)} got a message for ${message}`));
              }
              if (!isTuple(message) || !(message.at(1) instanceof Pid)) return;
              const other = message.at(1) as Pid;
              if (message.at(0) === LINK) self.link(other);
              else if (message.at(0) === UNLINK) self.unlink(other);
            },
          },
          { trapExit: random.below(2) === 0, label: 'linked' },
        );
        known.push(pid);
        if (known.length > 30) known.shift();
      };
      const mine = (): Pid[] =>
        holder.node.runtime
          .processes()
          .filter(({ label }) => label === 'linked')
          .map(({ pid }) => pid);
      const churn = async (): Promise<void> => {
        for (;;) {
          await clock.sleep(1 + random.below(200));
          if (calm) continue;
          while (mine().length < PROCESSES) spawn();
          const own = mine();
          const one = own[random.below(own.length)] as Pid;
          const other = known[random.below(known.length)] as Pid;
          const choice = random.below(20);
          if (choice < 9) holder.node.runtime.send(one, tuple(LINK, other));
          else if (choice < 16) holder.node.runtime.send(one, tuple(UNLINK, other));
          else if (choice === 16) holder.node.runtime.exit(one, atom('kill'));
          else if (choice === 17) holder.node.runtime.exit(other, atom('asked_to'));
          else if (choice === 18) holder.node.runtime.send(other, key(other));
          else if (choice === 19 && random.below(10) === 0) await renew();
        }
      };
      const renew = async (): Promise<void> => {
        holder.stopping = true;
        const { pauses } = host;
        const began = clock.monotonicTime();
        await holder.node.stop();
        const took = clock.monotonicTime() - began;
        if (took > STOPPED_WITHIN && host.pauses === pauses)
          world.fail(new Error(`${host.nodeName} took ${took} ms to stop`));
        holder.node = await begin(host);
        holder.stopping = false;
      };
      void churn();
      return holder;
    });
    let calmSince: number | undefined;
    world.eventually(
      'each link has two ends that are alive',
      () => {
        calm = true;
        calmSince ??= world.now;
        if (!program.complete || world.now - calmSince < 30_000) return false;
        const holders = program.all();
        if (holders.some(({ stopping }) => stopping)) return false;
        const linked = new Map<string, string[]>();
        for (const { node } of holders) {
          for (const { pid, links } of node.runtime.processes()) linked.set(key(pid), links.map(key));
        }
        for (const [pid, links] of linked) {
          for (const other of links)
            assert.ok(linked.get(other)?.includes(pid), `${pid} has a link to ${other}, and that none to it`);
        }
        return true;
      },
      { within: SETTLED_WITHIN },
    );
    await world.until(() => program.complete, { within: 120_000 });
  },
};

const key = (pid: Pid): string => `${pid.toString()}/${pid.creation}`;

async function begin(host: Host): Promise<Node> {
  return Node.start(nodeOptions(host));
}
