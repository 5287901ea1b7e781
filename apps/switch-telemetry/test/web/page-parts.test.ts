/** The parts of the page that need no browser. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { layoutCluster, shortLabels } from '../../page/src/cluster-layout.ts';
import { age, count, duration, rate, rateTick, speed } from '../../page/src/format.ts';
import { append, columns, total } from '../../page/src/series.ts';
import { fakeSample } from './support.ts';

const spaces = (text: string): string => text.replaceAll('\u00a0', ' ');

test('rates, speeds, counts and times as people read them', () => {
  const rates: [number | null, string][] = [
    [null, '–'],
    [0, '0 bit/s'],
    [999, '999 bit/s'],
    [1000, '1.00 kbit/s'],
    [12_345_678, '12.3 Mbit/s'],
    [999_400_000, '999 Mbit/s'],
    [999_500_000, '1.00 Gbit/s'],
    [1_234_567_890, '1.23 Gbit/s'],
    [99_960_000, '100 Mbit/s'],
    [4e15, '4000 Tbit/s'],
  ];
  for (const [value, text] of rates) assert.equal(spaces(rate(value)), text);
  assert.equal(rateTick(500_000_000), '500 Mbit/s');
  assert.deepEqual([speed(1e9), speed(0), speed(2.5e9)].map(spaces), ['1 Gbit/s', '–', '2.5 Gbit/s']);
  assert.deepEqual([count(0), count(999), count(12_000)], ['0', '999', '12.0k']);
  assert.deepEqual([duration(5), duration(65), duration(3661), duration(90_000), duration(-3)].map(spaces), [
    '5 s',
    '1 min',
    '1 h 1 min',
    '1 d 1 h',
    '0 s',
  ]);
  assert.deepEqual([age(-500), age(1400), age(130_000)].map(spaces), ['1 s ago', '1 s ago', '2 min ago']);
});

test('no rate is ever written with four digits before the point, or without a unit', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 9e14, noNaN: true }), (value) =>
      /^\d{1,3}(\.\d+)? [kMGT]?bit\/s$/.test(spaces(rate(value))),
    ),
  );
});

test('labels: what tells devices apart, never half a number', () => {
  assert.deepEqual([...shortLabels(['sw-10', 'sw-11', 'sw-19']).values()], ['10', '11', '19']);
  assert.deepEqual([...shortLabels(['core', 'edge-7']).values()], ['core', '']);
  assert.deepEqual([...shortLabels(['only']).values()], ['only']);
  assert.equal(shortLabels([]).size, 0);
});

test('a device keeps its slot when it moves, and nothing else stirs', () => {
  const devices = Array.from({ length: 24 }, (_, index) => ({ id: `sw-${index}`, owner: index % 2 ? 'c1' : 'c2' }));
  const input = { width: 1264, collectors: ['c1', 'c2'], others: ['w1', 'w2'], devices };
  const before = layoutCluster(input);
  const after = layoutCluster({
    ...input,
    devices: devices.map((device) => (device.id === 'sw-5' ? { ...device, owner: 'c2' } : device)),
  });
  const [tray1, tray2] = before.trays;
  for (const [index, tile] of before.tiles.entries()) {
    const moved = after.tiles[index];
    if (tile.id === 'sw-5')
      assert.deepEqual([moved?.x, moved?.y], [tile.x - (tray1?.x ?? 0) + (tray2?.x ?? 0), tile.y]);
    else assert.deepEqual(moved, tile);
  }
});

test('whatever the cluster is, everything is drawn, inside the picture, and no two devices on one place', () => {
  const names = fc.uniqueArray(fc.constantFrom('c1', 'c2', 'c3', 'c4', 'c5', 'c6'), { maxLength: 6 });
  fc.assert(
    fc.property(
      fc.integer({ min: 300, max: 2000 }),
      names,
      names,
      fc.array(fc.constantFrom('c1', 'c2', 'c9', null), { maxLength: 150 }),
      (width, collectors, others, owners) => {
        const devices = owners.map((owner, index) => ({ id: `d${index}`, owner }));
        const picture = layoutCluster({ width, collectors, others: others.map((name) => `w${name}`), devices });
        assert.equal(picture.tiles.length, devices.length);
        assert.equal(new Set(picture.tiles.map(({ x, y }) => `${x} ${y}`)).size, devices.length);
        for (const { x, y } of picture.tiles) assert.ok(x > 0 && x < width && y > 0 && y < picture.height);
        for (const box of [...picture.trays, ...picture.capsules]) {
          assert.ok(box.x >= 0 && box.x + box.width <= width + 0.001 && box.y + box.height <= picture.height + 0.001);
        }
        for (const owner of owners) assert.ok(picture.trays.some(({ name }) => name === (owner ?? '')));
      },
    ),
  );
});

test('series: samples follow history, old ones fall out, gaps stay gaps, sums skip what is unknown', () => {
  const first = append([], fakeSample('sw-01', 1000, 'c'), 10_000);
  assert.equal(first.length, 8);
  assert.deepEqual(append(first, fakeSample('sw-01', 1000, 'c'), 10_000), first, 'the same sample twice');
  let series = first;
  for (let at = 2000; at <= 20_000; at += 1000) series = append(series, fakeSample('sw-01', at, 'c'), 10_000);
  assert.deepEqual([series[0]?.points[0]?.[0], series[0]?.points.at(-1)?.[0]], [11_000, 20_000]);
  assert.deepEqual(
    columns(
      [
        [1000, 1, 2],
        [2000, 3, 4],
        [9000, 5, 6],
      ],
      3000,
    ),
    [
      [1, 2, 5.5, 9],
      [1, 3, null, 5],
      [2, 4, null, 6],
    ],
  );
  const points = [
    [1000, 1, null],
    [2000, null, null],
  ] as const;
  assert.deepEqual(
    total([
      { index: 1, name: 'a', points },
      { index: 2, name: 'b', points: [[1000, 2, 3]] },
    ]),
    [
      [1000, 3, 3],
      [2000, null, null],
    ],
  );
});
