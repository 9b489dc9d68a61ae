/** A setting acts, or the documents say that it does not: every sysctl, option and reason of the trace against the code. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inertIntegers, tcpRanges } from '../../src/host/sysctl-table.ts';
import { reasons } from '../../src/tcp/reasons.ts';
import { Options } from '../../src/tcp/socket/options.ts';
import { TcpOption } from '../../src/tcp/socket/socket-options.ts';
import { defaultTcpSysctls } from '../../src/tcp/sysctls.ts';
import { root } from '../support/needs.ts';

/** TCP options that are taken and do nothing, and why. This list only gets shorter: whoever makes one act takes it out. */
const optionsWithoutEffect: Readonly<Record<string, string>> = {
  thinDupack: 'without an effect in Linux, too (tcp(7))',
  timestamp: 'only read: setting it takes TCP_REPAIR, which is not here',
};

/** Code of the stack without its comments, file by file; not the tables that only declare. */
const code = (readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }) as string[])
  .map((name) => name.split(sep).join('/'))
  .filter((name) => /^(tcp|host)\/.*\.ts$/.test(name) && !/(\.test|\/testing[\w-]*)\.ts$/.test(name))
  .map((name) => ({
    name,
    text: readFileSync(join(root, 'src', name), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''),
  }));

/** Files in which a pattern occurs, without those that only declare. */
const readers = (pattern: RegExp, declared: readonly string[]): string[] =>
  code.filter(({ name, text }) => !declared.includes(name) && pattern.test(text)).map(({ name }) => name);

describe('settings', () => {
  test('every sysctl that the stack lists as its own is read by it', () => {
    const unread = Object.keys({ ...defaultTcpSysctls(), ...tcpRanges }).filter(
      (name) =>
        readers(new RegExp(`\\b${name}\\b`), ['tcp/sysctls.ts', 'host/sysctl-table.ts', 'host/sysctl.ts'])
          .length === 0,
    );
    expect(unread).toEqual([]);
  });

  test('every sysctl without an effect is named as such where scripts are documented, and none besides', () => {
    const text = readFileSync(join(root, 'docs', 'packetdrill.md'), 'utf8');
    const paragraph = /Settings without an effect here:[\s\S]*?\n\n/.exec(text)?.[0] ?? '';
    const named = [...paragraph.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
    const inert = Object.keys(inertIntegers);
    expect(named).toEqual(inert.map((name) => name.replace('net.ipv4.', '')));
    // Grows only with what Linux has and the stack does not know at all.
    expect(inert.length).toBeLessThanOrEqual(21);
    for (const name of inert) {
      const own = name.replace('net.ipv4.', '');
      expect(readers(new RegExp(`sysctls\\.(?:\\w+\\.)?${own}\\b`), []), own).toEqual([]);
    }
  });

  test('every option that an application may set changes what the stack does', () => {
    const declared = ['tcp/socket/options.ts', 'tcp/socket/socket-options.ts', 'host/socket-options.ts'];
    // Read through functions of the file that declares them, which ask for the family.
    const byFamily: Readonly<Record<string, string>> = {
      tos: 'trafficClassOf',
      trafficClass: 'trafficClassOf',
      ttl: 'hopsOf',
      hops: 'hopsOf',
    };
    const own = ['changes', 'derived', 'derivedBy'];
    const unread = Object.keys(new Options())
      .filter((name) => !own.includes(name))
      .filter((name) => {
        const through = byFamily[name];
        const pattern =
          through === undefined
            ? new RegExp(`options\\??\\.${name}\\b|\\b${name}\\b[^;=]*\\} = \\w+(?:\\.\\w+)*\\.options\\b`)
            : new RegExp(`\\b${through}\\(`);
        return readers(pattern, declared).length === 0;
      });
    expect(unread).toEqual([]);
  });

  test('every option of level TCP is set or read, and those that do nothing say why', () => {
    const texts = code.filter(({ name }) => /socket-options\.ts$/.test(name)).map(({ text }) => text);
    // TCP_INFO has a call of its own (tcp/socket/info.ts).
    const handled = (name: string): boolean =>
      name === 'info' ||
      texts.some((text) => new RegExp(`TcpOption\\.${name}\\b`).test(text)) ||
      readers(new RegExp(`TcpOption\\.${name}\\b`), []).length > 0;
    expect(Object.keys(TcpOption).filter((name) => !handled(name))).toEqual([]);
    const setter = code.find(({ name }) => name === 'tcp/socket/socket-options.ts')!.text;
    const body = /function setTcpOption[\s\S]*?\n\}/.exec(setter)![0];
    const idle = [...body.matchAll(/case TcpOption\.(\w+):([\s\S]*?)(?=case TcpOption|\n {2}\})/g)]
      .filter((match) => match[2]!.trim() !== '' && !/set\w*\(|conn\.\w+ = /.test(match[2]!))
      .map((match) => match[1]!);
    expect(idle.sort()).toEqual(Object.keys(optionsWithoutEffect).sort());
  });

  test('every reason of the trace is given somewhere', () => {
    const mute = reasons.filter(
      (reason) => readers(new RegExp(`'${reason}'`), ['tcp/reasons.ts']).length === 0,
    );
    expect(mute).toEqual([]);
  });
});
