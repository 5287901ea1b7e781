/**
 * Bugs that can be planted, one at a time, to see that the scenarios find them: `npm run sim -- --mutant NAME`. The source is changed
 * while it is loaded, on no disk, so the product needs no switch.
 */
import { plantOne, type Mutant } from '../support/plant.ts';

export const mutants: readonly Mutant[] = [
  {
    name: 'monitor-twice',
    what: 'the answer to a monitor does not take it out of the table, so the lost connection fires it again',
    file: 'process/inbound.ts',
    find: /kernel\.takeNumber\(number\)\?\.down\?\.\(signal\.reason\)/,
    replace: 'kernel.references.get(number)?.down?.(signal.reason)',
  },
  {
    name: 'noconnection-forgotten',
    what: 'a lost connection is not told to monitors and calls',
    file: 'node/peers.ts',
    find: /this\.#options\.connectionLost\(name\);/,
    replace: '',
  },
  {
    name: 'call-without-timeout',
    what: 'a call arms no timer',
    file: 'process/calls.ts',
    find: /if \(timeout !== Infinity\) this\.#timer = /,
    replace: 'if (timeout === Infinity) this.#timer = ',
  },
  {
    name: 'ring-off-by-one',
    what: 'a key belongs to the point after the next',
    file: 'ring/hash-ring.ts',
    find: /this\.#points\[this\.#first\((phash2\(hashed, POSITIONS\))\)\]/,
    replace: 'this.#points[this.#first($1) + 1]',
  },
  {
    name: 'groups-lost-sync',
    what: 'who asks for the members of a group is sent none',
    file: 'groups/groups-core.ts',
    find: /(effects\.push\(\{ type: 'monitor', pid \}\);\s*)effects\.push\(\{ type: 'send', to: pid, message: syncMessage\(state\.options\.self, state\.local\.list\(\)\) \}\);(\s*return peer;)/,
    replace: '$1$2',
  },
  {
    name: 'groups-leave-of-a-stranger',
    what: 'a leave is sent for a process that never joined',
    file: 'groups/groups-core.ts',
    find: /const left = pids\.filter\(\(pid\) => state\.local\.remove\(key, pid\)\);/,
    replace: 'const left = pids; for (const pid of pids) state.local.remove(key, pid);',
  },
  {
    name: 'groups-ghosts',
    what: 'the members of a lost node stay',
    file: 'groups/groups-core.ts',
    find: /state\.peers\.delete\(peer\.pid\.node\);\s*for \(/,
    replace: 'for (',
  },
  {
    name: 'reconnect-gives-up',
    what: 'discovery dials a node three times, not for ever',
    file: 'discovery/discovery-core.ts',
    find: /if \(candidate\?\.status !== 'connecting'\) return;/,
    replace: "if (candidate?.status !== 'connecting' || candidate.attempts >= 2) return;",
  },
  {
    name: 'frame-across-chunks',
    what: 'of a frame that comes in three parts the middle is forgotten',
    file: 'node/wire/frame-reader.ts',
    find: /this\.#have = needed;/,
    replace: 'this.#have = count;',
  },
  {
    name: 'large-batch-lost',
    what: 'a write that fills a batch is dropped',
    file: 'node/outbox.ts',
    find: /if \(needed >= this\.#enough\) \{\s*this\.flush\(\);/,
    replace: 'if (needed >= this.#enough) { this.#length = 0;',
  },
  {
    name: 'broadcast-to-oneself',
    what: 'a broadcast is also sent to the own node',
    file: 'pubsub/pg2-adapter.ts',
    find: /(this\.#groups\.members\(atom\(name\)\))\.filter\(\(pid\) => pid\.node !== node\.name\)/,
    replace: '$1',
  },
  {
    name: 'unlink-not-told',
    what: 'an unlink of another node is acknowledged and not carried out',
    file: 'process/links.ts',
    find: /if \(this\.#links\.get\(from\.key\)\?\.active === true\) this\.#links\.delete\(from\.key\);/,
    replace: '',
  },
  {
    name: 'port-mapper-not-taken-over',
    what: 'who loses the port mapper of its machine registers nowhere again',
    file: 'node/epmd/registration.ts',
    find: /if \(registered && this\.#socket === socket\) this\.#lost\(\);/,
    replace: '',
  },
  {
    name: 'timer-of-a-call-kept',
    what: 'the timer of a call that has ended goes on',
    file: 'process/calls.ts',
    find: /#close\(\): void \{\s*this\.#timer\?\.cancel\(\);/,
    replace: '#close(): void {',
  },
  {
    name: 'watch-of-a-lost-node-kept',
    what: 'what a node that is lost watched here stays in the table',
    file: 'process/inbound.ts',
    find: /kernel\.remoteWatches\.connectionLost\(node\);/,
    replace: '',
  },
  {
    name: 'failed-handshake-kept',
    what: 'a handshake that failed ends the own half of its connection only',
    file: 'node/handshake/host.ts',
    find: /this\.#options\.clock\.setTimer\(1000, \(\) => this\.#options\.socket\.destroy\(\), \{ background: true \}\);/,
    replace: '',
  },
  {
    name: 'link-of-a-lost-node-kept',
    what: 'a lost connection breaks no links',
    file: 'process/inbound.ts',
    find: /for \(const process of \[\.\.\.kernel\.processes\.values\(\)\]\) process\.links\.connectionLost\(node\);/,
    replace: '',
  },
  {
    name: 'restart-forgotten',
    what: 'rest_for_one restarts what comes after the child, and not the child',
    file: 'process/supervisor-core.ts',
    find: /state\.strategy === 'one_for_all' \? 0 : index;/,
    replace: "state.strategy === 'one_for_all' ? 0 : index + 1;",
  },
  {
    name: 'late-reply-is-a-message',
    what: 'a reply to a call that is over comes to the mailbox of its caller',
    file: 'process/kernel.ts',
    find: /this\.takeNumber\(number\)\?\.message\?\.\(reply\);\s*return true;/,
    replace: 'const entry = this.takeNumber(number); entry?.message?.(reply); return entry !== undefined;',
  },
  {
    name: 'answered-call-is-watched',
    what: 'whoever has answered a call in the form of OTP goes on being watched for it',
    file: 'process/calls.ts',
    find: /message\(reply: Term\): void \{\s*this\.#kernel\.unwatch\(this\);/,
    replace: 'message(reply: Term): void {',
  },
  {
    name: 'queue-sent-twice',
    what: 'what waited for a connection is sent twice when it is there',
    file: 'node/peers.ts',
    find: /for \(const outgoing of attempt\?\.queue \?\? \[\]\) this\.#send\(connection, outgoing\);/,
    replace:
      'for (const outgoing of [...(attempt?.queue ?? []), ...(attempt?.queue ?? [])]) this.#send(connection, outgoing);',
  },
  {
    name: 'both-keep-their-dial',
    what: 'of two dials that cross each side keeps its own',
    file: 'node/peers.ts',
    find: /compareNodeNames\(this\.#options\.name, name\) > 0/,
    replace: 'compareNodeNames(this.#options.name, name) !== 0',
  },
  {
    name: 'replaced-by-a-claim',
    what: 'who claims the name of a connected node ends its connection, before anything is proved',
    file: 'node/arrivals.ts',
    find: /arrival\.replaces = connection;/,
    replace: "arrival.replaces = connection; connection.close('replaced');",
  },
  {
    name: 'dead-lives-on',
    what: 'what is for a process of an earlier life of this node comes to the one that has its number now',
    file: 'process/kernel.ts',
    find: /if \(of\.node === this\.nodeName && of\.creation === this\.creation\) return true;/,
    replace: 'if (of.node === this.nodeName) return true;',
  },
  {
    name: 'heir-forgotten',
    what: 'a table goes with its owner though it has an heir',
    file: 'table/tables.ts',
    find: /if \(heir !== undefined && !heir\.pid\.equals\(owner\) && this\.#runtime\.isAlive\(heir\.pid\)\)/,
    replace: 'if (false)',
  },
  {
    name: 'gift-to-nobody',
    what: 'a table that was given to nobody is not watched any more, and outlives its owner',
    file: 'table/tables.ts',
    find: /const \{ owner: from, release \} = state;/,
    replace: 'const { owner: from, release } = state; release?.();',
  },
  {
    name: 'walk-loses-its-place',
    what: 'a walk through an ordered table does not notice what came and went',
    file: 'table/ordered-rows.ts',
    find: /if \(changes === this\.#changes\) \{/,
    replace: 'if (true) {',
  },
  {
    name: 'task-outlives-its-wait',
    what: 'a task that is owned goes on when the wait for it was given up',
    file: 'process/task.ts',
    find: /if \(this\.#owned\) this\.#runtime\.exit\(this\.pid, KILL\);/,
    replace: '',
  },
  {
    name: 'stream-too-wide',
    what: 'a stream of tasks works on one item too many',
    file: 'process/task-stream.ts',
    find: /places\.length < maxConcurrency/,
    replace: 'places.length <= maxConcurrency',
  },
  {
    name: 'stream-leaves-tasks',
    what: 'the tasks of a stream that nobody reads any more go on',
    file: 'process/task-stream.ts',
    find: /await Promise\.all\(places\.map\(\(\{ task \}\) => task\.shutdown\(\{ timeout: 'brutalKill' \}\)\)\);/,
    replace: '',
  },
  {
    name: 'takeover-forgotten',
    what: 'nobody takes over what a lost collector polled',
    file: 'apps/switch-telemetry/src/collector/assignment.ts',
    find: /if \(others\.length === 0 \|\| orphan\) return draft\.start\(device, true\);/,
    replace: 'if (orphan) return; if (others.length === 0) return draft.start(device, true);',
  },
  {
    name: 'takeover-late',
    what: 'what a lost collector polled is taken over after the time that a living one is given to let go',
    file: 'apps/switch-telemetry/src/collector/assignment.ts',
    find: /if \(others\.length === 0 \|\| orphan\) return draft\.start\(device, true\);/,
    replace:
      'if (orphan) { draft.ceded.set(device, { to: draft.before.self, round: draft.round }); draft.needsTimer = true; return; } if (others.length === 0) return draft.start(device, true);',
  },
];

/** Call it before anything of the library is imported. @public */
export function plant(name: string): void {
  plantOne(mutants, name);
}
