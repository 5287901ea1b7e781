import { BeamishError } from '../error/index.ts';
import type { Logger, Timer, TlsOptions, World } from '../world/index.ts';

/**
 * Certificates in PEM files; they are read again when they change, and used when two looks have found the same, so that none has to
 * be restarted for new ones.
 */
export interface TlsFiles extends Omit<TlsOptions, 'cert' | 'key' | 'ca'> {
  /** This node's certificate, and behind it those between it and the authority, if any. */
  readonly certFile: string;
  readonly keyFile: string;
  /** The authorities trusted; the old and the new one while they are changed. */
  readonly caFile: string;
  /** Milliseconds between two looks at the files. @default 10000 */
  readonly reloadInterval?: number;
}

export interface TlsMaterialOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly tls: TlsOptions | TlsFiles;
}

const RELOAD_INTERVAL = 10_000;

/** The certificates that new connections use, of both directions. */
export class TlsMaterial {
  readonly #options: TlsMaterialOptions;
  #current: TlsOptions;
  /** What was tried last, good or not: told once. */
  #seen: string;
  /** What the last look found. */
  #before = '';
  #timer: Timer | undefined;
  #stopped = false;
  /** Called with new certificates, before anything else uses them; it may refuse them by throwing. */
  onRenewed: (tls: TlsOptions) => void = () => {};

  private constructor(options: TlsMaterialOptions, current: TlsOptions) {
    this.#options = options;
    this.#current = current;
    this.#seen = fingerprint(current);
    this.#again();
  }

  /** @throws BeamishError `tls_failed` when a file cannot be read, or no peer could accept what is in it */
  static async start(options: TlsMaterialOptions): Promise<TlsMaterial> {
    const { world, tls } = options;
    const current = isFiles(tls) ? await read(world, tls) : tls;
    world.network.checkTls(current);
    return new TlsMaterial(options, current);
  }

  get current(): TlsOptions {
    return this.#current;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #again(): void {
    const { world, tls } = this.#options;
    if (!isFiles(tls) || this.#stopped) return;
    const { reloadInterval = RELOAD_INTERVAL } = tls;
    this.#timer = world.clock.setTimer(reloadInterval, () => void this.#look(tls).finally(() => this.#again()), {
      background: true,
    });
  }

  async #look(files: TlsFiles): Promise<void> {
    const { world, logger } = this.#options;
    const found = await read(world, files).catch((error: unknown) => error);
    const seen = found instanceof Error ? String(found) : fingerprint(found as TlsOptions);
    // Twice the same: a file that is just being written may look whole, an authority less, a chain without its end.
    const settled = seen === this.#before;
    this.#before = seen;
    if (seen === this.#seen || !settled || this.#stopped) return;
    this.#seen = seen;
    try {
      if (found instanceof Error) throw found;
      const next = found as TlsOptions;
      world.network.checkTls(next);
      this.onRenewed(next);
      this.#current = next;
      logger.info({ certFile: files.certFile }, 'the TLS certificates were read again: new connections use them');
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      logger.error(
        { certFile: files.certFile, keyFile: files.keyFile, caFile: files.caFile, err: error },
        `new TLS certificates cannot be used, those before stay in use: ${message}`,
      );
    }
  }
}

function isFiles(tls: TlsOptions | TlsFiles): tls is TlsFiles {
  return 'certFile' in tls;
}

async function read(world: World, files: TlsFiles): Promise<TlsOptions> {
  const { certFile, keyFile, caFile, reloadInterval: _, ...rest } = files;
  const text = async (path: string): Promise<Uint8Array> => {
    try {
      return await world.disk.readFile(path);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new BeamishError('tls_failed', `the TLS file ${path} cannot be read: ${why}`, { cause });
    }
  };
  const [cert, key, ca] = await Promise.all([text(certFile), text(keyFile), text(caFile)]);
  return { ...rest, cert, key, ca };
}

/** Holds the key: compared, never shown. */
function fingerprint({ cert, key, ca }: TlsOptions): string {
  return [cert, key, ca].map((part) => Buffer.from(part ?? '').toString('base64')).join(' ');
}
