// What the workers use of the peers' packages. bench/ is no part of the workspace: the type check of a fresh clone must
// pass before they are installed, so these declarations stand instead of the packages' own.

declare module '@nats-io/transport-node' {
  interface Msg {
    json(): unknown;
    string(): string;
    respond(payload: string): boolean;
  }
  interface NatsConnection {
    publish(subject: string, payload?: string): void;
    subscribe(subject: string, options: { callback(error: Error | null, message: Msg): void }): unknown;
    request(subject: string, payload?: string, options?: { timeout: number }): Promise<Msg>;
    flush(): Promise<void>;
  }
  export function connect(options: {
    servers: string;
    reconnect?: boolean;
    noAsyncTraces?: boolean;
  }): Promise<NatsConnection>;
}

declare module 'ioredis' {
  export class Redis {
    constructor(options: { host: string; port: number; enableAutoPipelining?: boolean });
    on(event: 'message', listener: (channel: string, message: string) => void): this;
    subscribe(...channels: string[]): Promise<unknown>;
    publish(channel: string, message: string): Promise<number>;
  }
}

declare module 'moleculer' {
  interface Context {
    readonly params: unknown;
  }
  export class ServiceBroker {
    constructor(options: {
      nodeID: string;
      logger: boolean;
      requestTimeout: number;
      transporter: { type: 'TCP'; options: Readonly<Record<string, unknown>> };
    });
    createService(service: {
      name: string;
      actions: Record<string, (context: Context) => unknown>;
      events: Record<string, (context: Context) => void>;
    }): unknown;
    start(): Promise<void>;
    stop(): Promise<void>;
    waitForServices(name: string, timeout: number): Promise<unknown>;
    call(action: string, params?: unknown): Promise<unknown>;
    emit(event: string, payload: unknown): Promise<unknown>;
  }
}
