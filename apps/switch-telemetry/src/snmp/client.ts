/** Polls one device with net-snmp: one GETBULK for a switch of ordinary size, more for a large one. */
import { createSocket, type Socket } from 'node:dgram';
import type { Clock } from 'beamish/world';
import snmp from 'net-snmp';
import { type Device, splitAddress } from '../inventory/device.ts';
import { AgentFault, columnPart, type DeviceReading, NoWideCounters, readDevice, type Varbind } from './decode.ts';
import { snmpUser } from './user.ts';
import { type Column, columns, narrowColumns, sysName, sysUpTime, wideColumns } from './oids.ts';

/** No answer within the time; `late` when one came after it. */
export class NoAnswer extends Error {
  readonly late: boolean;
  constructor(message: string, late: boolean) {
    super(message);
    this.name = 'NoAnswer';
    this.late = late;
  }
}

/** The agent has refused us: community, user, keys. */
export class Refused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Refused';
  }
}

/** What can be in one datagram is bounded (RFC 3417: 484 bytes everywhere, more in practice); agents cut what is too much. */
const maxRows = 24;
/** A switch has fewer interfaces; an agent that goes on for ever is stopped. */
const maxInterfaces = 10_000;

export class SnmpClient implements Disposable {
  readonly #device: Device;
  readonly #clock: Clock;
  readonly #timeout: number;
  #session: snmp.Session | undefined;
  #socket: Socket | undefined;
  #columns = wideColumns;
  #rows = 8;
  /** Requests whose time has not run out. */
  #open = 0;
  #late = false;

  /** @param timeout milliseconds for the answer to one request; it is sent a second time half-way. */
  constructor(device: Device, timeout: number, clock: Clock) {
    this.#device = device;
    this.#timeout = timeout;
    this.#clock = clock;
  }

  /**
   * Reads the device once.
   * @throws NoAnswer, Refused, AgentFault
   */
  async poll(): Promise<DeviceReading> {
    try {
      return await this.#read();
    } catch (error) {
      if (!(error instanceof NoWideCounters)) throw error;
      this.#columns = narrowColumns;
      return this.#read();
    }
  }

  async #read(): Promise<DeviceReading> {
    const table = new Map<Column, Map<number, Varbind>>(this.#columns.map((column) => [column, new Map()]));
    let open = new Map<Column, string>(this.#columns.map((column) => [column, columns[column]]));
    let scalars: readonly (Varbind | undefined)[] | undefined;
    let time = 0;
    let asked = this.#rows + 1; // one row more tells that the column has ended
    while (open.size > 0) {
      // The clock of the agent is asked for with the first counters, so that both are of one moment.
      const first = scalars === undefined;
      const heads = first ? [sysUpTime, sysName] : [];
      const sent = this.#clock.monotonicTime();
      const answer = await this.#getBulk([...heads, ...open.values()], heads.length, Math.min(asked, maxRows));
      if (first) {
        scalars = answer.slice(0, 2).flat();
        time = (sent + this.#clock.monotonicTime()) / 2;
      }
      const next = new Map<Column, string>();
      let position = heads.length;
      for (const [column, start] of open) {
        const part = columnPart(column, start, [answer[position++] ?? []].flat());
        const rows = table.get(column);
        for (const [index, varbind] of part.rows) rows?.set(index, varbind);
        if ((rows?.size ?? 0) > maxInterfaces) throw new AgentFault(`${column} has more than ${maxInterfaces} rows`);
        if (part.next !== undefined) next.set(column, part.next);
      }
      open = next;
      asked = maxRows;
    }
    this.#rows = Math.min(table.get('ifIndex')?.size ?? 8, maxRows - 1);
    return readDevice(scalars ?? [], table, time);
  }

  #getBulk(oids: string[], nonRepeaters: number, repetitions: number): Promise<(Varbind | Varbind[])[]> {
    const { promise, resolve, reject } = Promise.withResolvers<(Varbind | Varbind[])[]>();
    const late = this.#late;
    this.#late = false;
    this.#open += 1;
    let done = false;
    const finish = (): boolean => {
      if (done) return false;
      done = true;
      this.#open -= 1;
      return true;
    };
    try {
      this.#connect().getBulk(oids, nonRepeaters, repetitions, (error, varbinds) => {
        if (!finish()) return; // net-snmp may call back twice when an answer is broken
        if (error) reject(this.#explain(error, late));
        else resolve((varbinds ?? []) as (Varbind | Varbind[])[]);
      });
    } catch (error) {
      finish();
      reject(error);
    }
    return promise;
  }

  #explain(error: Error, late: boolean): Error {
    // An answer that came after its time, to the request before this one: slow, but there.
    if (error.name === 'RequestTimedOutError') {
      return late
        ? new NoAnswer(`answers too slowly: later than ${this.#timeout} ms`, true)
        : new NoAnswer(`no answer within ${this.#timeout} ms`, false);
    }
    if (error instanceof snmp.RequestFailedError) return new Refused(`the agent refuses: ${error.message}`);
    if (error instanceof snmp.ResponseInvalidError) {
      return /authent|user|digest|privacy|decrypt|engine|community/i.test(error.message)
        ? new Refused(`the agent refuses: ${error.message}`)
        : new AgentFault(`bad answer: ${error.message}`);
    }
    return new NoAnswer(error.message, false); // the socket: unreachable network, unknown host
  }

  #connect(): snmp.Session {
    if (this.#session !== undefined) return this.#session;
    const { access, address } = this.#device;
    const { host, port, v6 } = splitAddress(address) ?? { host: address, port: 161, v6: false };
    const options = {
      port,
      timeout: this.#timeout / 2,
      retries: 1,
      transport: v6 ? ('udp6' as const) : ('udp4' as const),
      reportOidMismatchErrors: false,
      // net-snmp has no way to tell of an answer that it no longer waits for; the socket has.
      dgramModule: {
        createSocket: (type: 'udp4' | 'udp6') => {
          this.#socket = createSocket({ type, recvBufferSize: 262_144 });
          this.#socket.on('message', () => {
            if (this.#open === 0) this.#late = true;
          });
          return this.#socket;
        },
      },
    };
    const session =
      access.version === '2c'
        ? snmp.createSession(host, access.community, { ...options, version: snmp.Version2c })
        : snmp.createV3Session(host, snmpUser(access), { ...options, version: snmp.Version3 });
    // What the agent sends and nobody can read belongs to no request: the request it was for runs out of time.
    session.on('error', () => {});
    this.#session = session;
    return session;
  }

  /** Closes the socket; a poll that goes on rejects. */
  close(): void {
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    session.cancelRequests(new NoAnswer('stopped', false));
    session.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
