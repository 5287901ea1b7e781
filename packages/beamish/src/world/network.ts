/** An IP address (never a host name) and a port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Certificates as PEM text or DER bytes. */
export interface TlsOptions {
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  readonly passphrase?: string;
  /**
   * The only authorities trusted; several in one PEM text are all trusted, which is how authorities are changed. Without it
   * nothing the peer shows can be verified, and verification fails.
   */
  readonly ca?: string | Uint8Array;
  /** Client: check chain and host name. Server: ask for a client certificate and check its chain. @default true */
  readonly verifyPeer?: boolean;
  /** Client: the name that the certificate must carry (DNS or IP subject alternative name). */
  readonly serverName?: string;
  /** @default 'TLSv1.2' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/**
 * What a connected stream tells its owner. Set once, before the first byte can arrive (`Socket.handle` is called in the
 * same turn in which the socket was handed over). `close` is called exactly once, last, with the error if one ended it.
 */
export interface SocketHandler {
  data(chunk: Uint8Array): void;
  /** The write queue has emptied after `write` returned false. */
  drain?(): void;
  /** The peer has finished sending. Without this method the socket is ended in return. */
  end?(): void;
  close(error?: Error): void;
}

/** What the other side of a TLS connection has shown, issued by an authority that this side trusts. */
export interface PeerCertificate {
  /** For messages: the subject and all names, on one line. */
  readonly title: string;
  /** Whether it is for that host: DNS names, with wildcards, and IP addresses (RFC 6125). */
  isFor(host: string): boolean;
  /** The common names among its subject alternative names (`dirName`). Erlang takes them for names of nodes. */
  readonly commonNames: readonly string[];
}

/** A connected byte stream (TCP, or TLS after its handshake). */
export interface Socket {
  /** Absent without TLS, and when the other side showed none or none that is trusted. */
  readonly certificate?: PeerCertificate | undefined;
  readonly local: Address;
  readonly remote: Address;
  handle(handler: SocketHandler): void;
  /** Queues bytes; the socket owns `chunk` from here on. @returns false when the queue is above its high-water mark. */
  write(chunk: Uint8Array): boolean;
  /** Bytes queued and not yet taken by the operating system. */
  readonly bufferedBytes: number;
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once; queued bytes are lost. Idempotent. */
  destroy(error?: Error): void;
}

/** Where to take connections, and how many at a time. */
export interface ListenOptions {
  /** An IP address to bind. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls?: TlsOptions;
  /** Milliseconds for a TLS handshake. @default 7000 */
  readonly handshakeTimeout?: number;
  /** TLS handshakes at one time; for the next one the oldest of the address with most is closed. @default 1000 */
  readonly maxHandshakes?: number;
  /** Called for a peer whose TLS handshake failed (`tls_failed`) or made room (`queue_full`), with its address. */
  readonly onRefused?: (error: Error, remote: Address) => void;
}

/** Takes connections until it is closed. */
export interface Listener {
  readonly address: Address;
  /**
   * Other certificates for the connections that come from now on; those that are there keep theirs. What is verified of a peer
   * stays as it was.
   * @throws BeamishError `tls_failed` when they cannot be used; those before stay then
   */
  renewTls(tls: TlsOptions): void;
  /** Stops accepting; connections made stay. Idempotent. */
  close(): Promise<void>;
}

/** Where to connect, and how long that may take. */
export interface ConnectOptions {
  /** A host name or an IP address. */
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions;
  /** Milliseconds until the attempt fails with `BeamishError('timeout')`, TLS handshake included. @default 7000 */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** The local address to dial from. */
  readonly localHost?: string;
}

/** Of a UDP socket. */
export interface DatagramOptions {
  readonly host: string;
  readonly port: number;
  /** Share the port with other sockets of this machine (SO_REUSEADDR). @default false */
  readonly reuseAddress?: boolean;
  readonly broadcast?: boolean;
  readonly multicast?: {
    readonly group: string;
    /** The local interface's address. */
    readonly interface?: string;
    /** @default 1 */
    readonly ttl?: number;
    /** Hear own packets, needed for several nodes on one machine. @default true */
    readonly loopback?: boolean;
  };
  readonly onMessage: (message: Uint8Array, from: Address) => void;
  readonly onError?: (error: Error) => void;
}

/** A bound UDP socket. */
export interface DatagramSocket {
  readonly address: Address;
  /** Sends and forgets: a failure is told to `onError`. */
  send(message: Uint8Array, to: Address): void;
  close(): Promise<void>;
}

/** Of one question to the DNS. */
export interface ResolveOptions {
  /** `host:port` of DNS servers to ask in place of the system's. */
  readonly servers?: readonly string[];
  /** Milliseconds. @default 5000 */
  readonly timeout?: number;
}

/** A service as the DNS has it (RFC 2782). */
export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** All reject with `BeamishError`: connection_refused, timeout, address_in_use, host_unresolved, tls_failed. */
export interface Network {
  /** The name of this machine as its operating system gives it, without domain. */
  readonly hostName: string;
  listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listener>;
  connect(options: ConnectOptions): Promise<Socket>;
  /** @throws BeamishError `tls_failed` when no peer could accept them: unreadable, key of another certificate, expired. */
  checkTls(options: TlsOptions): void;
  bindDatagram(options: DatagramOptions): Promise<DatagramSocket>;
  /** Every A and AAAA record of a name; an empty array when the name has none. */
  resolveAddresses(name: string, options?: ResolveOptions): Promise<readonly string[]>;
  resolveServices(name: string, options?: ResolveOptions): Promise<readonly SrvRecord[]>;
}
