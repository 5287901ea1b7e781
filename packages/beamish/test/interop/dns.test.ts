/** dnsPoll against a real DNS server: dnsmasq on loopback, serving several 127.0.0.x addresses from a file, ttl 0. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { dnsPoll, startDiscovery } from '../../src/discovery/index.ts';
import type { Discovery, DnsPollOptions } from '../../src/discovery/index.ts';
import { Node, type NodeEvent } from '../../src/node/index.ts';
import { realWorld } from '../../src/world/index.ts';
import { startChild } from '../support/children.ts';
import type { Child } from '../support/children.ts';
import { eventually } from '../support/eventually.ts';
import { collectLogs } from '../support/logs.ts';
import { requirePeer, skipUnless } from '../support/peers.ts';
import { freePort } from '../support/ports.ts';
import { row } from '../support/row.ts';
import { temporaryDirectory } from '../support/temp.ts';

const options = { ...skipUnless('dnsmasq'), timeout: 60_000 };
const QUERY = 'app.cluster.test';
const INTERVAL = 500;

class Dns {
  readonly port: number;
  readonly #file: string;
  #child: Child;
  readonly #start: () => Child;

  private constructor(port: number, file: string, start: () => Child) {
    this.port = port;
    this.#file = file;
    this.#start = start;
    this.#child = start();
  }

  static async start(t: TestContext): Promise<Dns> {
    const directory = await temporaryDirectory();
    t.after(() => directory[Symbol.asyncDispose]());
    const file = directory.file('hosts');
    await writeFile(file, '');
    const port = await freePort();
    const own = [
      '--keep-in-foreground',
      '--no-resolv',
      '--no-hosts',
      '--log-facility=-',
      '--pid-file',
      '--user=',
      '--conf-file=/dev/null',
    ];
    const where = [
      `--port=${port}`,
      '--listen-address=127.0.0.1',
      '--bind-interfaces',
      `--addn-hosts=${file}`,
      '--local-ttl=0',
      '--local=/test/',
    ];
    const dns = new Dns(port, file, () =>
      startChild(requirePeer('dnsmasq'), [...own, ...where], { name: 'dnsmasq', t }),
    );
    await dns.#child.waitForOutput(/read .*hosts/);
    return dns;
  }

  /** Serves these addresses from now on. */
  async serve(...addresses: string[]): Promise<void> {
    await writeFile(this.#file, addresses.map((address) => `${address} ${QUERY}\n`).join(''));
    const from = this.#child.output.length;
    this.#child.kill('SIGHUP');
    await this.#child.waitForOutput(/read .*hosts/, 5000, from);
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }

  async again(): Promise<void> {
    this.#child = this.#start();
    await this.#child.waitForOutput(/read .*hosts/);
  }
}

interface Side {
  readonly node: Node;
  readonly discovery: Discovery;
  readonly logs: ReturnType<typeof collectLogs>;
}

async function startNode(t: TestContext, epmdPort: number, number: number): Promise<Omit<Side, 'discovery'>> {
  const logs = collectLogs();
  const world = realWorld({ logger: logs.logger });
  // Every address stands for a machine, so each has a port mapper of its own.
  const host = `127.0.0.${number}`;
  const epmd = { port: epmdPort, host, bind: host };
  const node = await Node.start({ name: `web@${host}`, cookie: 'dnstest', epmd, world });
  t.after(() => node.stop());
  return { node, logs };
}

async function join(
  t: TestContext,
  dns: Dns,
  epmdPort: number,
  number: number,
  more: Partial<DnsPollOptions> = {},
): Promise<Side> {
  const { node, logs } = await startNode(t, epmdPort, number);
  const strategy = dnsPoll({
    query: QUERY,
    basename: 'web',
    interval: INTERVAL,
    servers: [`127.0.0.1:${dns.port}`],
    ...more,
  });
  const discovery = await startDiscovery(node, strategy);
  t.after(() => discovery.stop());
  return { node, discovery, logs };
}

const names = ({ node }: Side): string[] =>
  node
    .nodes()
    .map(({ name }) => name)
    .toSorted();

test(
  row('10', 'dns and us', 'dnsPoll: a node added to the name is in the cluster within the interval and a second'),
  options,
  async (t) => {
    const dns = await Dns.start(t);
    const epmdPort = await freePort();
    const one = await join(t, dns, epmdPort, 11);
    const addresses = ['127.0.0.11'];
    for (const number of [12, 13, 14, 15]) {
      // It does not look for others itself: that it is found is the doing of the first.
      await startNode(t, epmdPort, number);
      addresses.push(`127.0.0.${number}`);
      const started = performance.now();
      await dns.serve(...addresses);
      await eventually(() => names(one).includes(`web@127.0.0.${number}`), { timeout: INTERVAL + 1000 });
      t.diagnostic(
        `connected ${Math.round(performance.now() - started)} ms after it was added, with an interval of ${INTERVAL} ms`,
      );
    }
    assert.equal(names(one).length, 4);
    assert.deepEqual(
      one.logs.warnings().map(({ msg }) => msg),
      [],
    );
  },
);

