/** The server that most rules are about: it writes what happens to it into a log. */
import { GenServer, NO_REPLY, child } from '../../../src/process/index.ts';
import type { ChildOptions, ServerRef } from '../../../src/process/index.ts';
import { atom, isTuple, tuple } from '../../../src/term/index.ts';
import type { Term } from '../../../src/term/index.ts';
import { EXIT, runtime } from './cast.ts';

interface ChildSettings {
  readonly trap?: boolean;
  readonly fail?: boolean;
  readonly linger?: boolean;
}

export class Child extends GenServer {
  readonly #log: Term[];
  readonly #id: string;
  readonly #settings: ChildSettings;
  constructor(log: Term[], id: string, settings: ChildSettings = {}) {
    super();
    this.#log = log;
    this.#id = id;
    this.#settings = settings;
  }
  protected override init(): void {
    this.process.trapExit(this.#settings.trap ?? true);
    if (this.#settings.fail === true) throw new Error('no');
    this.#log.push(tuple(atom('start'), atom(this.#id)));
  }
  bye(): Term {
    this.stop();
    return atom('bye');
  }
  async sleep(milliseconds: number): Promise<Term> {
    await this.process.sleep(milliseconds);
    return atom('late');
  }
  exit(reason: Term): typeof NO_REPLY {
    this.stop(reason);
    return NO_REPLY;
  }
  protected override handleCall(request: Term): Term {
    this.#log.push(request);
    return request;
  }
  protected override handleCast(request: Term): void {
    this.#log.push(request);
  }
  protected override handleInfo(message: Term): void {
    this.#log.push(isTuple(message, 3) ? tuple(EXIT, message.at(2)) : message);
  }
  protected override async terminate(reason: Term): Promise<void> {
    if (this.#settings.linger === true) await new Promise(() => {});
    this.#log.push(tuple(atom('stop'), atom(this.#id), reason));
  }
}

export const server = (log: Term[]): Promise<ServerRef<Child>> => runtime.startServer(Child, [log, 's']);
export const spec = (log: Term[], id: string, options: ChildOptions = {}, settings: ChildSettings = {}) =>
  child(Child, [log, id, settings], { id, ...options });
