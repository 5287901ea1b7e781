// @exclusive
// @timeout 200
/** The application on real input: Debian's snmpd, asked by v2c and v3, on the page and in the store. RATE_SECONDS: 15. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { type Child, startChild } from '../../../../packages/beamish/test/support/children.ts';
import { eventually } from '../../../../packages/beamish/test/support/eventually.ts';
import { requirePeer, skipUnless } from '../../../../packages/beamish/test/support/peers.ts';
import { temporaryDirectory } from '../../../../packages/beamish/test/support/temp.ts';
import type { InterfaceSample } from '../../src/contract.ts';
import { SECOND_PORT, type Snmpd, startSnmpd } from '../support/snmpd.ts';
import { chromiumFlags } from '../support/chromium.ts';
import { App } from './app.ts';

const SECONDS = Number(process.env['RATE_SECONDS'] ?? 15);

type DeviceRow = { readonly last_poll: number | null; readonly interfaces: readonly InterfaceSample[] };
type History = { interfaces: { name: string; points: [number, number | null, number | null][] }[] };

/** As the agent's network has it, which is its own where that is to be had. */
const counters = (agent: number): string[] => readFileSync(`/proc/${agent}/net/dev`, 'utf8').split('\n').slice(2);

const interfaceNames = (agent: number): string[] =>
  counters(agent)
    .flatMap((line) => (line.includes(':') ? [line.split(':')[0]?.trim() ?? ''] : []))
    .toSorted();

function received(agent: number, name: string): number {
  const line = counters(agent).find((each) => each.trim().startsWith(`${name}:`));
  return Number(line?.split(':')[1]?.trim().split(/\s+/)[0]);
}

/** A steady 20 Mbit/s over the loopback interface of the agent's network. */
const traffic = (agent: number): Child =>
  startChild('nsenter', [
    ...['-t', String(agent), '-n', process.execPath],
    join(import.meta.dirname, '../support/traffic.ts'),
  ]);

const inventoryOf = ({ host, port }: Snmpd): object[] => [
  { id: 'local-2c', address: `${host}:${port}`, version: '2c', community: 'public' },
  {
    id: 'local-3',
    address: host === '127.0.0.1' ? `localhost:${port}` : `${host}:${SECOND_PORT}`,
    version: '3',
    user: 'telemetry',
    authProtocol: 'sha',
    authKey: 'auth-password',
    privProtocol: 'aes',
    privKey: 'priv-password',
  },
];

test(
  'snmpd of this machine: true names on the page, rates as in /proc/net/dev',
  skipUnless('snmpd', 'chromium'),
  async (t) => {
    await using directory = await temporaryDirectory();
    await using snmpd = await startSnmpd({ apart: true });
    const agent = snmpd.child.pid;
    const inventory = directory.file('inventory.json');
    await writeFile(inventory, JSON.stringify({ devices: inventoryOf(snmpd) }));
    await using app = await App.start({ INVENTORY: inventory, POLL_INTERVAL: '1000' });
    const owners = await app.owners();
    assert.deepEqual([...owners.keys()].toSorted(), ['local-2c', 'local-3']);

    const browser = await chromium.launch({ executablePath: requirePeer('chromium'), args: chromiumFlags });
    try {
      for (const device of owners.keys()) {
        const page = await browser.newPage();
        await page.goto(`${app.child('web1').address}/#/devices/${device}`);
        for (const name of interfaceNames(agent))
          await page.getByText(name, { exact: true }).first().waitFor({ timeout: 10_000 });
        await page.close();
      }
    } finally {
      await browser.close();
    }

    await using _load = traffic(agent);
    // The agent reads its counters only every few seconds, and a rate is known, and kept, from then on. So each stored
    // sample is compared with what /proc says of the interval that it speaks of.
    const truth: { readonly at: number; readonly octets: number }[] = [];
    const readings = new Map([...owners.keys()].map((device) => [device, [] as { at: number; octets: string }[]]));
    const end = Date.now() + (SECONDS + 8) * 1000;
    await eventually(
      async () => {
        truth.push({ at: Date.now(), octets: received(agent, 'lo') });
        if (truth.length % 10 !== 0) return false;
        for (const [device, moves] of readings) {
          const { last_poll: at, interfaces } = await app.api<DeviceRow>(`/api/devices/${device}`);
          const lo = interfaces.find(({ name }) => name === 'lo');
          if (at !== null && lo && lo.in_octets !== moves.at(-1)?.octets) moves.push({ at, octets: lo.in_octets });
        }
        return Date.now() >= end;
      },
      { timeout: (SECONDS + 20) * 1000, interval: 10 },
    );
    const octetsAt = (at: number): number => truth.find((each) => each.at >= at)?.octets ?? NaN;
    for (const [device, moves] of readings) {
      assert.ok(moves.length >= 6, `${device}: only ${moves.length} readings`);
      // The load began before the second reading: from the third on, whole intervals were under it.
      const [second, last] = [moves[2], moves.at(-1)];
      assert.ok(second && last);
      const { interfaces } = await app.api<History>(
        `/api/devices/${device}/samples?from=${second.at}&to=${last.at}&step=1`,
      );
      const stored: number[] = [];
      // The agent reads by its own timer: up to a poll interval before the poll that shows it, always by about the same.
      const lags = Array.from({ length: 21 }, (_, index) => index * 50);
      const real = lags.map((): number[] => []);
      for (const [at, rate] of interfaces.find(({ name }) => name === 'lo')?.points ?? []) {
        // `at` is the start of the second that the sample lies in. Its rate is that of the interval before the reading.
        const reading = moves.findLastIndex((move) => move.at < at + 1000);
        const [before, move] = [moves[reading - 1], moves[reading]];
        if (rate === null || !before || !move) continue;
        stored.push(rate);
        for (const [index, lag] of lags.entries()) {
          real[index]?.push(((octetsAt(move.at - lag) - octetsAt(before.at - lag)) * 8000) / (move.at - before.at));
        }
      }
      assert.ok(stored.length >= SECONDS / 2, `${device}: only ${stored.length} samples`);
      const mean = (rates: readonly number[]): number => rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
      const measured = mean(stored);
      const apartFrom = (expected: number): number => Math.abs(measured / expected - 1);
      const expected = real.map(mean).reduce((best, each) => (apartFrom(each) < apartFrom(best) ? each : best));
      const apart = apartFrom(expected);
      t.diagnostic(
        `${device}, lo over ${stored.length} samples: ${(expected / 1e6).toFixed(2)} Mbit/s by /proc/net/dev, ${(measured / 1e6).toFixed(2)} stored, apart ${(apart * 100).toFixed(2)} %`,
      );
      assert.ok(apart < 0.02, `${device}: ${measured} bit/s stored, ${expected} by /proc/net/dev`);
    }
  },
);