test(
  row(
    '10',
    'dns and us',
    'dnsPoll: a node taken out of the name stays; severed it is let go, and back in the name it is back',
  ),
  options,
  async (t) => {
    const dns = await Dns.start(t);
    const epmdPort = await freePort();
    const [one, two] = [await join(t, dns, epmdPort, 11), await join(t, dns, epmdPort, 12)];
    await dns.serve('127.0.0.11', '127.0.0.12');
    await eventually(() => names(one).length === 1 && names(two).length === 1);
    await dns.serve('127.0.0.11');
    await eventually(() =>
      one.logs.lines.some(({ msg }) => msg === 'a node is not listed any more; it stays connected'),
    );
    assert.deepEqual(names(one), [two.node.name]);
    // Severed, it comes back by itself: the other is still in the name.
    one.node.disconnect(two.node.name);
    await eventually(() => names(one).length === 1 && names(two).length === 1, { timeout: INTERVAL + 1000 });
    // Gone from the name for both sides; neither looks for it any more.
    await dns.serve();
    await eventually(() => one.discovery.nodes().length + two.discovery.nodes().length === 0);
    one.node.disconnect(two.node.name);
    await eventually(() => names(one).length + names(two).length === 0);
    await dns.serve('127.0.0.11', '127.0.0.12');
    await eventually(() => names(one).length === 1 && names(two).length === 1, { timeout: INTERVAL + 1000 });
  },
);

test(
  row('10', 'dns and us', 'dnsPoll: a listed node that is severed, or dead and started again, is found again'),
  options,
  async (t) => {
    const dns = await Dns.start(t);
    const epmdPort = await freePort();
    await dns.serve('127.0.0.11', '127.0.0.12', '127.0.0.13');
    const [one, two] = [await join(t, dns, epmdPort, 11), await join(t, dns, epmdPort, 12)];
    for (let round = 0; round < 5; round++) {
      await eventually(() => names(one).length === 1 && names(two).length === 1);
      one.node.disconnect(two.node.name);
    }
    await two.discovery.stop();
    await two.node.stop();
    await eventually(() => names(one).length === 0);
    const back = await join(t, dns, epmdPort, 12);
    await eventually(() => names(one).length === 1 && names(back).length === 1, { timeout: 6000 });
    // 127.0.0.13 never answered: one line, not one for each attempt.
    const silent = one.logs.warnings().filter(({ peer, code }) => peer === 'web@127.0.0.13' && code !== undefined);
    assert.equal(silent.length, 1);
  },
);

test(
  row('10', 'dns and us', 'dnsPoll: with disconnectLost a node that is left out is disconnected'),
  options,
  async (t) => {
    const dns = await Dns.start(t);
    const epmdPort = await freePort();
    await dns.serve('127.0.0.11', '127.0.0.12');
    const [one, two] = [
      await join(t, dns, epmdPort, 11, { disconnectLost: true }),
      await join(t, dns, epmdPort, 12, { disconnectLost: true }),
    ];
    await eventually(() => names(one).length === 1 && names(two).length === 1);
    const lost: NodeEvent[] = [];
    one.node.monitorNodes((event) => lost.push(event));
    await dns.serve('127.0.0.11');
    // What it told, not who is connected: the other, in whose name the first still is, connects again.
    await eventually(() => lost.some((event) => event.type === 'nodedown' && event.node === two.node.name));
    const [first] = lost;
    assert.equal(first?.type === 'nodedown' && first.reason, 'disconnected');
  },
);

test(
  row('10', 'dns and us', 'dnsPoll: while the DNS server is away nothing is lost, and it is told once'),
  options,
  async (t) => {
    const dns = await Dns.start(t);
    const epmdPort = await freePort();
    await dns.serve('127.0.0.11', '127.0.0.12', '::1');
    const [one, two] = [await join(t, dns, epmdPort, 11), await join(t, dns, epmdPort, 12)];
    await eventually(() => names(one).length === 1 && names(two).length === 1);
    assert(
      one.discovery.nodes().some(({ name }) => name === 'web@::1'),
      'AAAA records count too',
    );
    await dns.stop();
    const failed = (): number =>
      one.logs.warnings().filter(({ msg }) => msg.startsWith('the DNS lookup failed')).length;
    await eventually(() => failed() === 1, { timeout: 10_000 });
    one.node.disconnect(two.node.name);
    await eventually(() => names(one).length === 1);
    await dns.again();
    await eventually(() => one.logs.lines.some(({ msg }) => msg === 'the DNS lookup works again'), { timeout: 10_000 });
    assert.equal(failed(), 1);
  },
);
