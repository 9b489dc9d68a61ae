// npm run conformance -- DIR: runs every packetdrill script under a folder outside the project (ipv4) and prints how many
// pass, folder by folder. Fails if one fails that test/drill/conformance-passes.txt lists; --update rewrites that list.
import { existsSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { build, install, root } from './setup.mjs';

const list = join(root, 'test', 'drill', 'conformance-passes.txt');
const args = process.argv.slice(2);
const update = args.includes('--update');
const verbose = args.includes('--verbose');
const given = args.find((arg) => !arg.startsWith('-'));
const folder = given === undefined ? undefined : resolve(process.env.INIT_CWD ?? process.cwd(), given);
if (folder === undefined || !statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
  process.stderr.write(
    'usage: npm run conformance -- DIR [--verbose] [--update]\n' +
      'DIR holds *.pkt scripts, such as gtests/net/tcp of github.com/google/packetdrill\n',
  );
  process.exit(2);
}

install();
await build();
// The suite's folders share scripts beside theirs (tcp/common is a link to ../common).
const place = realpathSync(join(folder, '..'));
const { runJob, restrictedTo } = await import('../build/cli/run-job.js');
const { formatFailure } = await import('../build/drill/report.js');

const names = readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith('.pkt'))
  .map((name) => name.split(sep).join('/'))
  .sort();
const results = names.map((name) => {
  const file = join(folder, name);
  const ip = restrictedTo(file, place)?.[0] ?? 'ipv4';
  return {
    name,
    ...runJob({
      file,
      ip,
      defines: [],
      options: [],
      python: false,
      seed: 1,
      root: place,
      untrusted: false,
      timeoutMs: 60_000,
    }),
  };
});

const rows = new Map();
for (const { name, failure } of results) {
  const key = name.includes('/') ? name.slice(0, name.indexOf('/')) : '.';
  const row = rows.get(key) ?? { passed: 0, total: 0 };
  rows.set(key, { passed: row.passed + (failure === null ? 1 : 0), total: row.total + 1 });
}
const width = Math.max(...[...rows.keys(), 'total'].map((key) => key.length));
const line = (key, { passed, total }) =>
  `${key.padEnd(width)}  ${String(passed).padStart(3)} of ${String(total).padStart(3)}\n`;
for (const [key, row] of rows) process.stdout.write(line(key, row));
const passed = results.filter(({ failure }) => failure === null).map(({ name }) => name);
process.stdout.write(line('total', { passed: passed.length, total: results.length }));
if (verbose) {
  for (const { name, failure, text } of results) {
    if (failure !== null) process.stdout.write(`\n${formatFailure({ ...failure, file: name }, text)}\n`);
  }
}

if (update) {
  writeFileSync(list, `${passed.join('\n')}\n`);
  process.stdout.write(`${relative(process.cwd(), list)}: ${passed.length} names\n`);
} else if (existsSync(list)) {
  const expected = readFileSync(list, 'utf8')
    .split('\n')
    .filter((name) => name !== '');
  const regressed = expected.filter((name) => names.includes(name) && !passed.includes(name));
  const fresh = passed.filter((name) => !expected.includes(name));
  if (fresh.length > 0) process.stdout.write(`${fresh.length} more than expected; --update notes them\n`);
  for (const name of regressed) process.stdout.write(`FAILS NOW: ${name}\n`);
  if (regressed.length > 0) process.exitCode = 1;
  if (!expected.some((name) => names.includes(name))) {
    process.stderr.write(
      `${folder} has none of the scripts in ${relative(process.cwd(), list)}: is it the right folder?\n`,
    );
    process.exitCode = 1;
  }
}
