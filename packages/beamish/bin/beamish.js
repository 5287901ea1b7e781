#!/usr/bin/env node
// Plain JavaScript, so that a Node that is too old can say so. scripts/pack.ts points the import at the compiled file.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`beamish: needs Node 22.18 or later, this is ${process.versions.node}\n`);
  process.exit(1);
}
const { main } = await import('../src/cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
