/**
 * Names in package-lock.json the optional platform packages that npm has left out. npm does so when the registry in use does
 * not have them in the wanted version (a mirror, say), and `npm ci` then refuses the lockfile on every machine. What a
 * platform package is for stands in its name; npm loads only those that fit.
 *
 *   node scripts/complete-lockfile.mjs      after an `npm install` that changed the lockfile
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const file = join(import.meta.dirname, '../package-lock.json');
const lock = JSON.parse(readFileSync(file, 'utf8'));
const platform =
  /\b(android|darwin|freebsd|linux|openharmony|win32)-(arm64|arm|x64|ia32|ppc64|riscv64|s390x)\b(?:-(\w+))?/;
const libc = { gnu: 'glibc', gnueabihf: 'glibc', musl: 'musl', musleabihf: 'musl' };
const added = [];
for (const parent of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    const [, os, cpu, abi] = platform.exec(name) ?? [];
    if (path in lock.packages || os === undefined || !/^\d+\.\d+\.\d+$/.test(version)) continue;
    lock.packages[path] = {
      version,
      cpu: [cpu],
      ...(parent.dev && { dev: true }),
      ...(os === 'linux' && libc[abi] && { libc: [libc[abi]] }),
      optional: true,
      os: [os],
    };
    added.push(name);
  }
}
const sorted = Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
lock.packages = Object.fromEntries(sorted);
if (added.length > 0) writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added.length} platform packages added to package-lock.json`);
