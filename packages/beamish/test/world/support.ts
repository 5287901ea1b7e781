/** A handler that keeps what its socket tells it. */
import type { Socket, SocketHandler } from '../../src/world/index.ts';

export class Recorder implements SocketHandler {
  readonly chunks: Uint8Array[] = [];
  readonly closed: Promise<Error | undefined>;
  drained = 0;
  closes = 0;
  ended = false;
  readonly #socket: Socket;
  readonly #endInReturn: boolean;
  #close: (error: Error | undefined) => void = () => {};

  constructor(socket: Socket, options: { readonly endInReturn?: boolean } = {}) {
    this.#socket = socket;
    this.#endInReturn = options.endInReturn ?? true;
    this.closed = new Promise((resolve) => (this.#close = resolve));
    socket.handle(this);
  }

  data(chunk: Uint8Array): void {
    this.chunks.push(chunk);
  }

  drain(): void {
    this.drained++;
  }

  end(): void {
    this.ended = true;
    if (this.#endInReturn) this.#socket.end();
  }

  close(error?: Error): void {
    this.closes++;
    this.#close(error);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  get bytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
