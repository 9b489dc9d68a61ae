/** `halfopen explain` on the command line: what it reads, from where, what it says of bad input, and its exit codes. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from '../../src/cli/explain-args.ts';
import { concatenate, epoch, explainAll, Film, Talk } from '../../src/explain/testing.ts';
import { pcapngHeader, pcapngPacket } from '../../src/wire/pcap.ts';
import { type Ended, explainCommand, main } from '../support/explain-cli.ts';

/** A completed, a refused and an unanswered attempt, and one with IPv6 two hours later. */
function capture(): Uint8Array {
  const made = new Film();
  new Talk(made).shake().close(100);
  const refused = new Talk(made, { clientPort: 40001, serverPort: 81 });
  refused.c(200, 'S');
  refused.s(210, 'RA', { seq: 0, ack: 1001 });
  const silent = new Talk(made, { clientPort: 40002, server: '198.51.100.9' });
  for (const ms of [300, 1300, 2300]) silent.c(ms, 'S', { stamps: [ms, 0] });
  new Talk(made, { client: '2001:db8::1', server: '2001:db8::2' }).shake(7_200_000);
  return made.toPcapng();
}

let place: string;
const inPlace = (name: string): string => join(place, name);
const bytes = capture();

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'halfopen-explain-'));
  const files: Record<string, Uint8Array | string> = {
    'good.pcapng': bytes,
    'good.pcapng.gz': zlib.gzipSync(bytes),
    'good.zst': zstd(bytes),
    'cut.pcapng': bytes.subarray(0, bytes.length - 5),
    'cut.gz': zlib.gzipSync(bytes).subarray(0, 400),
    'damaged.pcapng': damaged(),
    empty: '',
    'arcnet.pcapng': concatenate(ofType(129), packet(), packet()),
    'half.pcapng': concatenate(ofType(129), packet(), ofType(101), packet()),
    'text.txt': 'this is no capture\n',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(inPlace(name), content);
});
afterAll(() => rmSync(place, { recursive: true }));

const ofType = (linkType: number): Uint8Array => pcapngHeader([{ linkType }]);
const packet = (): Uint8Array => pcapngPacket(1n, new Talk(new Film()).packet(0, 'S'));

/** A capture whose ninth packet block lies about its length. */
function damaged(): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  let at = 0;
  for (let packets = 0; ; at += view.getUint32(at + 4, true)) {
    if (view.getUint32(at, true) === 6 && ++packets === 9) break;
  }
  view.setUint32(at + 4, 21, true);
  return copy;
}

/** zstd without compression (RFC 8878): one frame with its size, of raw blocks. */
function zstd(content: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0])];
  new DataView(parts[0]!.buffer as ArrayBuffer).setUint32(5, content.length, true);
  for (let at = 0; at < content.length; at += 100_000) {
    const raw = content.subarray(at, at + 100_000);
    const header = (raw.length << 3) | (at + raw.length === content.length ? 1 : 0);
    parts.push(Uint8Array.from([header & 255, (header >>> 8) & 255, header >>> 16]), raw);
  }
  return concatenate(...parts);
}

