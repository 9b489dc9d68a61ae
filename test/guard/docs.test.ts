import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { root, testNeeding } from '../support/needs.ts';
import { inNamespace } from './namespace.ts';

const here = 'test/guard/docs.test.ts';
const test = testNeeding(here, 'netns');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const section = readme
  .slice(readme.indexOf('## Keep Node services out of the trap (guard)'))
  .split('\n## ', 1)[0]!;
const page = readFileSync(join(root, 'docs', 'guard.md'), 'utf8');
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map((match) => match[1]!);
const block = (language: string, part: string): string => {
  const found = blocks(section, language).filter((text) => text.includes(part));
  expect(found, `${language} with ${part}`).toHaveLength(1);
  return found[0]!;
};

/** Dials a service that is down; says what it came to. */
const app = `
import net from 'node:net';
let tries = 0;
const port = Number(process.env.PORT ?? 50000);
const dial = () => {
  if (tries++ === 500) { console.log('always refused'); process.exit(); }
  net.connect(port, '127.0.0.1', () => { console.log('met itself'); process.exit(); }).on('error', dial);
};
dial();`;

/** A user's folder with the package in it, as npm install leaves it, and a folder that has nothing. */
let folder = '';
const elsewhere = tmpdir();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'halfopen-app-'));
  const installed = join(folder, 'node_modules', 'halfopen');
  mkdirSync(installed, { recursive: true });
  for (const part of ['dist', 'package.json'])
    cpSync(join(root, part), join(installed, part), { recursive: true });
  symlinkSync(join(root, 'node_modules', 'undici'), join(folder, 'node_modules', 'undici'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'app.js'), app);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a shell script in a namespace whose range holds port 50000 (or what it sets itself), in the user's folder. */
function shell(
  script: string,
  at: string = folder,
): { status: number | null; stdout: string; stderr: string } {
  return inNamespace(['sh', '-c', `cd '${at}' && ${script}`]);
}

test('without anything, the program of these tests meets itself', () => {
  expect(shell('node app.js').stdout).toBe('met itself\n');
});

describe('the README, for Node services', () => {
  test('has a command that runs as it stands', () => {
    const { status, stdout, stderr } = shell(block('sh', '--import').trim());
    expect([status, stdout, stderr]).toEqual([0, 'always refused\n', '']);
  });

  test('has an import that does the same', () => {
    const [, line] = /`(import 'halfopen\/guard')`/.exec(section)!;
    writeFileSync(join(folder, 'with-import.js'), `${line};\n${app}`);
    expect(shell('node with-import.js').stdout).toBe('always refused\n');
    // CommonJS programs load it by the same name.
    expect(shell('node -r halfopen/guard app.js').stdout).toBe('always refused\n');
  });
});

/** The image's folder /app is the user's folder here. */
const asInImage = (text: string): string => text.replaceAll('/app/', `${folder}/`);

describe('the README, for Docker (without Docker: what its lines set is set in a namespace)', () => {
  test('has an ENV line that reaches the program from any folder', () => {
    const line = /^ENV (NODE_OPTIONS=\S+)$/m.exec(block('dockerfile', 'NODE_OPTIONS'))!;
    const { stdout, stderr } = shell(`${asInImage(line[1]!)} node '${folder}/app.js'`, elsewhere);
    expect([stdout, stderr]).toEqual(['always refused\n', '']);
  });

  test('is right that a package name in NODE_OPTIONS stops node elsewhere', () => {
    const [, setting] = /`(NODE_OPTIONS="--import halfopen\/guard")`/.exec(section)!;
    expect(shell(`${setting} node -e 0`).status).toBe(0);
    const { status, stderr } = shell(`${setting} node -e 0`, elsewhere);
    expect(status).not.toBe(0);
    expect(stderr).toContain('ERR_MODULE_NOT_FOUND');
  });

  test('has a docker run whose sysctl keeps programs without the guard from themselves', () => {
    const words = block('sh', 'docker').trim().split(/\s+/);
    expect([words.slice(0, 3), words.slice(4)]).toEqual([['docker', 'run', '--sysctl'], ['my-service']]);
    expect(shell(`sysctl -q -w ${words[3]} && node app.js`).stdout).toBe('always refused\n');
  });
});

describe('the README, for Kubernetes (without a cluster: what its lines set is set in a namespace)', () => {
  test('has a pod whose sysctl and variable each keep its programs from themselves', () => {
    const pod = block('yaml', 'kind: Pod');
    const named = (name: string): string =>
      new RegExp(`- name: ${name}\\n +value: "?([^"\\n]+)"?\\n`).exec(pod)![1]!;
    const sysctl = 'net.ipv4.ip_local_reserved_ports';
    expect(shell(`sysctl -q -w ${sysctl}=${named(sysctl)} && node app.js`).stdout).toBe('always refused\n');
    const options = asInImage(named('NODE_OPTIONS'));
    expect(shell(`NODE_OPTIONS='${options}' node '${folder}/app.js'`, elsewhere).stdout).toBe(
      'always refused\n',
    );
  });

  test('has commands for nodes that keep their programs from connecting to themselves at a NodePort', () => {
    // A widened range that is almost nothing but NodePorts, since self-connects would be rare in a whole one.
    const widened = 'sysctl -q -w net.ipv4.ip_local_port_range="32750 32787"';
    const dial = 'PORT=32750 node app.js';
    expect(shell(`${widened} && ${dial}`).stdout).toBe('met itself\n');
    const commands = block('sh', 'sysctl -p').replaceAll('/etc/sysctl.d/', `${folder}/`);
    expect(commands).not.toBe(block('sh', 'sysctl -p'));
    const { stdout } = shell(`${widened} && { ${commands} } && ${dial}`);
    expect(stdout).toBe('net.ipv4.ip_local_reserved_ports = 30000-32767\nalways refused\n');
  });
});

describe('the page about the guard', () => {
  test('has examples that run as they stand', () => {
    const programs = blocks(page, 'js');
    expect(programs.length).toBeGreaterThan(3);
    for (const [index, program] of programs.entries()) {
      writeFileSync(join(folder, 'example.js'), program);
      const { status, stdout, stderr } = shell('node example.js');
      const warning = program.includes('prevent: true') ? /^\(node:\d+\) \[HALFOPEN_GUARD_PREVENT\]/ : /^$/;
      expect([status, stderr], `example ${index + 1}`).toEqual([0, expect.stringMatching(warning)]);
      if (program.includes('error.code')) expect(stdout).toBe('ECONNREFUSED\n');
    }
  });

  test('has an example of monitoring that hears of a self-connect', () => {
    const [program] = blocks(page, 'js').filter((text) => text.includes('subscribe('));
    writeFileSync(join(folder, 'example.js'), `${program}\n${app.replace('import net', ';import net')}`);
    const { stdout, stderr } = shell('node example.js');
    expect(stdout).toBe('always refused\n');
    expect(stderr).toMatch(/^stopped a self-connect with 127\.0\.0\.1 port 50000, 1 so far\n/);
  });

  test('names everything that the package exports', () => {
    const script = "import * as all from 'halfopen/guard'; console.log(Object.keys(all).join())";
    const names = shell(`node --input-type=module -e "${script}"`).stdout.trim().split(',');
    expect(names.length).toBeGreaterThan(6);
    for (const name of names) expect(page, name).toContain(name);
  });
});
