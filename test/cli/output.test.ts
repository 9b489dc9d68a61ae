/** What commands write: files, standard output, messages; with names, places and signals of every kind. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generate } from '../../bench/explain-generate.mjs';
import { root, testNeeding } from '../support/needs.ts';

const main = join(root, 'dist', 'cli', 'main.js');
const sample = join(root, 'docs', 'examples', 'attempts.pcapng');
const script = join(root, 'scripts', '01-three-way-handshake.pkt');
let place: string;
let large: string;

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'halfopen-output-'));
  large = join(place, 'large.pcap');
  // Large enough that no command is done with it before a signal comes.
  generate('connections', large, 150_000);
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command in a folder of its own. */
function halfopen(args: readonly string[], folder: string = place): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

/** Runs a line of shell in which "$@" is the command. */
function shell(line: string, folder: string = place): Ended {
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['-c', line, process.execPath, process.execPath, main],
    {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
    },
  );
  return { status, stdout, stderr };
}

function folder(name: string): string {
  const path = join(place, name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  return path;
}

/** How each command writes a file: the arguments before its name. */
const writers: Record<string, readonly string[]> = {
  'explain --html': ['explain', sample, '--html'],
  'explain --parquet': ['explain', sample, '--parquet'],
  'run --pcap': ['run', script, '--pcap'],
};

describe.each(Object.entries(writers))('%s', (name, args) => {
  const own = (suffix: string): string => folder(`${name.replace(/\W+/g, '-')}-${suffix}`);

  test('leaves the file and nothing else, with the permissions that the old one had', () => {
    const here = own('plain');
    expect(halfopen([...args, 'out'], here).status).toBe(0);
    const first = readFileSync(join(here, 'out'));
    expect(first.length).toBeGreaterThan(100);
    chmodSync(join(here, 'out'), 0o600);
    expect(halfopen([...args, 'out'], here).status).toBe(0);
    expect(readdirSync(here)).toEqual(['out']);
    expect(statSync(join(here, 'out')).mode & 0o777).toBe(0o600);
  });

  test('replaces what a symbolic link leads to, and keeps the link', () => {
    const here = own('link');
    writeFileSync(join(here, 'real'), 'old');
    symlinkSync('real', join(here, 'out'));
    expect(halfopen([...args, 'out'], here).status).toBe(0);
    expect(lstatSync(join(here, 'out')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(here, 'real')).length).toBeGreaterThan(100);
    symlinkSync('nowhere', join(here, 'dangling'));
    const { status, stderr } = halfopen([...args, 'dangling'], here);
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('does not exist'),
    });
    expect(readdirSync(here).sort()).toEqual(['dangling', 'out', 'real']);
  });

  test('writes into a pipe, a named pipe and an open file', () => {
    const here = own('pipes');
    expect(halfopen([...args, 'out'], here).status).toBe(0);
    const size = readFileSync(join(here, 'out')).length;
    const options = args.map((arg) => `'${arg}'`).join(' ');
    expect(shell(`"$@" ${options} >(wc -c >&2) > /dev/null; sleep 0.3`, here).stderr.trim()).toBe(`${size}`);
    expect(shell(`mkfifo p; wc -c < p >&2 & "$@" ${options} p > /dev/null; wait`, here).stderr.trim()).toBe(
      `${size}`,
    );
    shell(`"$@" ${options} /dev/fd/3 > /dev/null 3> third`, here);
    expect(statSync(join(here, 'third')).size).toBe(size);
  });

  testNeeding('output.test.ts (devices)', 'netns')('leaves a device a device', () => {
    const here = own('device');
    expect(spawnSync('mknod', [join(here, 'null'), 'c', '1', '3']).status).toBe(0);
    expect(halfopen([...args, 'null'], here).status).toBe(0);
    expect(statSync(join(here, 'null')).isCharacterDevice()).toBe(true);
  });

  testNeeding('output.test.ts (file systems)', 'netns')(
    'a full disk leaves the old file, and one sentence',
    () => {
      const here = own('full');
      const line = `mount -t tmpfs -o size=12k tmpfs . && cd "$PWD" && echo old > out && head -c 8192 /dev/zero > filler
      "$@" ${args.map((arg) => `'${arg}'`).join(' ')} out > /dev/null; echo $? >&2; ls -A >&2; cat out >&2
      cd /; umount "$OLDPWD"`;
      const { stderr } = shell(line, here);
      expect(stderr.split('\n')).toEqual([
        expect.stringMatching(/^halfopen \w+: cannot write out: the disk is full$/),
        '1',
        'filler',
        'out',
        'old',
        '',
      ]);
    },
  );

  test.each([
    ['a folder that is not there', 'none/out', 'there is no'],
    ['a folder', '.', 'is a folder'],
    ['a long name', 'n'.repeat(300), 'the name is too long'],
    ['a place of the system', '/proc/out', 'there is no such folder'],
    ['a name with a line feed', 'none/a\nb', 'none/a\\nb'],
  ])('says in one sentence why nothing was written: %s', (_, path, reason) => {
    const { status, stderr } = halfopen([...args, path]);
    expect(stderr).toMatch(/^halfopen \w+: [^\n]*\n$/);
    expect(stderr).toContain(reason);
    expect(stderr).not.toMatch(/\bE[A-Z]{3,}\b/);
    expect(status).not.toBe(0);
  });
});

