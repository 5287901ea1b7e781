/** Leaks and lost news that can be planted in the node under test, to see that the torture finds them. */
import { plantOne, type Mutant } from '../support/plant.ts';

export const mutants: readonly Mutant[] = [
  {
    name: 'timer-kept',
    what: 'the timer of a call that has ended goes on',
    file: 'process/calls.ts',
    find: /#close\(\): void \{\s*this\.#timer\?\.cancel\(\);/,
    replace: '#close(): void {',
  },
  {
    name: 'monitor-kept',
    what: 'the monitors of a lost node on processes here stay in the table',
    file: 'process/inbound.ts',
    find: /kernel\.remoteWatches\.connectionLost\(node\);/,
    replace: '',
  },
  {
    name: 'socket-kept',
    what: 'a handshake that failed ends the own half of its connection only',
    file: 'node/handshake/host.ts',
    find: /this\.#options\.clock\.setTimer\(1000, \(\) => this\.#options\.socket\.destroy\(\), \{ background: true \}\);/,
    replace: '',
  },
  {
    name: 'nodedown-twice',
    what: 'the end of a connection is told twice',
    file: 'node/peers.ts',
    find: /this\.#options\.onDown\(connection\.info, reason\);/,
    replace: '$&$&',
  },
  {
    name: 'nodedown-lost',
    what: 'the end of a connection that was reset is told to nobody',
    file: 'node/peers.ts',
    find: /this\.#options\.onDown\(connection\.info, reason\);/,
    replace: "if (reason !== 'network') $&",
  },
  {
    name: 'bytes-kept',
    what: 'something remembers every connection',
    file: 'node/peers.ts',
    find: /this\.#connections\.set\(name, connection\);/,
    replace: '$& ((globalThis as { kept?: unknown[] }).kept ??= []).push(connection);',
  },
];

export function plant(name: string): void {
  plantOne(mutants, name);
}