const run = (...args: string[]): Ended => explainCommand(args, place);
const rows = ({ stdout }: Ended): Record<string, unknown>[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const verdicts = (ended: Ended): unknown[] => rows(ended).map(({ verdict }) => verdict);
const all = ['completed', 'refused', 'unanswered', 'completed'];

describe('what it reads', () => {
  test('a file, the same with gzip, and the same through a pipe', () => {
    const plain = run('--json', 'good.pcapng');
    expect(plain).toMatchObject({ status: 0, stderr: '' });
    expect(verdicts(plain)).toEqual(all);
    expect(run('--json', 'good.pcapng.gz')).toEqual(plain);
    expect(explainCommand(['--json', '-'], place, bytes)).toEqual(plain);
    expect(explainCommand(['--json', '-'], place, readFileSync(inPlace('good.pcapng.gz')))).toEqual(plain);
  });

  test('zstd where Node can; elsewhere it says what to do', () => {
    const ended = run('--json', 'good.zst');
    if ('createZstdDecompress' in zlib) expect(verdicts(ended)).toEqual(all);
    else
      expect(ended).toMatchObject({
        status: 1,
        stdout: '',
        stderr: `halfopen explain: good.zst: this Node (${process.version}) cannot read zstd; decompress it first: zstd -dc FILE | halfopen explain -\n`,
      });
  });

  test('several files: one after the other, and the worst exit code', () => {
    const ended = run('--each', 'good.pcapng', 'cut.pcapng');
    expect(ended.status).toBe(1);
    expect(ended.stdout).toMatch(/^good\.pcapng:\n14 packets, [\s\S]*\ncut\.pcapng:\n13 packets, /);
  });

  test('rows of several files say which they are from, those of one do not', () => {
    for (const more of [[], ['--verdict', 'completed']]) {
      const both = rows(run('--json', ...more, 'good.pcapng', './good.pcapng.gz'));
      expect(new Set(both.map(({ capture }) => capture))).toEqual(
        new Set(['good.pcapng', './good.pcapng.gz']),
      );
      expect(rows(run('--json', ...more, 'good.pcapng')).every((row) => !('capture' in row))).toBe(true);
    }
  });

  test('packets of a link type that it does not know are counted and named', () => {
    expect(run('arcnet.pcapng')).toEqual({
      status: 1,
      stdout: '2 packets, 0 TCP segments, 0 connection attempts\nNo TCP connection attempts.\n',
      stderr:
        'halfopen explain: arcnet.pcapng: cannot read 2 packets of link type 129 (docs/explain.md lists the link types)\n',
    });
    const half = run('--json', 'half.pcapng');
    expect(half.status).toBe(0);
    expect(half.stderr).toContain('cannot read 1 packet of link type 129 ');
    expect(rows(half)).toHaveLength(1);
  });
});

describe('bad input gives what was before the damage, one message and exit 1', () => {
  for (const [file, packets, message] of [
    [
      'cut.pcapng',
      13,
      `the capture is cut off: after 13 packets it ends within a record (at byte ${lastBlock()})`,
    ],
    ['damaged.pcapng', 8, 'a block claims a length of 21 bytes: the file is damaged (at byte '],
    ['cut.gz', 4, 'the compressed data are cut off after 400 bytes'],
  ] as const)
    test(`${file}`, () => {
      const ended = run(file);
      expect(ended.status).toBe(1);
      expect(ended.stderr.startsWith(`halfopen explain: ${file}: ${message}`), ended.stderr).toBe(true);
      expect(ended.stderr.split('\n')).toHaveLength(2);
      const told = Number(/^(\d+) packets/.exec(ended.stdout)?.[1]);
      if (file === 'cut.gz') expect(told).toBeGreaterThanOrEqual(packets);
      else expect(told).toBe(packets);
      expect(rows(run('--json', file)).length).toBeGreaterThan(0);
    });

  for (const [file, message] of [
    ['empty', 'the capture is empty (at byte 0)'],
    ['text.txt', 'the file begins with 74686973: not a pcap, pcapng or snoop capture (at byte 0)'],
    ['missing.pcap', 'there is no such file'],
  ] as const)
    test(`${file}: nothing but the message`, () => {
      expect(run(file)).toEqual({ status: 1, stdout: '', stderr: `halfopen explain: ${file}: ${message}\n` });
    });

  function lastBlock(): number {
    return bytes.length - new DataView(bytes.buffer).getUint32(bytes.length - 4, true);
  }
});

describe('what is told', () => {
  const told = (...args: string[]): string[] => {
    const { wanted } = parse([...args, 'x'])!;
    return explainAll(bytes)
      .attempts.filter(wanted)
      .map(({ verdict }) => verdict);
  };

  test('narrowed by host, port, time and verdict, alone and together', () => {
    expect(verdicts(run('--json', '--verdict', 'refused,unanswered', 'good.pcapng'))).toEqual([
      'refused',
      'unanswered',
    ]);
    expect(told('--host', '198.51.100.9')).toEqual(['unanswered']);
    expect(told('--host', '2001:DB8:0::1')).toEqual(['completed']);
    expect(told('--port', '81')).toEqual(['refused']);
    expect(told('--port', '40000')).toEqual(['completed', 'completed']);
    expect(told('--since', '2026-01-01T01:00:00Z')).toEqual(['completed']);
    expect(told('--until', String(epoch + 0.25))).toEqual(['completed', 'refused']);
    expect(told('--since', String(epoch + 0.1), '--until', '2026-01-01T00:00:01Z')).toEqual([
      'refused',
      'unanswered',
    ]);
    expect(told('--verdict', 'refused,unanswered')).toEqual(['refused', 'unanswered']);
    expect(told('--verdict', 'syn-retransmitted')).toEqual(['unanswered']);
    expect(told('--verdict', 'completed', '--host', '192.0.2.1')).toEqual(['completed']);
    expect(told('--host', '203.0.113.99')).toEqual([]);
  });

  test('by times in UTC, as all that are told, wherever the machine is', () => {
    vi.stubEnv('TZ', 'America/New_York');
    expect(told('--since', '2026-01-01T01:00:00')).toEqual(['completed']);
    expect(told('--since', '2026-01-01 01:00:00.5')).toEqual(['completed']);
    expect(told('--since', '2026-01-01T01:00:00-08:00')).toEqual([]);
    vi.unstubAllEnvs();
  });

  test('a summary of nothing says that there is more', () => {
    expect(run('--port', '9', 'good.pcapng').stdout).toBe(
      '14 packets, 14 TCP segments, 4 connection attempts\nNone of them is what was asked for.\n',
    );
  });

  test('one attempt in full, by its number, and a message if there is no such attempt', () => {
    const ended = run('--attempt', '2', 'good.pcapng');
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(
      /^#2 refused \(certain\)\n {2}192\.0\.2\.2:81 refused 192\.0\.2\.1:40001 after 10 ms: /,
    );
    expect(run('--attempt', '9', 'good.pcapng')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'halfopen explain: good.pcapng has 4 attempts, no attempt 9\n',
    });
  });

  test('every row has what the schema promises', () => {
    for (const row of rows(run('--json', 'good.pcapng'))) {
      for (const key of ['attempt', 'duration', 'client_port', 'server_port', 'syns', 'synacks'])
        expect(row[key], key).toBeTypeOf('number');
      for (const key of [
        'verdict',
        'outcome',
        'certainty',
        'sentence',
        'time',
        'client',
        'server',
        'conn_state',
      ])
        expect(row[key], key).toBeTypeOf('string');
      expect(row.history).toBeTypeOf('string');
      expect(row.frames).toBeInstanceOf(Array);
    }
  });
});

