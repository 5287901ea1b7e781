/** The page in a real browser, over the real web server and a real cluster of nodes; only the collectors are made up. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { build } from 'vite';
import { eventually } from '../../../../packages/beamish/test/support/eventually.ts';
import { findExecutable, skipUnless } from '../../../../packages/beamish/test/support/peers.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../../../../packages/beamish/test/support/temp.ts';
import { chromiumFlags } from '../support/chromium.ts';
import { FakeCluster, type FakeCollector } from './support.ts';

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };
const DEVICES = 24;

let browser: Browser | undefined;
let directory: TemporaryDirectory | undefined;

before(async () => {
  const executablePath = findExecutable('chromium');
  if (executablePath === undefined) return;
  // A build of its own: another run of this file must not find half of it.
  directory = await temporaryDirectory();
  await build({
    configFile: fileURLToPath(new URL('../../page/vite.config.ts', import.meta.url)),
    logLevel: 'warn',
    build: { outDir: directory.path },
  });
  browser = await chromium.launch({ executablePath, args: chromiumFlags });
});

after(async () => {
  await browser?.close();
  await directory?.[Symbol.asyncDispose]();
});

interface Setting extends AsyncDisposable {
  readonly cluster: FakeCluster;
  readonly one: FakeCollector;
  readonly two: FakeCollector;
  readonly urls: readonly string[];
  /** One poll of every device by the collector whose turn it is. */
  pollAll(): void;
  open(path: string, options?: BrowserContextOptions & { readonly url?: string | undefined }): Promise<Page>;
  /** What went wrong in any page: errors, and requests to other hosts. */
  readonly faults: string[];
}

