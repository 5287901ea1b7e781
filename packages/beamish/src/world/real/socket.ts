import type { Socket as NodeSocket } from 'node:net';
import type { Address, PeerCertificate, Socket, SocketHandler } from '../network.ts';
import { certificateOf } from './tls.ts';

/** A TCP or TLS stream behind the `Socket` interface. A write leaves at once: who writes small pieces gathers them. */
export class RealSocket implements Socket {
  readonly local: Address;
  readonly remote: Address;
  readonly #socket: NodeSocket;
  #error: Error | undefined;
  #closed = false;
  #handler: SocketHandler | undefined;

  constructor(socket: NodeSocket) {
    this.#socket = socket;
    this.local = { host: socket.localAddress ?? '', port: socket.localPort ?? 0 };
    this.remote = { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    socket.setNoDelay(true);
    // Listening from the start: an error before `handle` must not be an uncaught one, and is not lost.
    socket.on('error', (error) => (this.#error = error));
    socket.on('close', () => {
      this.#closed = true;
      this.#handler?.close(this.#error);
    });
  }

  handle(handler: SocketHandler): void {
    if (this.#handler !== undefined) throw new Error('a socket has one handler');
    this.#handler = handler;
    const socket = this.#socket;
    if (this.#closed) return queueMicrotask(() => handler.close(this.#error));
    socket.on('data', (chunk: Uint8Array) => handler.data(chunk));
    socket.on('drain', () => handler.drain?.());
    socket.on('end', () => (handler.end === undefined ? this.end() : handler.end()));
  }

  write(chunk: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return false;
    return socket.write(chunk);
  }

  get certificate(): PeerCertificate | undefined {
    return certificateOf(this.#socket);
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#socket.destroy();
  }
}
