/** The processes of one node, by role, and who restarts whom. */
import type { ClusterNode } from 'beamish';
import { child, GenServer, supervisor, type SupervisorRef, type SupervisorSpec } from 'beamish/process';
import type { PubSub } from 'beamish/pubsub';
import type { Logger } from 'beamish/world';
import { DeviceManager } from './collector/device-manager.ts';
import type { NodeConfig } from './config/config.ts';
import { deviceManagerName } from './contract.ts';
import { Maintenance } from './store/maintenance.ts';
import { SampleWriter } from './store/sample-writer.ts';
import type { Store } from './store/store.ts';
import { startWeb, type Web } from './web/index.ts';

export interface WebHandle {
  current: Web | undefined;
}

export interface TreeOptions {
  readonly config: NodeConfig;
  readonly node: ClusterNode;
  readonly pubsub: PubSub;
  readonly store: Store;
  readonly logger: Logger;
  /** Where the web server is put when it runs. */
  readonly web: WebHandle;
}

const writerName = 'sample_writer';

/** The process that holds the HTTP server, so that it is started and ended in order with the others. */
class WebServer extends GenServer {
  readonly #options: TreeOptions;

  constructor(options: TreeOptions) {
    super();
    this.#options = options;
  }

  protected override async init(): Promise<void> {
    const { config, node, pubsub, store, logger, web } = this.#options;
    web.current = await startWeb({ node, groups: node.groups, pubsub, store, config, logger });
  }

  protected override async terminate(): Promise<void> {
    const { web } = this.#options;
    await web.current?.stop();
    web.current = undefined;
  }
}

export function nodeTree(options: TreeOptions): SupervisorSpec {
  const { config, node, pubsub, store } = options;
  const children = [];
  if (config.roles.includes('collector')) {
    let pollers: SupervisorRef | undefined;
    children.push(
      // Before the pollers and so ended after them: what they found last is still written.
      child(SampleWriter, [store], { name: writerName, shutdown: 3500 }),
      child(Maintenance, [store, config.retentionDays], { name: 'maintenance' }),
      supervisor('collector', {
        // A manager that starts anew must not find pollers that it knows nothing of, nor pollers a manager that is gone.
        strategy: 'one_for_all',
        children: [
          {
            id: 'pollers',
            type: 'supervisor',
            start: async (runtime, { supervisor: parent }) =>
              (pollers = await runtime.startSupervisor(
                { strategy: 'one_for_one', maxRestarts: 100, maxSeconds: 10, children: [] },
                { label: 'pollers', link: parent, parent },
              )),
          },
          child(
            DeviceManager,
            [
              {
                node,
                groups: node.groups,
                pubsub,
                store,
                writer: writerName,
                interval: config.pollInterval,
                pollers: () => {
                  if (pollers === undefined) throw new Error('the pollers are not there yet');
                  return pollers;
                },
              },
            ],
            { name: deviceManagerName, shutdown: 1500 },
          ),
        ],
      }),
    );
  }
  if (config.roles.includes('web')) children.push(child(WebServer, [options], { name: 'web', shutdown: 3000 }));
  return { strategy: 'one_for_one', children };
}
