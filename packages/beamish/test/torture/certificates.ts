import { writeFile } from 'node:fs/promises';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temp.ts';
import { Authority } from '../world/certificates.ts';

/** One certificate for all nodes, in files. */
export class Certificates implements AsyncDisposable {
  readonly #directory: TemporaryDirectory;
  /** What a BEAM is started with. */
  readonly erl: readonly string[];

  private constructor(directory: TemporaryDirectory, erl: readonly string[]) {
    this.#directory = directory;
    this.erl = erl;
  }

  /** @param lanes how many addresses, beside 127.0.0.1 */
  static async make(lanes: number): Promise<Certificates> {
    const directory = await temporaryDirectory();
    const authority = new Authority();
    const addresses = ['127.0.0.1', ...Array.from({ length: lanes }, (_, lane) => `127.0.0.${10 + lane}`)];
    const { cert, key } = authority.issue(addresses.flatMap((address) => [`IP:${address}`, `DNS:${address}`]));
    const files = { cert, key, ca: authority.ca };
    for (const [kind, text] of Object.entries(files)) await writeFile(directory.file(`${kind}.pem`), text);
    authority.dispose();
    const own = `{certfile,"${directory.file('cert.pem')}"},{keyfile,"${directory.file('key.pem')}"}`;
    const common = `${own},{cacertfile,"${directory.file('ca.pem')}"},{verify,verify_peer}`;
    const conf = directory.file('erl.conf');
    await writeFile(conf, `[{server,[${common},{fail_if_no_peer_cert,true}]},{client,[${common}]}].`);
    return new Certificates(directory, ['-proto_dist', 'inet_tls', '-ssl_dist_optfile', conf]);
  }

  get path(): string {
    return this.#directory.path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }
}