describe('a signal', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends the command and leaves no draft',
    async (signal) => {
      const here = folder(signal);
      const child = spawn(process.execPath, [main, 'explain', '--parquet', 'out', large], { cwd: here });
      await draftIn(here, child);
      child.kill(signal);
      const [code, by] = await new Promise<[number | null, string | null]>((resolve) =>
        child.once('exit', (code, by) => resolve([code, by])),
      );
      expect({ code, by }).toEqual({ code: null, by: signal });
      expect(readdirSync(here)).toEqual([]);
    },
  );
});

/** Waits until a draft is there. */
async function draftIn(here: string, child: ChildProcess): Promise<void> {
  for (let n = 0; n < 1000 && child.exitCode === null; n++) {
    if (readdirSync(here).length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('no draft came to be');
}

describe('standard output', () => {
  const printing: readonly (readonly string[])[] = [
    ['--help'],
    ['--version'],
    ['start'],
    ['start', '--json'],
    ['run', script],
    ['run', '--help'],
    ['explain', sample],
    ['explain', '--json', sample],
    ['explain', '--help'],
    ['doctor', '--help'],
    ['self-connect', '--help'],
    ['lab', '--help'],
  ];
  test.skipIf(!existsSync('/dev/full'))(
    'that is full is one sentence and exit code 1 for every command',
    () => {
      for (const args of printing) {
        const { status, stderr } = shell(`"$@" ${args.map((arg) => `'${arg}'`).join(' ')} > /dev/full`);
        expect({ args, status, stderr }).toEqual({
          args,
          status: 1,
          stderr: expect.stringMatching(
            /^halfopen[ a-z-]*: cannot write standard output: the disk is full\n$/,
          ),
        });
      }
    },
  );

  test('that nobody reads ends every command quietly, as SIGPIPE would', () => {
    for (const args of printing) {
      const words = args.map((arg) => `'${arg}'`).join(' ');
      const { stdout, stderr } = shell(`"$@" ${words} | true; echo \${PIPESTATUS[0]}`);
      expect({ args, stderr }).toEqual({ args, stderr: '' });
      // A command may have written all before the reader went.
      expect(['0\n', '141\n']).toContain(stdout);
    }
    const { stdout, stderr } = shell(
      `"$@" explain --json '${large}' | head -n 1 > /dev/null; echo \${PIPESTATUS[0]}`,
    );
    expect({ stdout, stderr }).toEqual({ stdout: '141\n', stderr: '' });
  });

  test('a draft goes away when nobody reads what the command says', () => {
    const here = folder('unread');
    shell(`"$@" explain --json --parquet out '${large}' | head -n 1 > /dev/null`, here);
    expect(readdirSync(here)).toEqual([]);
  });
});

describe('names', () => {
  const hostile = 'a\u001b]0;x\u0007\nok 2 - fake # SKIP \u009b31m';
  const control = /(?!\n)\p{Cc}/u;

  test('of scripts show their control characters, and forge no line and no directive of TAP', () => {
    const here = folder('hostile');
    writeFileSync(join(here, `${hostile}.pkt`), readFileSync(script));
    writeFileSync(join(here, `${hostile}-bad.pkt`), '0 > nonsense\n');
    for (const format of [['--tap'], [], ['-v', '--ladder'], ['--json']]) {
      const { stdout, stderr } = halfopen(['run', ...format, '.'], here);
      expect(`${stdout}${stderr}`).not.toMatch(control);
    }
    const { stdout } = halfopen(['run', '--tap', '.'], here);
    expect(stdout.split('\n').filter((line) => /^(ok|not ok)/.test(line))).toEqual([
      expect.stringMatching(/^not ok 1 - a\\x1b/),
      expect.stringMatching(/^ok 2 - a\\x1b\]0;x\\x07\\nok 2 - fake \\# SKIP \\u009b31m\.pkt \(ipv4\)$/),
    ]);
  });

  test('of captures, in headings, messages and pages', () => {
    const here = folder('hostile-captures');
    const name = `${hostile}.pcapng`;
    writeFileSync(join(here, name), readFileSync(sample));
    for (const args of [[name, name], ['none\u001b[31m'], ['--attempt', '999', name]]) {
      const { stdout, stderr } = halfopen(['explain', ...args], here);
      expect(`${stdout}${stderr}`).not.toMatch(control);
    }
    expect(halfopen(['explain', '--html', 'page.html', name], here).status).toBe(0);
    expect(readFileSync(join(here, 'page.html'), 'utf8')).not.toMatch(control);
    expect(halfopen(['\u001b[31m'], here).stderr).not.toMatch(control);
    expect(halfopen(['explain', '--html', 'no/\u001b[31m', name], here).stderr).not.toMatch(control);
  });

  test.skipIf(process.platform !== 'linux')(
    'that are not UTF-8 are opened, listed, written and shown',
    () => {
      const here = folder('bytes');
      const { status, stdout, stderr } = shell(
        `cp '${sample}' $'c\\xff.pcapng'; mkdir $'d\\xfe'; cp '${script}' $'d\\xfe/s\\xfd.pkt'
       "$@" explain $'c\\xff.pcapng' --html $'p\\xfc.html' && "$@" run . $'d\\xfe/s\\xfd.pkt' && "$@" explain $'no\\xfb'`,
        here,
      );
      expect(status).toBe(1);
      expect(stderr).toBe('halfopen explain: no\\xfb: there is no such file\n');
      expect(stdout).toContain('connection attempts');
      expect(stdout.match(/^ok {3}d\\xfe\/s\\xfd\.pkt \(ipv4\)/gm)).toHaveLength(2);
      expect(readdirSync(here, { encoding: 'buffer' }).some((name) => name.includes(0xfc))).toBe(true);
    },
  );
});
