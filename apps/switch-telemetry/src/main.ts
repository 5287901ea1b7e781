/** One node of Switch Telemetry: what runs is said by NODE_ROLE, how by the other variables (`config/config.ts`). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbedded, type EmbeddedPostgres } from '@beamish/postgres';
import { BeamishError, startNode, type ClusterNode } from 'beamish';
import { dnsPoll, epmdHosts } from 'beamish/discovery';
import type { SupervisorRef } from 'beamish/process';
import { PubSub } from 'beamish/pubsub';
import { realWorld } from 'beamish/world';
import { die, onEnd, sayReady } from './child-protocol.ts';
import type { DeviceManager } from './collector/device-manager.ts';
import { settled } from './collector/settled.ts';
import { ConfigFault, type NodeConfig, readNodeConfig } from './config/config.ts';
import { epmdOf } from './config/epmd.ts';
import { deviceManagerName, pubsubName } from './contract.ts';
import type { Device } from './inventory/device.ts';
import { InventoryError, parseInventory } from './inventory/inventory.ts';
import { nodeTree, type WebHandle } from './node-tree.ts';
import { Store } from './store/store.ts';

/** ms for a whole shutdown; who started us gives 5 s. */
const shutdownLimit = 4800;

function config(): NodeConfig {
  try {
    return readNodeConfig(process.env);
  } catch (error) {
    if (error instanceof ConfigFault) die(error.message);
    throw error;
  }
}

function inventory(file: string): Device[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    die(`the inventory cannot be read: ${(error as Error).message}`);
  }
  try {
    return parseInventory(text, file);
  } catch (error) {
    if (error instanceof InventoryError) die(error.message);
    throw error;
  }
}

const given = config();
const collects = given.roles.includes('collector');
const world = realWorld({ log: { level: given.logLevel } });
const logger = world.logger.child({ node: given.nodeName });
// Everything that an operator can have got wrong is looked at before anything is started.
const devices = collects && given.inventory !== undefined ? inventory(given.inventory) : undefined;

let database: EmbeddedPostgres | undefined;
let store: Store | undefined;
let node: ClusterNode | undefined;
let pubsub: PubSub | undefined;
let tree: SupervisorRef | undefined;
const web: WebHandle = { current: undefined };

let ending = false;
onEnd(async (why) => {
  ending = true;
  logger.info({ why }, 'ending');
  web.current?.drain();
  // The devices first: the other collectors take them over while this node still writes what it has.
  const draining = node?.runtime.whereis(deviceManagerName);
  if (draining !== undefined)
    await node
      ?.ref<DeviceManager>(deviceManagerName)
      .with({ timeout: 1000 })
      .drain()
      .catch(() => {});
  await tree?.stop();
  await pubsub?.stop();
  await node?.stop();
  await store?.[Symbol.asyncDispose]();
  await database?.stop();
}, shutdownLimit);

try {
  let url = given.givenDatabaseUrl;
  if (url === undefined) {
    database = await startEmbedded({
      directory: join(given.dataDirectory, 'postgres'),
      database: 'switch_telemetry',
      logger,
    });
    url = database.url;
  }
  const resolved: NodeConfig = { ...given, databaseUrl: url };
  store = await Store.open({
    url,
    connections: collects ? 20 : 10,
    applicationName: given.nodeName,
    clock: world.clock,
    logger,
  });
  if (devices !== undefined) await store.saveInventory(devices);
  const { clusterDns, clusterDnsServers, clusterNodes } = given;
  node = await startNode({
    name: given.nodeName,
    cookie: given.cookie,
    world,
    logger,
    epmd: epmdOf(given),
    plaintext: given.plaintext,
    ...(given.tls !== undefined && { tls: given.tls }),
    roles: given.roles.filter((role) => role !== 'collector'), // that one is joined by `device_manager`
    discovery: [
      ...(clusterNodes.length > 0 ? [epmdHosts({ hosts: clusterNodes })] : []),
      ...(clusterDns === undefined
        ? []
        : [
            dnsPoll({
              query: clusterDns,
              basename: given.nodeName.split('@')[0] ?? '',
              interval: given.clusterDnsInterval,
              ...(clusterDnsServers.length > 0 && { servers: clusterDnsServers }),
            }),
          ]),
    ],
  });
  pubsub = await PubSub.start(node, pubsubName);
  // A collector that does not know the others yet would take all devices for its own.
  await settled(node, clusterNodes.length > 0 || clusterDns !== undefined);
  tree = await node.runtime.startSupervisor(nodeTree({ config: resolved, node, pubsub, store, logger, web }), {
    label: 'switch telemetry',
  });
  node.runtime.monitor(tree.pid, () => {
    if (ending) return;
    logger.fatal('the supervisor of this node has given up');
    process.exitCode = 1;
    process.exit(1);
  });
} catch (error) {
  logger.debug({ err: error }, 'the start failed');
  for (let cause: unknown = error; ; cause = (cause as Error).cause) {
    const deeper = cause instanceof BeamishError && cause.code === 'process_exited' && cause.cause instanceof Error;
    if (!deeper) die(`${given.nodeName} cannot start: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
const url = web.current && `http://${web.current.address.host}:${web.current.address.port}`;
sayReady(url === undefined ? given.nodeName : `${given.nodeName} ${url}`, { ...(url !== undefined && { url }) });
logger.info({ roles: given.roles }, 'ready');
