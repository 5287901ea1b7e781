/** Protocols 1: a real epmd with our nodes, and our port mapper with real nodes and the real client. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBeamishError } from '../../src/error/index.ts';
import { epmdNames, portPlease } from '../../src/node/index.ts';
import { realWorld } from '../../src/world/index.ts';
import { testCluster } from '../node/nodes.ts';
import { startChild } from '../support/children.ts';
import { eventually } from '../support/eventually.ts';
import { requirePeer, skipUnless } from '../support/peers.ts';
import { row } from '../support/row.ts';
import { Beam, startEpmd } from './fixtures/beam.ts';

const options = { ...skipUnless('erl', 'epmd'), timeout: 90_000 };
const world = realWorld();
const cookie = 'test cookie'.replace(' ', '_');

test(
  row(
    '1.2 1.4',
    'us to epmd',
    'our nodes register, are listed, refused a second time, and registered again after it died',
  ),
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const port = cluster.epmdPort;
    const epmd = await startEpmd(port, t);
    const a = await cluster.start('a@127.0.0.1');
    const b = await cluster.start('b@127.0.0.1');
    const target = { host: '127.0.0.1', port };
    assert.equal(a.node.statistics().servesEpmd, false);
    assert.equal(await portPlease(world, target, 'a'), a.node.address.port);
    assert.equal(await portPlease(world, target, 'nobody'), undefined);
    assert.deepEqual((await epmdNames(world, target)).map((entry) => entry.name).sort(), ['a', 'b']);
    const listing = startChild(requirePeer('epmd'), ['-port', String(port), '-names'], { t });
    await listing.waitForOutput(new RegExp(`name a at port ${a.node.address.port}`));
    await assert.rejects(cluster.start('a@127.0.0.1'), (error) => isBeamishError(error, 'name_taken'));
    const { creation } = a.node;
    await epmd.stop();
    // Now one of ours serves the port.
    await eventually(async () => (await epmdNames(world, target)).length === 2, { timeout: 10_000 });
    assert.equal(a.node.statistics().servesEpmd !== b.node.statistics().servesEpmd, true);
    assert.equal(a.node.creation, creation);
  },
);

test(
  row('1.5', 'epmd and us', 'ERL_EPMD_ADDRESS: the same addresses answer, and a node on one of them is found'),
  options,
  async (t) => {
    const before = process.env['ERL_EPMD_ADDRESS'];
    process.env['ERL_EPMD_ADDRESS'] = '127.0.0.2';
    t.after(async () => {
      if (before === undefined) delete process.env['ERL_EPMD_ADDRESS'];
      else process.env['ERL_EPMD_ADDRESS'] = before;
    });
    const cluster = await testCluster(t);
    const port = cluster.epmdPort;
    const served = async (): Promise<boolean[]> =>
      await Promise.all(
        ['127.0.0.1', '127.0.0.2', '127.0.0.3'].map((host) =>
          epmdNames(world, { host, port }).then(
            () => true,
            () => false,
          ),
        ),
      );
    const epmd = startChild(requirePeer('epmd'), ['-port', String(port)], { t });
    await eventually(async () => (await served())[0]);
    const theirs = await served();
    await epmd.stop();
    assert.deepEqual(theirs, [true, true, false]);
    const a = await cluster.start('a@127.0.0.2', { cookie });
    assert.deepEqual(await served(), theirs);
    const beam = await Beam.start({ name: 'beam@127.0.0.2', cookie, epmdPort: port, t });
    assert.equal(await beam.eval(`net_adm:ping('a@127.0.0.2')`), 'pong');
    a.node.disconnect('beam@127.0.0.2');
    await eventually(() => a.node.nodes().length === 0);
    assert.equal(await a.node.at('beam@127.0.0.2').ping(), true);
  },
);

test(
  row('1.5', 'erl and us', 'real nodes and epmd -names use our port mapper, and find the node that takes over'),
  options,
  async (t) => {
    const cluster = await testCluster(t);
    const port = cluster.epmdPort;
    const a = await cluster.start('a@127.0.0.1', { cookie });
    const b = await cluster.start('b@127.0.0.1', { cookie });
    const beam = await Beam.start({ name: 'beam@127.0.0.1', cookie, epmdPort: port, t });
    const other = await Beam.start({ name: 'other@127.0.0.1', cookie, epmdPort: port, t });
    assert.equal(await beam.eval(`net_adm:ping('other@127.0.0.1')`), 'pong');
    assert.equal(await beam.eval(`net_adm:ping('a@127.0.0.1')`), 'pong');
    assert.equal(await other.eval(`net_adm:ping('b@127.0.0.1')`), 'pong');
    assert.match(await beam.eval('erl_epmd:names({127,0,0,1})'), /^\{ok,\[.*"beam".*\]\}$/);
    const listing = startChild(requirePeer('epmd'), ['-port', String(port), '-names'], { t });
    await listing.waitForOutput(/name other at port/);
    const target = { host: '127.0.0.1', port };
    assert.equal((await epmdNames(world, target)).length, 4);
    await a.node.stop();
    // The real nodes register again by themselves, after their two seconds, with the creation they had.
    await eventually(
      async () =>
        (await epmdNames(world, target))
          .map((entry) => entry.name)
          .sort()
          .join() === 'b,beam,other',
      { timeout: 20_000 },
    );
    assert.equal(b.node.statistics().servesEpmd, true);
    assert.equal(await b.node.at('beam@127.0.0.1').ping(), true);
    assert.equal(await other.eval(`net_adm:ping('beam@127.0.0.1')`), 'pong');
  },
);
