import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { examine } from './check.ts';
import { checks } from './checks.ts';
import { collect, locate, nothingRead, parseAcceptLimits, sample } from './collect.ts';
import { parseCounters } from './counters.ts';
import type { Host } from './host.ts';
import { socketLine, writeCopies } from './testing.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'halfopen-doctor-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const read = (): Promise<Host> => {
  const source = locate(folder, null);
  return collect(source, sample(source), async () => {}, { proc: folder, attempts: false }).then(
    ({ host }) => host,
  );
};
const unknownOf = (host: Host): string[] => {
  const lines = examine(host, checks).unknown.map(
    ({ check, where, why }) => `${check.id}: ${where.replace(folder, '')}: ${why}`,
  );
  return lines.sort();
};

describe('copies of /proc', () => {
  test('of a healthy host are read in full and nothing is found in them', async () => {
    writeCopies(folder, {});
    const host = await read();
    expect(examine(host, checks)).toMatchObject({ found: [], unknown: [] });
    expect(nothingRead(host)).toBe(false);
  });

  test('of a sick host show it: sockets of both families, settings, connection tracking', async () => {
    writeCopies(folder, {
      sockets: [
        { local: '127.0.0.1:50000', remote: '127.0.0.1:50000', state: '01' },
        { local: '[00000000000000000000000001000000]:50002', state: '0A' },
      ],
      settings: { 'net.netfilter.nf_conntrack_count': '260000', 'net.core.somaxconn': '128' },
    });
    const found = examine(await read(), checks).found.map(({ check, subject }) => `${check.id} ${subject}`);
    expect(found).toEqual([
      'self-connected-socket 127.0.0.1:50000',
      'conntrack-full net.netfilter.nf_conntrack_max',
      'listener-in-ephemeral-range [::1]:50002',
      'small-backlog net.core.somaxconn',
    ]);
  });

  test('whose lines nobody knows are read as far as they can be, and the rest is unknown', async () => {
    writeCopies(folder, { sockets: [{ local: '127.0.0.1:50000', remote: '127.0.0.1:50000', state: '01' }] });
    const long = 'x'.repeat(600_000);
    const last = socketLine({ local: '127.0.0.1:50002', remote: '127.0.0.1:50002', state: '01' });
    appendFileSync(join(folder, 'net', 'tcp'), `strange\n${long}\n${last}`);
    appendFileSync(join(folder, 'net', 'netstat'), 'New: A B\nOther: 1 2\nNew: A B C\nNew: 1 2\nlast');
    const { found, unknown } = examine(await read(), checks);
    expect(found.map(({ subject }) => subject)).toEqual(['127.0.0.1:50000', '127.0.0.1:50002']);
    expect([...new Set(unknown.map(({ why }) => why))]).toEqual([
      expect.stringMatching(/^\d of its lines were not understood$/),
    ]);
    expect(unknown.map(({ check }) => check.id)).toEqual(
      checks.filter(({ readsSockets }) => readsSockets).map(({ id }) => id),
    );
  });

  test('that are not complete leave unknown what is missing', async () => {
    writeCopies(folder, {});
    rmSync(join(folder, 'net', 'tcp6'));
    rmSync(join(folder, 'sys', 'net', 'netfilter'), { recursive: true });
    rmSync(join(folder, 'sys', 'net', 'ipv4', 'tcp_syncookies'));
    const unknown = unknownOf(await read());
    expect(unknown).toContain('self-connected-socket: /net/tcp6: there is no such file');
    expect(unknown).toContain('conntrack-full: /sys/net/netfilter/nf_conntrack_max: there is no such file');
    expect(unknown).toContain('syn-queue-drops: /sys/net/ipv4/tcp_syncookies: there is no such file');
  });

  test('say of each socket which file it was in', async () => {
    writeCopies(folder, {
      sockets: [
        { local: '127.0.0.1:50000', state: '0A' },
        { local: '127.0.0.1:8080', state: '0A' },
        { local: '[00000000000000000000000001000000]:50002', state: '0A' },
      ],
    });
    const evidence = examine(await read(), checks).found.map((finding) => finding.evidence[0]!.where);
    expect(evidence).toEqual([`${folder}/net/tcp`, `${folder}/net/tcp6`]);
  });

  test('with connection tracking whose settings are hidden leave it unknown', async () => {
    writeCopies(folder, { settings: { 'net.netfilter.nf_conntrack_max': null } });
    expect(unknownOf(await read())).toEqual([]);
    mkdirSync(join(folder, 'net', 'stat'), { recursive: true });
    writeFileSync(join(folder, 'net', 'stat', 'nf_conntrack'), 'insert_failed drop\n00000000 00000000\n');
    expect(unknownOf(await read())).toEqual([
      'conntrack-full: /sys/net/netfilter/nf_conntrack_max: there is no such file',
    ]);
  });

  test('that hold nothing are said to hold nothing', async () => {
    const host = await read();
    expect(nothingRead(host)).toBe(true);
    // Copies never hold processes, and their report says so once.
    const expected = checks.filter(({ id }) => id !== 'descriptors-exhausted' && id !== 'listener-stopped');
    expect(new Set(examine(host, checks).unknown.map(({ check }) => check))).toEqual(new Set(expected));
  });

  test('with a full listener leave its backlog unknown: ss would show that of this host', async () => {
    writeCopies(folder, { sockets: [{ local: '127.0.0.1:80', state: '0A', receiveQueue: 5 }] });
    expect(unknownOf(await read())).toEqual([
      'accept-queue-full: ss -lntHe: it shows the backlogs of the own network namespace only, not of this one',
    ]);
  });

  test('with a folder in the place of a file say that it cannot be read', async () => {
    writeCopies(folder, {});
    rmSync(join(folder, 'net', 'netstat'));
    mkdirSync(join(folder, 'net', 'netstat'));
    expect(unknownOf(await read())[0]).toMatch(/: it is not a regular file$/);
  });
});

describe('counters', () => {
  test('are read by name, and what is not a pair of lines is passed over', () => {
    const counters = new Map<string, number>();
    parseCounters('junk\nTcpExt: A B\nTcpExt: 1 2\nIpExt: C\nTcp: D E\nTcp: -1\n\n', counters);
    expect([...counters]).toEqual([
      ['TcpExt.A', 1],
      ['TcpExt.B', 2],
      ['Tcp.D', -1],
    ]);
  });
});

describe('backlogs', () => {
  test('are read from the lines of ss by inode', () => {
    const text =
      'LISTEN 2      1      127.0.0.1:80 0.0.0.0:* ino:25298 sk:3 cgroup:/ <->\n' +
      'LISTEN 0      511        [::]:8080    [::]:*    uid:1000 ino:77 sk:1001 cgroup:/a v6only:0 <->\nnonsense\n';
    expect([...parseAcceptLimits(text)]).toEqual([
      [25298, 1],
      [77, 511],
    ]);
  });
});

describe('where to read', () => {
  test('copies are never taken for this host', () => {
    writeFileSync(join(folder, 'x'), '');
    expect(locate(folder, null)).toMatchObject({
      net: join(folder, 'net'),
      live: false,
      own: false,
      namespace: null,
    });
  });

  test.runIf(process.platform === 'linux')(
    'the own process has the own network and needs no entering',
    () => {
      expect(locate('/proc', null)).toMatchObject({ net: '/proc/net', own: true, namespace: null });
      expect(locate('/proc', process.pid)).toMatchObject({
        net: `/proc/${process.pid}/net`,
        sys: { path: '/proc/sys' },
        own: true,
        namespace: null,
      });
    },
  );
});
