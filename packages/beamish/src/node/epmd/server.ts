import { isBeamishError } from '../../error/index.ts';
import type { Listener, Socket, World } from '../../world/index.ts';
import { isLoopback } from '../names.ts';
import type { Refusals } from '../refusals.ts';
import { FrameReader } from '../wire/frame-reader.ts';
import { MAX_REQUEST_BYTES } from './codec.ts';
import { epmdServer, stepEpmdServer, type EpmdServerInput, type EpmdServerState } from './server-core.ts';

/** Connections at one time, registered nodes included. */
const MAX_CONNECTIONS = 512;
/** Milliseconds until a connection must have asked something. */
const REQUEST_TIME = 5000;

export interface EpmdServerOptions {
  readonly world: World;
  readonly refusals: Refusals;
  readonly bind: string;
  readonly port: number;
  /** Whether other machines are answered. */
  readonly open: boolean;
}

/** A port mapper inside this program: sockets around the core (protocols 1.5). */
export class EpmdServer {
  readonly #world: World;
  readonly #refusals: Refusals;
  readonly #sockets = new Set<Socket>();
  #state: EpmdServerState;
  #listener: Listener | undefined;
  #lastConnection = 0;

  private constructor(options: EpmdServerOptions) {
    this.#world = options.world;
    this.#refusals = options.refusals;
    this.#state = epmdServer(options.port, options.open);
  }

  /** @throws BeamishError `address_in_use` when something serves the port already. */
  static async start(options: EpmdServerOptions): Promise<EpmdServer> {
    const server = new EpmdServer(options);
    const { bind: host, port } = options;
    server.#listener = await options.world.network.listen({ host, port }, (socket) => server.#accept(socket));
    return server;
  }

  async stop(): Promise<void> {
    const closed = this.#listener?.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    if (this.#sockets.size >= MAX_CONNECTIONS) {
      socket.handle({ data() {}, close() {} });
      this.#refusals.refuse('epmd_limit', socket.remote, `more than ${MAX_CONNECTIONS} connections to the port mapper`);
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const connection = ++this.#lastConnection;
    const reader = new FrameReader(2, MAX_REQUEST_BYTES);
    const local = isLoopback(socket.remote.host) || socket.remote.host === socket.local.host;
    const timer = this.#world.clock.setTimer(REQUEST_TIME, () => socket.destroy(), { background: true });
    socket.handle({
      data: (chunk) => {
        try {
          reader.push(chunk);
          for (let body = reader.next(); body !== undefined; body = reader.next()) {
            const random = this.#world.random.uint32();
            if (this.#step({ type: 'request', connection, body, local, random }, socket)) timer.cancel();
          }
        } catch (error) {
          if (!isBeamishError(error, 'frame_malformed')) throw error;
          this.#refuse(socket, error.message);
        }
      },
      close: () => {
        timer.cancel();
        this.#sockets.delete(socket);
        this.#step({ type: 'closed', connection }, socket);
      },
    });
  }

  /** @returns whether the connection now is that of a registered node, which stays open. */
  #step(input: EpmdServerInput, socket: Socket): boolean {
    const before = this.#state.registered.size;
    const [state, effects] = stepEpmdServer(this.#state, input);
    this.#state = state;
    for (const effect of effects) {
      if (effect.type === 'refuse') {
        this.#refuse(socket, effect.why);
      } else {
        socket.write(effect.bytes);
        if (effect.then === 'end') socket.end();
      }
    }
    return state.registered.size > before;
  }

  #refuse(socket: Socket, why: string): void {
    this.#refusals.refuse('epmd_garbage', socket.remote, `the port mapper got ${why}`);
    socket.destroy();
  }
}
