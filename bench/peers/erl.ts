import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findExecutable, requirePeer } from '../../packages/beamish/test/support/peers.ts';
import { freePort } from '../../packages/beamish/test/support/ports.ts';
import { temporaryDirectory } from '../../packages/beamish/test/support/temp.ts';
import type { Child } from '../../packages/beamish/test/support/children.ts';
import { object1k, object64, toErlang } from '../harness/objects.ts';
import { Pair, ready, start, type Peer } from '../harness/pair.ts';
import { messageWorkloads } from '../harness/workloads.ts';

const source = fileURLToPath(new URL('beamish_bench.erl', import.meta.url));
const about =
  'io:format("~s ~s ~s", [erlang:system_info(otp_release), erlang:system_info(version), erlang:system_info(emu_flavor)]), halt().';

export const erl: Peer = {
  title: 'erl to erl',
  about: 'two BEAM nodes: `gen_server:call` and `gen_server:cast` of maps over the distribution',
  workloads: [...messageWorkloads, 'pgJoin', 'connect'],
  missing: () => {
    const absent = ['erl', 'erlc', 'epmd'].filter((name) => !findExecutable(name));
    return absent.length > 0 ? `${absent.join(', ')} not found: install erlang-base` : undefined;
  },
  versions: () => {
    const { stdout } = spawnSync(requirePeer('erl'), ['-noshell', '-eval', about], { encoding: 'utf8' });
    const [otp = '', erts = '', flavour = ''] = stdout.split(' ');
    return { otp, erts, 'erl code': flavour };
  },
  async start(context) {
    const directory = await temporaryDirectory('beamish-bench-');
    const children: Child[] = [];
    const end = async (): Promise<void> => {
      for (const child of children.toReversed()) {
        child.kill('SIGKILL'); // in order it would take a second
        await child.stop();
      }
      await directory[Symbol.asyncDispose]();
    };
    try {
      const compiled = spawnSync(requirePeer('erlc'), ['-o', directory.path, source], { encoding: 'utf8' });
      if (compiled.status !== 0) throw new Error(`erlc: ${compiled.stdout}${compiled.stderr}`);
      const objects = directory.file('objects');
      writeFileSync(objects, `#{object64 => ${toErlang(object64)}, object1k => ${toErlang(object1k)}}.\n`);
      const port = String(await freePort({ protocol: 'tcp' }));
      const epmd = start(
        requirePeer('epmd'),
        ['-port', port, '-address', '127.0.0.1', '-d', '-d'],
        'other',
        context.pin,
      );
      children.push(epmd);
      await epmd.waitForOutput(/entering the main select/i);
      const cookie = randomBytes(12).toString('hex');
      const erlang = (role: 'server' | 'client', args: string): Child => {
        const node = [
          '-name',
          `bench_${role}@127.0.0.1`,
          '-setcookie',
          cookie,
          '-start_epmd',
          'false',
          '-epmd_port',
          port,
        ];
        const local = [
          '-env',
          'ERL_CRASH_DUMP_SECONDS',
          '0',
          '-kernel',
          'inet_dist_use_interface',
          '{127,0,0,1}',
          '-pa',
          directory.path,
        ];
        const child = start(
          requirePeer('erl'),
          ['-noshell', ...node, ...local, '-eval', `beamish_bench:${role}(${args}).`],
          role,
          context.pin,
        );
        children.push(child);
        return child;
      };
      const { node } = await ready(erlang('server', '[]'));
      const client = erlang('client', `['${node}', "${objects}"]`);
      await ready(client);
      const pair = new Pair(client, []);
      return { run: (workload, time) => pair.run(workload, time), [Symbol.asyncDispose]: end };
    } catch (error) {
      await end();
      throw error;
    }
  },
};