describe('wrong usage is one line and exit 2', () => {
  for (const [args, message] of [
    [[], 'which capture? Give files, or - for a pipe (--help says more)'],
    [['--port', 'http', 'x'], "--port takes a whole number from 0 to 65535, not 'http'"],
    [['--port', '65536', 'x'], "--port takes a whole number from 0 to 65535, not '65536'"],
    [['--attempt', '0', 'x'], "--attempt takes a whole number from 1 to 2147483648, not '0'"],
    [['--since', 'yesterday', 'x'], "--since takes a time such as 2024-05-01T12:00:00Z, not 'yesterday'"],
    [['--host', 'example.com', 'x'], "'example.com' is not an IPv4 or IPv6 address"],
    [['--all', '--json', 'x'], '--all and --json exclude each other'],
  ] as const)
    test(args.join(' ') || 'nothing', () => {
      expect(() => parse([...args])).toThrow(message);
    });

  test('as the command says it', () => {
    expect(run()).toEqual({
      status: 2,
      stdout: '',
      stderr: 'halfopen explain: which capture? Give files, or - for a pipe (--help says more)\n',
    });
  });

  test('a code or an option that does not exist', () => {
    expect(() => parse(['--verdict', 'refuse', 'x'])).toThrow(/^there is no verdict 'refuse'; there are: /);
    expect(run('--bogus', 'x')).toMatchObject({ status: 2, stdout: '' });
  });

  test('--help is no error', () => {
    const ended = run('--help');
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^Usage: halfopen explain /);
  });
});

describe('a capture that goes on', () => {
  test('is told while it does, and ^C leaves time for the rest', async () => {
    const now = Date.now() - epoch * 1000;
    const made = new Film();
    new Talk(made).shake(now).close(now + 50);
    new Talk(made, { clientPort: 40001 }).shake(now + 60);
    const child = spawn(process.execPath, [main, 'explain', '--all', '-'], { cwd: place, stdio: 'pipe' });
    let output = '';
    const said = (text: string): Promise<void> =>
      new Promise((resolve) => {
        child.stdout.on('data', (piece) => {
          output += piece;
          if (output.includes(text)) resolve();
        });
      });
    const first = said('#1 completed');
    child.stdin.write(made.toPcapng());
    await first;
    expect(output).not.toContain('#2');
    child.kill('SIGINT');
    const rest = said('2 connection attempts');
    const ended = new Promise((resolve) => child.on('close', resolve));
    setTimeout(() => child.stdin.end(), 200);
    await rest;
    expect(await ended).toBe(0);
    expect(output.match(/^#1 /gm)).toHaveLength(1);
    expect(output).toContain('#2 completed');
  });

  test('and a recording in a pipe is told as a file is', () => {
    expect(explainCommand(['--all', '-'], place, bytes).stdout).toBe(run('--all', 'good.pcapng').stdout);
  });
});

describe('a reader that goes away', () => {
  test('ends the command without an error', async () => {
    const child = spawn(
      process.execPath,
      [main, 'explain', '--json', ...new Array<string>(50).fill('good.pcapng')],
      {
        cwd: place,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    child.stdout.destroy();
    let complaint = '';
    child.stderr.on('data', (text) => {
      complaint += text;
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    // 128 + SIGPIPE
    expect([code, complaint]).toEqual([141, '']);
  });
});
