/**
 * What a test needs of the machine beyond Node. A test whose need is not met is skipped, and the reason is printed;
 * in CI the reasons are collected, and a skip that the machine could have avoided fails the run (tools/skips.mjs).
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type TestAPI, test } from 'vitest';
import { namespaceMeans } from '../../src/linux/namespace.ts';

/** The project's folder. */
export const root: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Reference material beside the project; absent in most clones. */
export const shared: string = join(dirname(root), 'shared');
/** Where ClickHouse as a library is, once tools/chdb.mjs has put it there. */
export const chdbFolder: string = join(root, '.cache', 'chdb');
/** Whether the full counts of the bars are asked for (CI) or those that finish in a minute. */
export const full: boolean = process.env.HALFOPEN_FULL === '1';

const onPath = (command: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;

const command = (name: string) => (): string | null => (onPath(name) ? null : `${name} is not installed`);

/** A thing a test can need. */
export type Need =
  | 'tshark'
  | 'lwip'
  | 'tcptrace'
  | 'chromium'
  | 'python3'
  | 'curl'
  | 'javac'
  | 'go'
  | 'nginx'
  | 'haproxy'
  | 'redis-server'
  | 'nc'
  | 'ping'
  | 'wrk'
  | 'nft'
  | 'netns'
  | 'tracefs'
  | 'namespaces'
  | 'captures'
  | 'kernel'
  | 'packetdrill-suite'
  | 'node-matrix'
  | 'chdb'
  | 'attw'
  | 'bun'
  | 'deno'
  | 'site'
  | 'lab'
  | 'full';

/** What tools/heavy.mjs installs. */
const kit = (name: string) => (): string | null =>
  existsSync(join(root, '.cache', name, 'node_modules')) ? null : `node tools/heavy.mjs ${name} was not run`;

const checks: Record<Need, () => string | null> = {
  tshark: command('tshark'),
  lwip: (): string | null =>
    spawnSync('pkg-config', ['--exists', 'lwip'], { stdio: 'ignore' }).status === 0 && onPath('cc')
      ? null
      : 'liblwip-dev, pkg-config or a C compiler is not installed',
  tcptrace: command('tcptrace'),
  chromium: command('chromium'),
  python3: command('python3'),
  curl: command('curl'),
  javac: command('javac'),
  go: command('go'),
  nginx: command('nginx'),
  haproxy: command('haproxy'),
  'redis-server': command('redis-server'),
  nc: command('nc'),
  ping: command('ping'),
  wrk: command('wrk'),
  nft: command('nft'),
  netns: (): string | null =>
    process.platform === 'linux' && spawnSync('unshare', ['-n', 'true'], { stdio: 'ignore' }).status === 0
      ? null
      : 'a network namespace cannot be made here (Linux and root)',
  tracefs: (): string | null =>
    spawnSync('unshare', ['-m', 'mount', '-t', 'tracefs', 'tracefs', '/sys/kernel/tracing'], {
      stdio: 'ignore',
    }).status === 0
      ? null
      : 'tracefs cannot be mounted here (Linux and root)',
  namespaces: (): string | null => {
    const means = namespaceMeans();
    return means.how === null ? means.why : null;
  },
  captures: (): string | null =>
    existsSync(join(shared, 'captures', 'truth'))
      ? null
      : 'the reference captures are not beside the project',
  kernel: (): string | null =>
    existsSync(join(shared, 'kernel-6.18')) ? null : 'the kernel recordings are not beside the project',
  'packetdrill-suite': (): string | null =>
    process.env.PACKETDRILL_SUITE && existsSync(process.env.PACKETDRILL_SUITE)
      ? null
      : 'PACKETDRILL_SUITE does not name a folder with the outside scripts',
  'node-matrix': (): string | null =>
    process.env.HALFOPEN_NODES && existsSync(process.env.HALFOPEN_NODES)
      ? null
      : 'HALFOPEN_NODES does not name a folder with other Node versions',
  chdb: (): string | null =>
    existsSync(join(chdbFolder, 'node_modules', 'chdb', 'package.json'))
      ? null
      : 'ClickHouse is not there (node tools/chdb.mjs .cache/chdb gets it)',
  attw: kit('attw'),
  bun: kit('bun'),
  deno: kit('deno'),
  site: kit('site'),
  lab: (): string | null =>
    existsSync(join(root, 'dist-lab', 'index.html'))
      ? null
      : 'the lab is not built (node tools/lab.mjs --build)',
  full: (): string | null => (full ? null : 'it takes too long for the quick run (HALFOPEN_FULL=1)'),
};

const known = new Map<Need, string | null>();

/** Why a need is not met, or null if it is. */
export function missing(need: Need): string | null {
  let reason = known.get(need);
  if (reason === undefined) {
    reason = checks[need]();
    known.set(need, reason);
  }
  return reason;
}

/**
 * `test`, or `test.skip` with the reason printed.
 * @param where the test file, as the reader of the skip list should see it
 */
export function testNeeding(where: string, ...needs: Need[]): TestAPI {
  for (const need of needs) {
    const reason = missing(need);
    if (reason === null) continue;
    console.warn(`skipped: ${where}: needs ${need}: ${reason}`);
    const file = process.env.HALFOPEN_SKIPS;
    if (file) appendFileSync(file, `${need}\t${reason}\t${where}\n`);
    return test.skip as unknown as TestAPI;
  }
  return test;
}
