/** Nodes for tests: each test its own epmd port, logs kept; and a peer that can be made to misbehave. */
import { connect, type Socket } from 'node:net';
import { Node, type NodeEvent, type NodeOptions } from '../../src/node/index.ts';
import { OWN_FLAGS } from '../../src/node/flags.ts';
import { initiate, stepHandshake, type HandshakeConfig } from '../../src/node/handshake/machine.ts';
import { FrameReader } from '../../src/node/wire/frame-reader.ts';
import { collectLogs, type LogLine } from '../support/logs.ts';
import { freePort } from '../support/ports.ts';

type T = { after(fn: () => Promise<void>): void };

export interface TestNode {
  readonly node: Node;
  readonly events: NodeEvent[];
  readonly lines: LogLine[];
  readonly warnings: () => LogLine[];
}

export const cookie = 'test cookie';

/** Starts nodes that are stopped when the test ends. */
export async function testCluster(t: T): Promise<{
  readonly epmdPort: number;
  start(name: string, options?: Partial<NodeOptions>): Promise<TestNode>;
}> {
  const epmdPort = await freePort();
  return {
    epmdPort,
    async start(name, options = {}) {
      const { logger, lines, warnings } = collectLogs();
      const node = await Node.start({ name, cookie, epmd: { port: epmdPort }, logger, ...options });
      t.after(() => node.stop());
      const events: NodeEvent[] = [];
      node.monitorNodes((event) => events.push(event));
      return { node, events, lines, warnings };
    },
  };
}

export const types = (events: readonly NodeEvent[]): string[] =>
  events.map((event) => `${event.type} ${event.node}${event.type === 'nodedown' ? ` ${event.reason}` : ''}`);

/** A connection to a node that has shaken hands, and then does what the test wants. */
export class RawPeer {
  readonly socket: Socket;
  readonly received: number[][] = [];
  /** Pieces in which bytes arrived. */
  chunks = 0;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('close', () => (this.closed = true));
    socket.on('error', () => {});
  }

  static connect(
    t: T,
    to: Pick<Node, 'name' | 'address'>,
    fields: Partial<HandshakeConfig> & { name: string; cookie?: string },
  ): Promise<RawPeer> {
    const config: HandshakeConfig = {
      flags: OWN_FLAGS,
      creation: 5,
      challenge: 123,
      cookieFor: () => fields.cookie ?? cookie,
      ...fields,
    };
    const socket = connect(to.address.port, '127.0.0.1');
    t.after(async () => void socket.destroy());
    const peer = new RawPeer(socket);
    const reader = new FrameReader(2, 100_000);
    let [state, effects] = initiate(config, to.name);
    let established = false;
    return new Promise((resolve, reject) => {
      const carryOut = (): void => {
        for (const effect of effects) {
          if (effect.type === 'send') {
            const head = Buffer.alloc(2);
            head.writeUInt16BE(effect.body.length);
            socket.write(Buffer.concat([head, effect.body]));
          } else if (effect.type === 'established') {
            established = true;
            reader.become(4, 100_000_000);
            resolve(peer);
          } else {
            reject(new Error(effect.type === 'failed' ? effect.failure.message : effect.type));
          }
        }
      };
      socket.on('connect', carryOut);
      socket.on('close', () => {
        [state, effects] = stepHandshake(config, state, { type: 'closed' });
        carryOut();
      });
      socket.on('data', (chunk: Uint8Array) => {
        peer.chunks += 1;
        reader.push(chunk);
        for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
          if (established) {
            peer.received.push([...frame]);
            continue;
          }
          [state, effects] = stepHandshake(config, state, { type: 'message', body: frame });
          carryOut();
        }
      });
    });
  }

  send(frame: Uint8Array): void {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(frame.length);
    this.socket.write(Buffer.concat([head, frame]));
  }
}
