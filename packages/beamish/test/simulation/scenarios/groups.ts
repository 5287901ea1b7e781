import assert from 'node:assert/strict';
import { Groups } from '../../../src/groups/index.ts';
import { formatTerm, type Pid } from '../../../src/term/index.ts';
import { isMesh, watchedNode } from './cluster.ts';
import { SETTLED_WITHIN, type Scenario } from './scenario.ts';

const GROUPS = ['red', 'green', 'blue'];

const texts = (pids: readonly Pid[]): string[] => pids.map((pid) => pid.toString() + pid.creation).toSorted();

/** Processes that join, leave and end while the network does what it wants; and a scope that is killed now and then. */
export const groups: Scenario = {
  name: 'groups',
  checks: 'process groups: events add up to `members()`, and all nodes see the same in the end',
  nodes: 3,
  faults: { count: 5, from: 50, until: 10_000 },
  async run(world) {
    let calm = false;
    const program = world.start(async (host) => {
      const watched = await watchedNode(host, world);
      const { node } = watched;
      const groups = await Groups.start(node, 'scope');
      // What the events tell must at every moment be what `members` says.
      const told = new Map<string, string[]>();
      const check = (group: string): void => {
        const expected = told.get(group) ?? [];
        const actual = texts(groups.members(group));
        if (expected.toSorted().join() !== actual.join()) {
          world.fail(
            new Error(`${node.name}: the events of ${group} say ${expected.join()}, members() says ${actual.join()}`),
          );
        }
      };
      groups.monitor(undefined, ({ type, group, pids }) => {
        const name = group as string;
        const members = told.get(name) ?? [];
        for (const text of texts(pids)) {
          if (type === 'join') members.push(text);
          else {
            const index = members.indexOf(text);
            if (index < 0) world.fail(new Error(`${node.name}: ${text} leaves ${name} and was not in it`));
            members.splice(index, 1);
          }
        }
        told.set(name, members);
      });
      const { clock, random } = host.world;
      const churn = async (): Promise<void> => {
        const mine: { group: string; pid: Pid }[] = [];
        for (;;) {
          await clock.sleep(1 + random.below(calm ? 20_000 : 400));
          const group = GROUPS[random.below(GROUPS.length)] as string;
          const choice = calm ? 9 : random.below(8);
          if (choice <= 2) {
            const { pid } = node.runtime.spawn({ handle() {} });
            groups.join(group, pid);
            mine.push({ group, pid });
          } else if (choice === 3 && mine.length > 0) {
            const { pid } = mine[random.below(mine.length)] as { pid: Pid };
            if (node.runtime.isAlive(pid)) {
              groups.join(group, pid);
              mine.push({ group, pid });
            }
          } else if (choice === 4 && mine.length > 0) {
            const [member] = mine.splice(random.below(mine.length), 1);
            if (member !== undefined) groups.leave(member.group, member.pid);
          } else if (choice === 5 && mine.length > 0) {
            const [member] = mine.splice(random.below(mine.length), 1);
            if (member !== undefined) node.runtime.exit(member.pid, 'done');
          } else if (choice === 6 && random.below(8) === 0) {
            const scope = node.runtime.whereis('scope');
            if (scope !== undefined) node.runtime.exit(scope, 'a stranger wanted it');
          }
          for (const name of GROUPS) check(name);
        }
      };
      void churn();
      return { ...watched, groups };
    });
    world.eventually(
      'every node sees the members that each has',
      () => {
        calm = true;
        assert.ok(program.complete, 'not every program has started');
        const nodes = program.all();
        isMesh(nodes);
        for (const group of GROUPS) {
          const all = texts(nodes.flatMap((each) => each.groups.localMembers(group)));
          for (const each of nodes)
            assert.deepEqual(texts(each.groups.members(group)), all, `${formatTerm(group)} on ${each.node.name}`);
        }
      },
      { within: SETTLED_WITHIN },
    );
    await world.until(() => program.complete, { within: 120_000 });
  },
};
