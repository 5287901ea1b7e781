import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { authProtocols, type Device, privProtocols, splitAddress } from '../../src/inventory/device.ts';
import { formatInventory, InventoryError, parseInventory } from '../../src/inventory/inventory.ts';
import { type Located, parseLocated } from '../../src/inventory/located-json.ts';

function faults(text: string): string[] {
  try {
    parseInventory(text);
  } catch (error) {
    assert.ok(error instanceof InventoryError, String(error));
    return error.faults.map(({ line, message }) => `${line}: ${message}`);
  }
  return [];
}

test('both versions are read', () => {
  const devices = parseInventory(`{ "devices": [
    { "id": "a", "address": "10.0.0.1", "version": "2c", "community": "public" },
    { "id": "b", "address": "[fe80::1]:1161", "version": "3", "user": "u",
      "authProtocol": "sha256", "authKey": "12345678", "privProtocol": "aes", "privKey": "87654321" },
    { "id": "c", "address": "switch.example:161", "version": "3", "user": "u" }
  ] }`);
  assert.deepEqual(devices, [
    { id: 'a', address: '10.0.0.1:161', access: { version: '2c', community: 'public' } },
    {
      id: 'b',
      address: '[fe80::1]:1161',
      access: {
        version: '3',
        user: 'u',
        auth: { protocol: 'sha256', key: '12345678' },
        priv: { protocol: 'aes', key: '87654321' },
      },
    },
    { id: 'c', address: 'switch.example:161', access: { version: '3', user: 'u' } },
  ]);
});

test('every fault is named with its line, in the order of the lines', () => {
  const text = `{
  "devices": [
    { "id": "one", "address": "10.0.0.1:161", "version": "2c", "community": "public" },
    { "id": "two",
      "address": "10.0.0.256:161",
      "version": "1",
      "community": "public" },
    { "id": "one", "address": "10.0.0.3:0", "version": "2c" },
    { "id": "three", "address": "h:161", "version": "3", "user": "u", "authProtocol": "rot13", "authKey": "short",
      "privProtocol": "aes", "privKey": 12345678 },
    { "id": "four", "address": "h:162", "version": "2c", "community": "c", "user": "u" },
    { "id": "-bad-", "address": "10.0.0.1:161", "version": "2c", "community": "public" },
    7
  ]
}`;
  const found = faults(text);
  const expected = [
    /^5: the address "10\.0\.0\.256:161" of device "two"/,
    /^6: the SNMP version "1" of device "two" must be "2c" or "3"/,
    /^8: the address "10\.0\.0\.3:0"/,
    /^8: device "one" has no "community"/,
    /^8: the id "one" is already that of the device in line 3/,
    /^9: the authProtocol "rot13"/,
    /^9: the authKey of device "three" must have at least 8/,
    /^10: "privKey" of device "three" must be a text/,
    /^11: "user" of device "four" is not known for version 2c/,
    /^12: the id "-bad-"/,
    /^13: a device must be an object/,
  ];
  assert.equal(found.length, expected.length, found.join('\n'));
  for (const [at, pattern] of expected.entries()) assert.match(found[at] ?? '', pattern);
});

test('the same address under two names is a fault', () => {
  assert.match(
    faults(
      '{"devices":[{"id":"a","address":"h","version":"2c","community":"x"},\n{"id":"b","address":"h:161","version":"2c","community":"x"}]}',
    ).join(),
    /^2: "b" has the same address as "a"/,
  );
});

for (const [what, text, fault] of [
  ['no JSON', '{\n "devices": [\n {"id" "x"}', '3: expected \':\', found "\\""'],
  ['cut off', '{"devices": [', '1: expected a value, found the end of the file'],
  ['a key twice', '{"devices": [{"id": "a",\n "id": "b"}]}', '2: "id" is there twice'],
  ['an open text', '{"devices": [\n{"id": "a', '2: this text has no closing quote'],
  ['something behind', '{"devices": []}\n}', '2: expected the end of the file, found "}"'],
  ['a list at the top', '[]', '1: must be an object with a list "devices"'],
  ['no devices', '{"devices": []}', '1: the list of devices is empty'],
  ['deep nesting', '['.repeat(100), '1: nested deeper than 50'],
] as const) {
  test(`${what}: ${fault}`, () => assert.deepEqual(faults(text), [fault]));
}

test('any JSON is read as JSON.parse reads it, and no text makes the reader throw anything but a fault', () => {
  const plain = ({ value }: Located): unknown =>
    value instanceof Map
      ? Object.fromEntries([...value].map(([key, item]) => [key, plain(item as Located)]))
      : Array.isArray(value)
        ? value.map((item) => plain(item as Located))
        : value;
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 5 }).filter((value) => !JSON.stringify(value).includes('"__proto__"')),
      fc.nat(2),
      (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        assert.deepEqual(plain(parseLocated(text)), JSON.parse(text));
      },
    ),
  );
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '1', 'a', '\n', ' ') }),
      (text) => {
        try {
          parseInventory(text);
        } catch (error) {
          assert.ok(error instanceof InventoryError);
        }
      },
    ),
  );
});

test('what is written is read again', () => {
  const plain = { noNullPrototype: true };
  const key = fc.string({ minLength: 8, maxLength: 20 });
  const access: fc.Arbitrary<Device['access']> = fc.oneof(
    fc.record({ version: fc.constant('2c' as const), community: fc.string({ minLength: 1 }) }, plain),
    fc.record(
      {
        version: fc.constant('3' as const),
        user: fc.string({ minLength: 1 }),
        auth: fc.record({ protocol: fc.constantFrom(...authProtocols), key }, plain),
        priv: fc.record({ protocol: fc.constantFrom(...privProtocols), key }, plain),
      },
      plain,
    ),
  );
  fc.assert(
    fc.property(fc.array(access, { minLength: 1, maxLength: 5 }), (each) => {
      const devices = each.map((access, at) => ({ id: `d${at}`, address: `10.0.0.${at}:161`, access }));
      assert.deepEqual(parseInventory(formatInventory(devices)), devices);
    }),
  );
});

for (const [address, expected] of [
  ['10.0.0.1:161', { host: '10.0.0.1', port: 161, v6: false }],
  ['router', { host: 'router', port: 161, v6: false }],
  ['[::1]:2161', { host: '::1', port: 2161, v6: true }],
  ['10.0.0:161', undefined],
  ['10.0.0.1:65536', undefined],
  ['host:', undefined],
  ['-host:1', undefined],
  ['a b:1', undefined],
  ['http://h:1', undefined],
  ['[abc]:1', undefined],
] as const) {
  test(`the address ${address}`, () => assert.deepEqual(splitAddress(address), expected));
}