async function setting(webs = 1): Promise<Setting> {
  const cluster = await FakeCluster.start(DEVICES);
  const [one, two] = [await cluster.collector('collector1'), await cluster.collector('collector2')];
  const pollAll = (): void => cluster.store.ids.forEach((id, index) => void (index % 2 === 0 ? one : two).poll(id));
  pollAll();
  const urls: string[] = [];
  for (let index = 1; index <= webs; index++)
    urls.push((await cluster.web(`web${index}`, { pageDirectory: directory?.path ?? '' })).url);
  for (const url of urls) {
    await eventually(
      async () => {
        pollAll();
        // The last two: one of each collector.
        const answers = cluster.store.ids.slice(-2).map(async (id) => (await fetch(`${url}/api/devices/${id}`)).json());
        return (await Promise.all(answers)).every(
          (answer) => (answer as { interfaces: unknown[] }).interfaces.length > 0,
        );
      },
      { describe: 'the web node hears both collectors' },
    );
  }
  const faults: string[] = [];
  const pages: Page[] = [];
  return {
    cluster,
    one,
    two,
    urls,
    pollAll,
    faults,
    async open(path, { url = urls[0], ...options } = {}) {
      assert.ok(browser);
      const context = await browser.newContext({ viewport: WIDE, ...options });
      const page = await context.newPage();
      page.on('pageerror', (error) => faults.push(error.message));
      page.on(
        'console',
        (message) => message.type() === 'error' && !message.text().includes('WebSocket') && faults.push(message.text()),
      );
      page.on('request', (request) => new URL(request.url()).hostname !== '127.0.0.1' && faults.push(request.url()));
      pages.push(page);
      await page.goto(`${url}/${path}`);
      return page;
    },
    async [Symbol.asyncDispose]() {
      for (const page of pages) await page.context().close();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

const browserTest = { ...skipUnless('chromium'), timeout: 60_000 };

/** As much of the DOM as these tests look at: the rest of the workspace is compiled without it. */
interface Dom {
  readonly scrollWidth: number;
  readonly textContent: string | null;
  readonly dataset: Record<string, string | undefined>;
  readonly ownerDocument: {
    readonly activeElement: Dom | null;
    readonly defaultView: {
      readonly innerWidth: number;
      getComputedStyle(element: Dom, pseudo?: string): Record<string, string>;
    };
  };
}

const overflow = (page: Page): Promise<number> =>
  page.locator('html').evaluate((html: Dom) => html.scrollWidth - html.ownerDocument.defaultView.innerWidth);
const focused = (page: Page): Promise<string> =>
  page.locator('body').evaluate((body: Dom) => body.ownerDocument.activeElement?.textContent ?? '');
const styleOf = (page: Page, selector: string, property: string, pseudo?: string): Promise<string> =>
  page
    .locator(selector)
    .evaluate(
      (element: Dom, [name, part]: readonly [string, string | undefined]) =>
        element.ownerDocument.defaultView.getComputedStyle(element, part)[name] ?? '',
      [property, pseudo] as const,
    );

for (const viewport of [WIDE, NARROW]) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(
      `every view at ${viewport.width} px, ${colorScheme}: everything there, nothing wider than the screen, no error`,
      browserTest,
      async () => {
        await using host = await setting();
        const page = await host.open('', { viewport, colorScheme });
        await page
          .locator('[data-device]')
          .nth(DEVICES - 1)
          .waitFor();
        assert.equal(await page.locator('[data-device]').count(), DEVICES);
        const row = page.locator('[data-device=sw-02]');
        await page.locator('[data-device=sw-02][data-owner="collector2@127.0.0.1"][data-state=up]').waitFor();
        for (const text of ['sw-02', 'access-2', '127.0.0.1:20002', 'collector2', 'Up'])
          assert.ok((await row.innerText()).includes(text), text);
        assert.match(await row.innerText(), /\d\s[kMG]?bit\/s/);
        assert.ok((await overflow(page)) <= 0);

        await page.locator('[data-device=sw-02] a').click();
        await page.locator('[data-interface="Gi0/8"] canvas').waitFor();
        assert.equal(await page.locator('[data-port]').count(), 8);
        assert.equal(await page.locator('.chart canvas').count(), 9);
        assert.ok((await overflow(page)) <= 0);

        await page.getByRole('link', { name: 'Cluster' }).click();
        await page
          .locator('[data-cluster-device]')
          .nth(DEVICES - 1)
          .waitFor();
        assert.equal(await page.locator('[data-cluster-node]').count(), 3);
        assert.ok((await overflow(page)) <= 0);
        const background = await styleOf(page, 'html', 'backgroundColor');
        assert.equal(background, colorScheme === 'dark' ? 'rgb(12, 18, 24)' : 'rgb(245, 247, 249)');
        assert.deepEqual(host.faults, []);
      },
    );
  }
}

test('a poll reaches the pages of all web nodes, in the list and on the device', browserTest, async () => {
  await using host = await setting(2);
  const pages = [
    await host.open('#/', { url: host.urls[0] }),
    await host.open('#/devices/sw-01', { url: host.urls[1] }),
  ] as const;
  await pages[0].locator('[data-device=sw-01]').waitFor();
  await pages[1].locator('[data-interface="Gi0/1"] canvas').waitFor();
  const { at } = await eventually(async () => {
    const sample = host.one.poll('sw-01');
    return (await pages[0].locator(`[data-device=sw-01][data-at="${sample.at}"]`).count()) === 1 && sample;
  });
  const next = host.one.poll('sw-01', at + 1000, { name: 'renamed' });
  await pages[0].locator(`[data-device=sw-01][data-at="${next.at}"]`).waitFor();
  await pages[1].locator(`[data-device-page=sw-01][data-at="${next.at}"]`).waitFor();
  await pages[1].getByText('renamed').waitFor();
  host.one.say('sw-01', 'unreachable', 'no answer within 900 ms');
  await pages[0].locator('[data-device=sw-01][data-state=unreachable]').getByText('no answer within 900 ms').waitFor();
  await pages[1].getByRole('status').filter({ hasText: 'no answer within 900 ms' }).waitFor();
  assert.deepEqual(host.faults, []);
});

test(
  'ownership moves on the picture; a collector that goes leaves its devices waiting until they are taken over',
  browserTest,
  async () => {
    await using host = await setting();
    const page = await host.open('#/cluster');
    const marks = (owner: string, state: string) =>
      page.locator(`[data-cluster-device][data-owner="${owner}@127.0.0.1"][data-state=${state}]`);
    await marks('collector2', 'up')
      .nth(DEVICES / 2 - 1)
      .waitFor();
    host.one.poll('sw-02', Date.now() + 1);
    await page.locator('[data-cluster-device=sw-02][data-owner="collector1@127.0.0.1"]').waitFor();
    await page.locator('[data-cluster-node="collector1@127.0.0.1"][data-owned="13"]').waitFor();

    await host.two[Symbol.asyncDispose]();
    await marks('collector2', 'pending')
      .nth(DEVICES / 2 - 2)
      .waitFor();
    await page.getByText('gone · 11 to take over').waitFor();
    for (const id of host.cluster.store.ids) host.one.poll(id, Date.now() + 10);
    await marks('collector1', 'up')
      .nth(DEVICES - 1)
      .waitFor();
    // Its place stays for a moment, so that one sees where the devices came from.
    await page.locator('[data-cluster-node="collector2@127.0.0.1"][data-owned="0"]').waitFor();
    await page.getByRole('log').getByText('12 devices moved from collector2 to collector1').waitFor();
    assert.deepEqual(host.faults, []);
  },
);

test(
  'by keyboard alone: skip link, search, from row to row, into a device and back, the list of visitors',
  browserTest,
  async () => {
    await using host = await setting();
    const page = await host.open('');
    await page.locator('[data-device=sw-24]').waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'Skip to content');
    await page.keyboard.press('Enter');
    await page.locator('main:focus').waitFor();
    await page.keyboard.press('/');
    await page.locator('[data-testid=search]:focus').waitFor();
    await page.keyboard.type('collector2 sw-1');
    await page.locator('[data-device=sw-24]').waitFor({ state: 'detached' });
    assert.deepEqual(
      await page.locator('[data-device]').evaluateAll((rows: Dom[]) => rows.map(({ dataset }) => dataset['device'])),
      ['sw-10', 'sw-12', 'sw-14', 'sw-16', 'sw-18'],
    );
    await page.keyboard.press('Escape');
    await page.locator('[data-device=sw-24]').waitFor();
    await page.locator('[data-device=sw-01] a').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    assert.equal(await focused(page), 'sw-02');
    const ring = await styleOf(page, '[data-device=sw-02] a', 'outlineStyle', '::after');
    assert.equal(ring, 'solid', 'the focus is seen');
    await page.keyboard.press('Enter');
    await page.locator('h1:focus', { hasText: 'sw-02' }).waitFor();
    await page.goBack();
    await page.locator('h1:focus', { hasText: 'Devices' }).waitFor();
    await page.getByRole('button', { name: 'Polled by' }).press('Enter');
    assert.equal(
      await page
        .locator('th[aria-sort=ascending]')
        .innerText()
        .then((text) => text.trim().split('\n')[0]),
      'Polled by↑',
    );
    await page.getByTestId('visitors').locator('summary').press('Enter');
    await page.getByText('Looking now').waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('Looking now').waitFor({ state: 'hidden' });
    assert.deepEqual(host.faults, []);
  },
);

