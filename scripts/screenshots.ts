/** Takes the pictures of docs/: the application as it runs, after a minute and a half. `npm run screenshots` */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { chromiumFlags } from '../apps/switch-telemetry/test/support/chromium.ts';
import { App } from '../apps/switch-telemetry/test/system/app.ts';
import { requirePeer } from '../packages/beamish/test/support/peers.ts';

const views = { devices: '', device: '#/devices/sw-03', cluster: '#/cluster' } as const;
const sizes = [
  [1440, 900],
  [390, 844],
] as const;

await using app = await App.start({ SIMULATOR_FAULTS: 'on' });
const browser = await chromium.launch({ executablePath: requirePeer('chromium'), args: chromiumFlags });
await delay(90_000);
for (const [width, height] of sizes) {
  for (const [view, hash] of Object.entries(views)) {
    const colorScheme = view === 'device' ? 'dark' : 'light';
    const page = await browser.newPage({ viewport: { width, height }, colorScheme });
    await page.goto(`${app.child('web1').address}/${hash}`);
    await delay(3000);
    const path = join(import.meta.dirname, `../docs/screenshots/${view}-${width}.png`);
    await page.screenshot({ path });
    console.log(path);
    await page.close();
  }
}
await browser.close();
