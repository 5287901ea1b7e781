import { BeamishError, isBeamishError } from '../../error/index.ts';
import type { Logger, Socket, Timer, World } from '../../world/index.ts';
import type { Refusals } from '../refusals.ts';
import { aliveRequest, decodeAliveResponse, NODE_HIDDEN, NODE_VISIBLE, type EpmdEntry } from './codec.ts';
import { EpmdServer } from './server.ts';

export interface RegistrationOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly refusals: Refusals;
  /** Without host. */
  readonly name: string;
  /** Where the node listens. */
  readonly nodePort: number;
  readonly hidden: boolean;
  readonly host: string;
  readonly port: number;
  readonly embedded: 'auto' | 'never' | 'always';
  readonly bind: readonly string[];
  /** Whether an embedded port mapper answers other machines. */
  readonly open: boolean;
  readonly setupTime: number;
}

/** As a BEAM (protocols 1.4). */
const RETRY = 2000;
/** Several nodes lose the port mapper at the same moment: they try within this many ms, not all at once. */
const TAKE_OVER_SPREAD = 200;
/** Between finding that another one took the port just now and asking that one. */
const SHORT_WAIT = 25;
const MAX_ATTEMPTS = 20;

/**
 * A node's name at the port mapper of its machine: kept by an open connection, and taken again for ever when that breaks
 * (protocols 1.4). Where nobody serves the port, it is served here.
 */
export class Registration {
  readonly #options: RegistrationOptions;
  #server: EpmdServer | undefined;
  #socket: Socket | undefined;
  #timer: Timer | undefined;
  readonly #controller = new AbortController();
  #recovering: Promise<void> | undefined;

  private constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /**
   * @returns the registration and the creation that belongs to this life of the node
   * @throws BeamishError `name_taken`, `epmd_failed`, `address_in_use` (embedded: 'always')
   */
  static async start(options: RegistrationOptions): Promise<{ registration: Registration; creation: number }> {
    const registration = new Registration(options);
    try {
      if (options.embedded === 'always') await registration.#embed();
      return { registration, creation: await registration.#register() };
    } catch (error) {
      await registration.stop();
      throw error;
    }
  }

  get #stopped(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Whether this node serves the port mapper of its machine. */
  get serves(): boolean {
    return this.#server !== undefined;
  }

  async stop(): Promise<void> {
    this.#controller.abort();
    this.#timer?.cancel();
    this.#socket?.destroy();
    await this.#recovering;
    const server = this.#server;
    this.#server = undefined;
    await server?.stop();
  }

  /** Registers; where nobody serves the port, serves it first. */
  async #register(): Promise<number> {
    const { embedded, world } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#alive();
      } catch (error) {
        if (!isBeamishError(error, 'connection_refused')) throw this.#explained(error);
        if (embedded !== 'auto' || attempt === MAX_ATTEMPTS) throw this.#explained(error);
      }
      try {
        await this.#embed();
      } catch (error) {
        // Another node was faster; or the one that served is just closing the port.
        if (!isBeamishError(error, 'address_in_use') || attempt === MAX_ATTEMPTS) throw error;
        await world.clock.sleep(SHORT_WAIT);
      }
    }
  }

  async #embed(): Promise<void> {
    const { world, refusals, bind, port, open, logger } = this.#options;
    const server = await EpmdServer.start({ world, refusals, bind, port, open });
    if (this.#stopped) {
      await server.stop();
      throw new BeamishError('closed', 'the node was stopped');
    }
    this.#server = server;
    logger.info({ port }, 'this node serves the port mapper (epmd) of this machine');
  }

  /** Sends ALIVE2 and keeps the connection. */
  async #alive(): Promise<number> {
    const { world, host, port, setupTime } = this.#options;
    const socket = await world.network.connect({ host, port, timeout: setupTime, signal: this.#controller.signal });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    let registered = false;
    let received: Uint8Array = new Uint8Array(0);
    socket.handle({
      data: (chunk) => {
        if (registered) return;
        received = Buffer.concat([received, chunk]);
        const answer = decodeAliveResponse(received);
        if (answer === 'incomplete') return;
        if (answer?.ok === true) {
          registered = true;
          resolve(answer.creation);
          return;
        }
        reject(answer === undefined ? this.#failed('gave no answer of a port mapper') : this.#nameTaken());
        socket.destroy();
      },
      close: () => {
        reject(this.#failed('closed the connection'));
        if (registered && this.#socket === socket) this.#lost();
      },
    });
    if (this.#stopped) {
      socket.destroy();
      throw new BeamishError('closed', 'the node was stopped');
    }
    this.#socket = socket;
    socket.write(aliveRequest(this.#entry()));
    const timer = world.clock.setTimer(setupTime, () => {
      reject(this.#failed(`did not answer within ${setupTime} ms`));
      if (!registered) socket.destroy();
    });
    try {
      return await promise;
    } finally {
      timer.cancel();
    }
  }

  /** The node keeps the creation it began with (protocols 1.3). */
  #lost(): void {
    if (this.#stopped) return;
    this.#options.logger.warn({ port: this.#options.port }, 'the connection to the port mapper (epmd) was lost');
    this.#again(this.#options.world.random.below(TAKE_OVER_SPREAD));
  }

  #again(delay: number): void {
    this.#timer = this.#options.world.clock.setTimer(
      delay,
      () => {
        this.#recovering = this.#recover();
      },
      { background: true },
    );
  }

  async #recover(): Promise<void> {
    const { logger, port } = this.#options;
    try {
      await this.#register();
      logger.info({ port }, 'registered at the port mapper (epmd) again');
    } catch (error) {
      if (this.#stopped) return;
      logger.warn({ port, err: error }, `not registered at the port mapper (epmd); next try in ${RETRY} ms`);
      this.#again(RETRY);
    }
  }

  #entry(): EpmdEntry {
    const { name, nodePort, hidden } = this.#options;
    return {
      name,
      port: nodePort,
      nodeType: hidden ? NODE_HIDDEN : NODE_VISIBLE,
      protocol: 0,
      // As OTP 25; a peer whose range does not overlap cannot connect (protocols 1.2).
      highVersion: 6,
      lowVersion: 5,
      extra: new Uint8Array(0),
    };
  }

  #nameTaken(): BeamishError {
    const { name, host, port } = this.#options;
    return new BeamishError(
      'name_taken',
      `a node named ${name} runs on this machine already (registered at epmd ${host}:${port}): choose another name or stop that node`,
      { details: { name } },
    );
  }

  #failed(what: string, cause?: unknown): BeamishError {
    const { host, port } = this.#options;
    return new BeamishError('epmd_failed', `epmd at ${host}:${port} ${what}`, {
      retryable: true,
      ...(cause === undefined ? {} : { cause }),
    });
  }

  #explained(error: unknown): unknown {
    if (isBeamishError(error, 'name_taken') || isBeamishError(error, 'epmd_failed') || isBeamishError(error, 'closed'))
      return error;
    return this.#failed(`cannot be reached: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}
