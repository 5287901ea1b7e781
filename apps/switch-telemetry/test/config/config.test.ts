import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigFault, readLaunchConfig, readNodeConfig } from '../../src/config/config.ts';

const good = {
  NODE_ROLE: 'both',
  RELEASE_NODE: 'node1@127.0.0.1',
  RELEASE_COOKIE: 'a cookie',
  SECRET_KEY_BASE: 's'.repeat(64),
};

function faultsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof ConfigFault);
    return error.faults;
  }
  assert.fail('it was accepted');
}

test('defaults', () => {
  const config = readNodeConfig(good);
  assert.deepEqual(config.roles, ['collector', 'web']);
  assert.equal(config.nodeName, 'node1@127.0.0.1');
  assert.equal(config.port, 4000);
  assert.equal(config.httpHost, '127.0.0.1');
  assert.equal(config.publicHost, 'localhost');
  assert.equal(config.pollInterval, 1000);
  assert.equal(config.epmdPort, 4369);
  assert.equal(config.givenDatabaseUrl, undefined);
  assert.equal(config.clusterDns, undefined);
});

test('what is given is taken', () => {
  const config = readNodeConfig({
    ...good,
    NODE_ROLE: 'collector',
    CLUSTER_DNS: 'nodes.internal',
    CLUSTER_NODES: 'a@10.0.0.1, b@10.0.0.2',
    DATABASE_URL: 'postgres://u:p@h/d',
    PORT: '8080',
    PHX_HOST: 'example.org',
    POLL_INTERVAL: '5000',
    ERL_EPMD_PORT: '14369',
    INVENTORY: '/etc/devices.json',
  });
  assert.deepEqual(config.roles, ['collector']);
  assert.equal(config.clusterDns, 'nodes.internal');
  assert.deepEqual(config.clusterNodes, ['a@10.0.0.1', 'b@10.0.0.2']);
  assert.equal(config.givenDatabaseUrl, 'postgres://u:p@h/d');
  assert.deepEqual([config.port, config.epmdPort, config.pollInterval], [8080, 14369, 5000]);
  assert.equal(config.inventory, '/etc/devices.json');
});

test('RELEASE_NAME alone names a node of this machine; an empty variable is none', () => {
  const { RELEASE_NODE: _, ...rest } = good;
  assert.equal(readNodeConfig({ ...rest, RELEASE_NAME: 'web7', PORT: '', LOG_LEVEL: '' }).nodeName, 'web7@127.0.0.1');
});

test('all faults in one message, and no secret in it', () => {
  const faults = faultsOf(() =>
    readNodeConfig({
      NODE_ROLE: 'server',
      RELEASE_NODE: 'no-host',
      PORT: '70000',
      POLL_INTERVAL: '1s',
      SECRET_KEY_BASE: 'hush',
      DATABASE_URL: 'mysql://u:hush@h/d',
      CLUSTER_NODES: 'a@b,,c',
    }),
  );
  const named = faults.map((fault) => fault.split(' ')[0] ?? '').sort((a, b) => (a < b ? -1 : 1));
  assert.deepEqual(
    [...new Set(named)],
    [
      'CLUSTER_NODES',
      'DATABASE_URL',
      'NODE_ROLE',
      'POLL_INTERVAL',
      'PORT',
      'RELEASE_COOKIE',
      'RELEASE_NODE',
      'SECRET_KEY_BASE',
    ],
  );
  assert.doesNotMatch(faults.join('\n'), /hush/);
});

for (const [variable, change] of Object.entries({
  RELEASE_NODE: { RELEASE_NODE: undefined },
  SECRET_KEY_BASE: { NODE_ROLE: 'web', SECRET_KEY_BASE: undefined },
  RELEASE_COOKIE: { RELEASE_COOKIE: '' },
  NODE_ROLE: { NODE_ROLE: undefined },
})) {
  test(`${variable} missing is named`, () => {
    assert.match(faultsOf(() => readNodeConfig({ ...good, ...change })).join(), new RegExp(`^${variable} must be`));
  });
}

test('a collector needs no SECRET_KEY_BASE; the launcher needs nothing', () => {
  readNodeConfig({ ...good, NODE_ROLE: 'collector', SECRET_KEY_BASE: undefined });
  readLaunchConfig({});
  assert.deepEqual(
    faultsOf(() => readLaunchConfig({ PORT: '-1' })),
    ['PORT must be a whole number from 0 to 65535'],
  );
});
