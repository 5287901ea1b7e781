/** Who may connect and call, and nodes that ask for a name, in the simulated world. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { Node, type NodeOptions } from '../../src/node/index.ts';
import { simulate, type Host } from '../../src/simulation/index.ts';

const start = (host: Host, given: Partial<NodeOptions> = {}): Promise<Node> =>
  Node.start({ name: host.nodeName, cookie: 'c', plaintext: true, world: host.world, setupTime: 1000, ...given });

test('`allow` of a node and of what it exposes, through a cut and its end', async () => {
  await simulate({ nodes: 3, seed: 1 }, async (world) => {
    const [one, two, three] = world.hosts as [Host, Host, Host];
    let ran = 0;
    const program = world.start(
      async (host) => {
        const node = await start(host, host === one ? { allow: two.nodeName } : {});
        node.expose('shop', { close: () => ++ran }, { allow: one.nodeName });
        return node;
      },
      [one, two, three],
    );
    await world.until(() => program.complete);
    const [a, b, c] = program.all() as [Node, Node, Node];
    const refused = (code: string) => (error: unknown) => isBeamishError(error) && error.code === code;
    for (let round = 1; round <= 3; round++) {
      assert.equal(await a.at(b.name).rpc('shop', 'close'), round);
      await assert.rejects(b.at(a.name).rpc('shop', 'close'), refused('not_exposed'));
      await assert.rejects(c.connect(a.name), refused('handshake_failed'));
      await assert.rejects(a.connect(c.name), refused('noconnection'));
      const repair = world.cut(one, two);
      a.disconnect(b.name);
      assert.equal(await b.at(a.name).ping(), false);
      repair();
    }
    assert.equal(ran, 3);
    assert.deepEqual(c.nodes(), []);
  });
});

test('a node asks for a name: while it is cut off it gets none, and then the same seed gives the same', async () => {
  const name = async (): Promise<string> => {
    let given = '';
    await simulate({ nodes: 2, seed: 7 }, async (world) => {
      const [one, two] = world.hosts as [Host, Host];
      const program = world.start((host) => start(host), [one]);
      await world.until(() => program.complete);
      const options = { name: `undefined@${two.address}`, namedBy: one.nodeName };
      const repair = world.cut(one, two);
      await assert.rejects(start(two, options), (error) => isBeamishError(error) && error.retryable);
      repair();
      const node = await start(two, options);
      assert.equal(await node.at(one.nodeName).ping(), true);
      const [asked] = program.all() as [Node];
      assert.equal(await asked.at(node.name).ping(), true);
      given = node.name;
      await node.stop();
    });
    return given;
  };
  const first = await name();
  assert.match(first, /^[0-9A-Z]+@/);
  assert.equal(await name(), first);
});
