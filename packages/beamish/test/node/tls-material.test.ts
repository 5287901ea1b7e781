/** Certificates that are read while they are being written, look by look. With real ones: `tls.test.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TlsMaterial } from '../../src/node/tls-material.ts';
import type { Timer, World } from '../../src/world/index.ts';
import { realWorld } from '../../src/world/index.ts';
import { eventually } from '../support/eventually.ts';
import { collectLogs } from '../support/logs.ts';

async function setting(t: { after(fn: () => void): void }) {
  const files: Record<string, string> = { cert: 'cert1', key: 'key1', ca: 'ca1' };
  const { logger, lines } = collectLogs();
  let fire: (() => void) | undefined;
  const real = realWorld({ logger });
  const world: World = {
    ...real,
    clock: {
      ...real.clock,
      setTimer(_, callback): Timer {
        fire = callback;
        return { cancel: () => (fire = undefined) };
      },
    },
    disk: {
      ...real.disk,
      async readFile(path) {
        const text = files[path];
        if (text === undefined) throw new Error(`ENOENT ${path}`);
        return Buffer.from(text);
      },
    },
    network: {
      ...real.network,
      checkTls({ cert }) {
        if (Buffer.from(cert as Uint8Array).toString() === 'bad') throw new Error('it is bad');
      },
    },
  };
  const tls = { certFile: 'cert', keyFile: 'key', caFile: 'ca' };
  const material = await TlsMaterial.start({ world, logger, tls });
  t.after(() => material.stop());
  return {
    files,
    look: async (): Promise<string> => {
      const now = fire;
      fire = undefined;
      now?.();
      // The next one is set when this one is over.
      await eventually(() => fire !== undefined, { interval: 1 });
      return Buffer.from(material.current.ca as Uint8Array).toString();
    },
    told: () => lines.filter(({ level }) => level >= 30).map(({ msg }) => msg),
  };
}

test('what is half-written is not used, nor told; what is found twice is', async (t) => {
  const { files, look, told } = await setting(t);
  assert.equal(await look(), 'ca1');
  files['ca'] = 'ca1 and a part of ca2';
  assert.equal(await look(), 'ca1');
  files['ca'] = 'ca1 and ca2';
  assert.equal(await look(), 'ca1');
  assert.deepEqual(told(), []);
  assert.equal(await look(), 'ca1 and ca2');
  assert.equal(told().length, 1);
  assert.equal(await look(), 'ca1 and ca2');
  assert.equal(told().length, 1);
});

test('what stays bad, or away, is told once; what is away for a moment is not', async (t) => {
  const { files, look, told } = await setting(t);
  files['cert'] = 'bad';
  files['ca'] = 'ca2';
  await look();
  assert.deepEqual(told(), []);
  for (let times = 0; times < 3; times++) assert.equal(await look(), 'ca1');
  assert.equal(told().length, 1);
  assert.match(told()[0] ?? '', /those before stay in use: it is bad/);
  delete files['key'];
  for (let times = 0; times < 3; times++) assert.equal(await look(), 'ca1');
  assert.equal(told().length, 2);
  assert.match(told()[1] ?? '', /the TLS file key cannot be read: ENOENT key/);
  Object.assign(files, { cert: 'cert2', key: 'key2' });
  await look();
  assert.equal(await look(), 'ca2');
  // Away for one look only: nothing has happened.
  delete files['key'];
  await look();
  files['key'] = 'key2';
  await look();
  assert.equal(await look(), 'ca2');
  assert.equal(told().length, 3);
});
