/** What scripts of strangers may not do: read the user's files, hang, run what lies about. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root, testNeeding } from '../support/needs.ts';

const main = join(root, 'dist', 'cli', 'main.js');
const secret = 'hunter2-in-a-file';
const socket = '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n';
let place: string;
let suite: string;

beforeAll(() => {
  place = realpathSync(mkdtempSync(join(tmpdir(), 'halfopen-safety-')));
  suite = join(place, 'suite');
  mkdirSync(join(suite, 'deep'), { recursive: true });
  writeFileSync(join(place, 'secret.txt'), `${secret}\n`);
  writeFileSync(join(place, 'secret.sh'), `echo ${secret}\n`);
  writeFileSync(join(suite, '.env'), `PASSWORD=${secret}\n`);
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

interface Ended {
  readonly status: number | null;
  readonly text: string;
}

function run(
  args: readonly string[],
  more: { input?: string; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'run', ...args], {
    cwd: more.cwd ?? suite,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', ...more.env },
    timeout: 50_000,
    ...(more.input === undefined ? {} : { input: more.input }),
  });
  return { status, text: `${stdout}${stderr}` };
}

/** Writes a script into the suite. */
function script(name: string, text: string): string {
  const path = join(suite, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const up = '../'.repeat(20);

describe('a script that calls a file', () => {
  const attacks: Record<string, string> = {
    'by its absolute name': '/etc/passwd',
    'by way of dots': `./${up}etc/passwd`,
    'the environment': '/proc/self/environ; echo leak: $SECRET',
    'by way of its own folder in /proc': '/proc/self/cwd/../secret.txt',
    'by a descriptor': '/proc/self/fd/0',
    'a link that leads out': './out.sh',
    'a folder that leads out': './away/secret.sh',
    'a device': '/dev/zero',
    'a terminal': '/dev/tty',
    'standard input': `./${up}dev/stdin`,
    'a named pipe': './fifo.sh',
    'a file beside it that is no shell script': './.env; echo leak: $PASSWORD',
    'through a substitution': 'echo leak: $(/etc/passwd)',
    'through an assignment': 'X=$(./out.sh); echo leak: $X',
    'with a redirection': 'echo < /etc/passwd; ./out.sh > /tmp/x; cat /etc/passwd',
    'itself by another name': '/proc/self/root/etc/passwd',
  };
  beforeAll(() => {
    symlinkSync(join(place, 'secret.sh'), join(suite, 'out.sh'));
    symlinkSync(place, join(suite, 'away'));
    spawnSync('mkfifo', [join(suite, 'fifo.sh')]);
  });

  test.each(Object.entries(attacks))('learns nothing, and does not hang: %s', (name, command) => {
    const file = script(`attack-${name.replace(/\W+/g, '-')}.pkt`, `\`${command}\`\n${socket}`);
    for (const options of [['--tap'], ['--json'], ['-v'], ['--ladder', '-v'], ['--untrusted', '-v']]) {
      const { text, status } = run([...options, file], { env: { SECRET: 'hunter2' } });
      expect(text).not.toMatch(/root:|hunter2/);
      expect(status).not.toBe(null);
    }
    rmSync(file);
  });

  test('runs shell scripts below its root, says why others are not read, and shows none of their text', () => {
    script('deep/helper.sh', 'sysctl -q net.ipv4.tcp_syn_retries=2\n');
    script('deep/own.pkt', `\`./helper.sh\`\n${socket}`);
    script('deep/above.pkt', `\`../common.sh\`\n${socket}`);
    script('common.sh', '#!/bin/sh\nsysctl -q net.ipv4.tcp_syn_retries=2\n');
    expect(run(['.'])).toMatchObject({ status: 0 });
    expect(run(['deep'])).toMatchObject({
      status: 1,
      text: expect.stringContaining(
        `../common.sh: it lies outside of ${suite}/deep (--root FOLDER names another root)`,
      ),
    });
    expect(run(['--root', '.', 'deep']).status).toBe(0);
    expect(run(['--untrusted', 'deep/own.pkt']).text).toContain('files are not read with --untrusted');
    script('deep/broken.sh', `${secret} --flag\nsysctl ${secret}\nif ${secret}; then\n`);
    script('deep/broken.pkt', `\`./broken.sh\`\n${socket}`);
    for (const options of [['--tap'], ['-v']])
      expect(run([...options, 'deep/broken.pkt']).text).not.toContain(secret);
    rmSync(join(suite, 'deep'), { recursive: true });
  });

  test('has its repository for a root if it is given by name', () => {
    mkdirSync(join(place, 'repository', '.git'), { recursive: true });
    mkdirSync(join(place, 'repository', 'a'));
    writeFileSync(join(place, 'repository', 'common.sh'), 'sysctl -q net.ipv4.tcp_syn_retries=2\n');
    writeFileSync(join(place, 'repository', 'a', 'b.pkt'), `\`../common.sh\`\n${socket}`);
    expect(run(['repository/a/b.pkt'], { cwd: place }).status).toBe(0);
    expect(run(['repository/a'], { cwd: place }).status).toBe(1);
  });
});

describe('a script that is not what it seems', () => {
  test('is not read if it is a link out of the root, a pipe in a folder, or a folder of such', () => {
    symlinkSync(join(place, 'secret.txt'), join(suite, 'link.pkt'));
    spawnSync('mkfifo', [join(suite, 'pipe.pkt')]);
    for (const paths of [['.'], ['link.pkt'], ['--untrusted', 'pipe.pkt']]) {
      const { status, text } = run(paths);
      expect(text).not.toContain(secret);
      expect(text).toMatch(/it lies outside of|it is not a regular file/);
      expect(status).toBe(1);
    }
    for (const name of ['link.pkt', 'pipe.pkt']) rmSync(join(suite, name));
  });

  test('may come through a pipe that the user names, which is not waited for without end', () => {
    script('good.pkt', socket);
    const piped = spawnSync('sh', ['-c', 'cat good.pkt | "$0" "$1" run /dev/stdin', process.execPath, main], {
      cwd: suite,
    });
    expect(piped.status).toBe(0);
    const { stdout } = spawnSync(
      'sh',
      ['-c', `sleep 20 | "$0" "$1" run --timeout 1 /dev/stdin`, process.execPath, main],
      { encoding: 'utf8', timeout: 15_000 },
    );
    expect(stdout).toContain('nothing came for 1 s');
  });
});

describe('limits', () => {
  test('are refused where they are none, and where options exclude each other', () => {
    for (const [args, sentence] of [
      [['--timeout', '0', '.'], '--timeout takes a number from 1 to 86400'],
      [['--root', 'none', '.'], '--root none: there is no such file'],
      [['--root', '.env', '.'], '--root .env: it is not a folder'],
      [['--untrusted', '--python', '.'], '--untrusted excludes --python and --on'],
      [['--untrusted', '--on', 'exec:true', '.'], '--untrusted excludes --python and --on'],
    ] as const)
      expect(run(args)).toEqual({ status: 2, text: expect.stringContaining(sentence) });
  });
});

describe('--python', () => {
  const needing = testNeeding('test/cli/run-safety.test.ts', 'python3');
  needing('imports nothing from the folder at hand', () => {
    writeFileSync(join(suite, 'json.py'), 'open("PWNED", "w"); raise SystemExit(0)\n');
    const file = script('python.pkt', `${socket}+0 %{\nprint(1)\n}%\n`);
    expect(run(['--python', file]).status).toBe(0);
    expect(existsSync(join(suite, 'PWNED'))).toBe(false);
    rmSync(join(suite, 'json.py'));
  });

  needing('is ended at the time-out, and its output has a limit told in words', () => {
    const endless = script('endless.pkt', `${socket}+0 %{\nwhile True: pass\n}%\n`);
    expect(run(['--python', '--timeout', '2', endless]).text).toMatch(/took longer than 2 s/);
    const loud = script('loud.pkt', `${socket}+0 %{\nprint("x" * (20 << 20))\n}%\n`);
    expect(run(['--python', loud]).text).toContain('the snippets print more than 16 MiB');
    expect(readFileSync(loud, 'utf8')).toContain('20 << 20');
  });
});
