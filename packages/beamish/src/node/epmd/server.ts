import { Crowd } from '../../world/index.ts';
import type { Listener, Socket, World } from '../../world/index.ts';
import { isLoopback } from '../names.ts';
import type { Refusals } from '../refusals.ts';
import { FrameReader } from '../wire/frame-reader.ts';
import { MAX_REQUEST_BYTES } from './codec.ts';
import { epmdServer, stepEpmdServer, type EpmdServerInput, type EpmdServerState } from './server-core.ts';

/** Connections at one time that have not registered a node. */
const MAX_ASKING = 512;
/** Milliseconds until a connection must have asked something. */
const REQUEST_TIME = 5000;

export interface EpmdServerOptions {
  readonly world: World;
  readonly refusals: Refusals;
  /** The addresses to listen on. */
  readonly bind: readonly string[];
  readonly port: number;
  /** Whether other machines are answered. */
  readonly open: boolean;
}

/** A port mapper inside this program: sockets around the core (protocols 1.5). */
export class EpmdServer {
  readonly #world: World;
  readonly #refusals: Refusals;
  readonly #sockets = new Set<Socket>();
  readonly #asking = new Crowd<Socket>(MAX_ASKING);
  #state: EpmdServerState;
  readonly #listeners: Listener[] = [];
  #lastConnection = 0;

  private constructor(options: EpmdServerOptions) {
    this.#world = options.world;
    this.#refusals = options.refusals;
    this.#state = epmdServer(options.port, options.open);
  }

  /** @throws BeamishError `address_in_use` when something serves the port on one of the addresses already. */
  static async start(options: EpmdServerOptions): Promise<EpmdServer> {
    const server = new EpmdServer(options);
    const { bind, port, world } = options;
    try {
      // One after another: who has the first of them has the port, as long as all bind the same.
      for (const host of bind) {
        server.#listeners.push(await world.network.listen({ host, port }, (socket) => server.#accept(socket)));
      }
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  async stop(): Promise<void> {
    const closed = Promise.all(this.#listeners.map((listener) => listener.close()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    const gone = this.#asking.add(socket.remote.host, socket);
    if (gone !== undefined) {
      const message = `more than ${MAX_ASKING} connections to the port mapper; the oldest of this address is closed`;
      this.#refusals.refuse('epmd_limit', gone.remote, message);
      gone.destroy();
    }
    this.#sockets.add(socket);
    const connection = ++this.#lastConnection;
    const reader = new FrameReader(2, MAX_REQUEST_BYTES);
    const local = isLoopback(socket.remote.host) || socket.remote.host === socket.local.host;
    /** Ended from here: what came behind the last request is not answered, however the network cut it. */
    let over = false;
    const timer = this.#world.clock.setTimer(REQUEST_TIME, () => socket.destroy(), { background: true });
    socket.handle({
      data: (chunk) => {
        if (over) return;
        try {
          reader.push(chunk);
          for (let body = reader.next(); body !== undefined; body = reader.next()) {
            const random = this.#world.random.uint32();
            const outcome = this.#step({ type: 'request', connection, body, local, random }, socket);
            if (outcome === 'registered') {
              timer.cancel();
              this.#asking.delete(socket.remote.host, socket);
            }
            over = outcome === 'over';
            if (over) return;
          }
        } catch (error) {
          // Whatever the bytes lead to ends this connection, and nothing else.
          over = true;
          this.#refuse(socket, error instanceof Error ? error.message : String(error));
        }
      },
      close: () => {
        timer.cancel();
        this.#sockets.delete(socket);
        this.#asking.delete(socket.remote.host, socket);
        this.#step({ type: 'closed', connection }, socket);
      },
    });
  }

  /** @returns `registered`: the connection now is that of a node, and stays open. `over`: it was ended. */
  #step(input: EpmdServerInput, socket: Socket): 'registered' | 'over' | 'open' {
    const before = this.#state.registered.size;
    const [state, effects] = stepEpmdServer(this.#state, input);
    this.#state = state;
    let over = false;
    for (const effect of effects) {
      if (effect.type === 'refuse') {
        this.#refuse(socket, effect.why);
        over = true;
      } else {
        socket.write(effect.bytes);
        if (effect.then === 'keep') continue;
        socket.end();
        over = true;
      }
    }
    if (over) return 'over';
    return state.registered.size > before ? 'registered' : 'open';
  }

  #refuse(socket: Socket, why: string): void {
    this.#refusals.refuse('epmd_garbage', socket.remote, `the port mapper got ${why}`);
    socket.destroy();
  }
}
