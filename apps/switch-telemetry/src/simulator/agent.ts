/**
 * A real SNMP agent for one simulated switch. net-snmp does the protocol (v2c, v3 with keys); its own table store would
 * have to be told every counter before every question, so the answers come from `Mib` instead.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import snmp from 'net-snmp';
import type { CommunityAccess, UserAccess } from '../inventory/device.ts';
import { tags } from '../snmp/decode.ts';
import { snmpUser } from '../snmp/user.ts';
import { type Instance, Mib } from './mib.ts';
import type { SimulatedSwitch } from './switch.ts';

interface Varbind {
  oid: string;
  type: number;
  value: unknown;
}

/** What of net-snmp's agent is used here, and is not in its types. */
interface AgentInternals {
  engine: { engineTime: number; engineBoots: number };
  onMsg(socket: Socket, buffer: Buffer, from: RemoteInfo): void;
  getRequest: Handler;
  getNextRequest: Handler;
  getBulkRequest: Handler;
  setRequest: Handler;
  sendResponse(socket: Socket, from: RemoteInfo, request: RequestMessage, response: ResponsePdu): void;
  close(callback: () => void): void;
}
type Handler = (socket: Socket, request: RequestMessage, from: RemoteInfo) => void;
interface RequestMessage {
  pdu: {
    varbinds: { oid: string }[];
    nonRepeaters: number;
    maxRepetitions: number;
    getResponsePduForRequest(): ResponsePdu;
  };
}
interface ResponsePdu {
  varbinds: Varbind[];
  errorStatus: number;
  errorIndex: number;
}

export interface AgentOptions {
  /** UDP port on 127.0.0.1; 0: any free one. */
  readonly port: number;
  readonly access: CommunityAccess | UserAccess;
  /** ms since the epoch. */
  readonly now: () => number;
  /** Milliseconds that every answer waits: a slow agent. @default 0 */
  readonly delay?: number;
  /** Changes what is answered: an agent that is wrong. */
  readonly falsify?: (varbind: Varbind) => Varbind;
}

export interface SimulatedAgent extends AsyncDisposable {
  readonly port: number;
}

/** More than fits one datagram of loopback is not answered. */
const maxVarbinds = 500;
const notWritable = 17;

/** @throws Error when the port is in use. */
export async function startAgent(device: SimulatedSwitch, options: AgentOptions): Promise<SimulatedAgent> {
  const { access, now, delay = 0, falsify } = options;
  const mib = new Mib(device);
  const socket = createSocket({ type: 'udp4', recvBufferSize: 262_144 });
  const bind = socket.bind.bind(socket);
  // net-snmp takes port 0 for "the usual one"
  socket.bind = () => bind({ port: options.port, address: '127.0.0.1', exclusive: true });
  const listening = once(socket, 'listening');
  const agent = snmp.createAgent(
    { address: '127.0.0.1', port: 0, dgramModule: { createSocket: () => socket } },
    () => {}, // requests that are refused or broken are the asker's affair
  );
  const internals = agent as unknown as AgentInternals;
  const authorizer = agent.getAuthorizer();
  if (access.version === '2c') authorizer.addCommunity(access.community);
  else {
    authorizer.addUser(snmpUser(access));
  }

  const varbind = (instance: Instance | undefined, asked: string, missing: number, time: number): Varbind => {
    const found =
      instance === undefined
        ? { oid: asked, type: missing, value: null }
        : { oid: instance.oid, type: instance.type, value: instance.value(time) };
    return falsify === undefined ? found : falsify(found);
  };
  const answer = (
    socket: Socket,
    request: RequestMessage,
    from: RemoteInfo,
    varbinds: Varbind[],
    errorStatus = 0,
  ): void => {
    const response = request.pdu.getResponsePduForRequest();
    response.varbinds = varbinds;
    response.errorStatus = errorStatus;
    response.errorIndex = errorStatus === 0 ? 0 : 1;
    const send = (): void => {
      try {
        internals.sendResponse(socket, from, request, response);
      } catch {
        // closed in between
      }
    };
    if (delay === 0) send();
    else setTimeout(send, delay).unref();
  };
  internals.getRequest = (socket, request, from) => {
    const time = now();
    answer(
      socket,
      request,
      from,
      request.pdu.varbinds.map(({ oid }) => varbind(mib.get(oid), oid, tags.NoSuchInstance, time)),
    );
  };
  internals.getNextRequest = (socket, request, from) => {
    const time = now();
    answer(
      socket,
      request,
      from,
      request.pdu.varbinds.map(({ oid }) => varbind(mib.next(oid), oid, tags.EndOfMibView, time)),
    );
  };
  internals.getBulkRequest = (socket, request, from) => {
    const time = now();
    const { varbinds: asked, nonRepeaters, maxRepetitions } = request.pdu;
    const heads = Math.max(0, Math.min(nonRepeaters, asked.length));
    const result = asked.slice(0, heads).map(({ oid }) => varbind(mib.next(oid), oid, tags.EndOfMibView, time));
    const at = asked.slice(heads).map(({ oid }) => oid);
    for (let round = 0; round < maxRepetitions && at.length > 0 && result.length + at.length <= maxVarbinds; round++) {
      let more = false;
      for (const [position, oid] of at.entries()) {
        const instance = mib.next(oid);
        if (instance !== undefined) {
          more = true;
          at[position] = instance.oid;
        }
        result.push(varbind(instance, oid, tags.EndOfMibView, time));
      }
      if (!more) break;
    }
    answer(socket, request, from, result);
  };
  internals.setRequest = (socket, request, from) => {
    answer(
      socket,
      request,
      from,
      request.pdu.varbinds.map(({ oid }) => ({ oid, type: 5, value: null })),
      notWritable,
    );
  };
  const receive = internals.onMsg.bind(internals);
  socket.removeAllListeners('message');
  socket.on('message', (buffer: Buffer, from: RemoteInfo) => {
    if (!device.answers(now())) return;
    internals.engine.engineBoots = device.boots;
    internals.engine.engineTime = Math.floor(device.uptime(now()) / 100) || 1;
    receive(socket, buffer, from);
  });
  const failed = once(socket, 'error').then(([error]) => Promise.reject(error as Error));
  failed.catch(() => {});
  await Promise.race([listening, failed]);
  socket.on('error', () => {});
  const { port } = socket.address();
  return {
    port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => internals.close(() => resolve())),
  };
}