test('who else is looking, and where', browserTest, async () => {
  await using host = await setting();
  const page = await host.open('');
  await page.locator('[data-testid=visitors][data-count="1"]').waitFor();
  const other = await host.open('#/devices/sw-03');
  await page.locator('[data-testid=visitors][data-count="2"]').waitFor();
  await page.getByTestId('visitors').locator('summary').click();
  await page.getByText('at sw-03, through web1').waitFor();
  await other.getByRole('link', { name: 'Cluster' }).click();
  await page.getByText('at the cluster, through web1').waitFor();
  await other.context().close();
  await page.locator('[data-testid=visitors][data-count="1"]').waitFor();
  assert.deepEqual(host.faults, []);
});

test(
  'a web node that goes: the page says so, keeps what it knows, and goes on when it is back',
  browserTest,
  async () => {
    await using host = await setting(0);
    const first = await host.cluster.web('web1', { pageDirectory: directory?.path ?? '' });
    const page = await host.open('', { url: first.url });
    await page.locator('[data-device=sw-01]').waitFor();
    const { port } = first.web.address;
    await first[Symbol.asyncDispose]();
    await page.getByTestId('reconnecting').waitFor();
    assert.equal(await page.locator('[data-device]').count(), DEVICES);
    await host.cluster.web('web1', { port, pageDirectory: directory?.path ?? '' });
    await page.getByTestId('reconnecting').waitFor({ state: 'detached' });
    await eventually(
      async () => {
        const { at } = host.one.poll('sw-01');
        return (await page.locator(`[data-device=sw-01][data-at="${at}"]`).count()) === 1;
      },
      { timeout: 20_000 },
    );
  },
);

test('what a slow browser missed is said', browserTest, async () => {
  await using host = await setting();
  assert.ok(browser);
  const page = await (await browser.newContext({ viewport: WIDE })).newPage();
  try {
    let told = false;
    await page.routeWebSocket(/socket/, (socket) => {
      const server = socket.connectToServer();
      server.onMessage((message) => {
        socket.send(message);
        if (told || !String(message).includes('"devices","rates"')) return;
        told = true;
        socket.send('[null,null,"devices","missed",{"count":42}]');
      });
    });
    await page.goto(`${host.urls[0]}/`);
    await page.locator('[data-device=sw-01]').waitFor();
    await eventually(async () => {
      host.one.poll('sw-01');
      return (await page.getByTestId('missed').count()) === 1;
    });
    assert.match(await page.getByTestId('missed').innerText(), /42 updates were skipped/);
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await page.getByTestId('missed').waitFor({ state: 'detached' });
  } finally {
    await page.context().close();
  }
});

test('the theme can be chosen and is kept; who wants no motion gets none', browserTest, async () => {
  await using host = await setting();
  const page = await host.open('#/cluster', { colorScheme: 'light', reducedMotion: 'reduce' });
  await page.getByTestId('theme').click();
  await page.locator('html[data-theme=dark]').waitFor();
  await page.reload();
  await page.locator('html[data-theme=dark]').waitFor();
  const tile = '[data-cluster-device=sw-01]';
  await page.locator(tile).waitFor();
  assert.match(await styleOf(page, tile, 'transitionDuration'), /^0s/);
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  assert.equal(await styleOf(page, tile, 'transitionDuration'), '0.8s');
  assert.deepEqual(host.faults, []);
});

test('an address that leads nowhere says so, and a name that looks like markup stays a name', browserTest, async () => {
  await using host = await setting();
  const page = await host.open(`#/devices/${encodeURIComponent('<img src=x onerror=alert(1)>')}`);
  await page.getByText('There is no device of this name').waitFor();
  assert.equal(await page.locator('h1').innerText(), '<img src=x onerror=alert(1)>');
  host.one.poll('sw-01', Date.now() + 1, { name: '<b>bold</b>' });
  await page.getByRole('link', { name: 'All devices' }).click();
  await page.locator('[data-device=sw-01]').getByText('<b>bold</b>').waitFor();
  assert.deepEqual(host.faults, []);
});
