/** `halfopen explain` of several files, of text, of an interface, and of a capture without any TCP. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Film, Talk } from '../../src/explain/testing.ts';
import { ethernet } from '../../src/explain/testing-wraps.ts';
import { LINKTYPE_ETHERNET } from '../../src/wire/pcap.ts';
import { explainCommand, inFolder, main } from '../support/explain-cli.ts';
import { testNeeding } from '../support/needs.ts';

const ethernetFilm = (): Film => new Film(LINKTYPE_ETHERNET);

/** One handshake in three files, a second apart. */
function pieces(folder: string): string[] {
  const made = [0, 1, 2].map(() => new Film());
  const talks = made.map((film) => new Talk(film));
  talks[0]!.c(0, 'S');
  talks[1]!.s(1000, 'SA');
  talks[2]!.c(2000, 'A', { seq: 1001, ack: 5_000_001 });
  return made.map((film, n) => {
    const path = join(folder, `trace_0000${n}.pcap`);
    writeFileSync(path, film.toPcapng());
    return path;
  });
}

describe('several files', () => {
  test('that follow each other are one capture, in which an attempt that straddles them is one', () =>
    inFolder((folder) => {
      const files = pieces(folder);
      for (const args of [files, [folder], ['--ring', ...files]]) {
        const { status, stdout } = explainCommand(args);
        expect(status).toBe(0);
        expect(stdout).toContain('3 files that follow each other');
        expect(stdout).toContain('3 packets, 3 TCP segments, 1 connection attempt');
      }
      const each = explainCommand(['--each', ...files]).stdout;
      expect(each.match(/1 connection attempt/g)).toHaveLength(3);
      const [line] = explainCommand(['--json', ...files])
        .stdout.trim()
        .split('\n');
      expect(JSON.parse(line!)).toMatchObject({ capture: files[0], verdict: 'completed', frames: [1, 2, 3] });
      expect(explainCommand(['--all', ...files]).stdout).toContain('trace_00002.pcap: frame 1');
    }));

  test('of the same time are ends of the same traffic, and compared', () =>
    inFolder((folder) => {
      const client = new Film();
      const server = new Film();

      const a = new Talk(client);
      a.c(0, 'S', { id: 1 });
      a.c(1000, 'S', { id: 2 });
      a.s(1021, 'SA', { ttl: 60 });
      const b = new Talk(server);
      b.c(1010, 'S', { id: 2, ttl: 60 });
      b.s(1011, 'SA');
      new Talk(client, { clientPort: 9 }).shake(2000);
      new Talk(server, { clientPort: 9 }).shake(2000);
      writeFileSync(join(folder, 'client.pcap'), client.toPcapng());
      writeFileSync(join(folder, 'server.pcap'), server.toPcapng());
      const { stdout } = explainCommand([join(folder, 'client.pcap'), join(folder, 'server.pcap')]);
      expect(stdout).toContain('taken as ends of the same traffic');
      expect(stdout).toContain('one SYN of 2 that left the client did not get to the server');
    }));

  test('a folder without captures, and two ways at once, are one clear error', () =>
    inFolder((folder) => {
      expect(explainCommand([folder])).toMatchObject({ status: 2, stdout: '' });
      expect(explainCommand(['--ring', '--each', 'a', 'b']).stderr).toContain('exclude each other');
    }));
});

test('a text of tcpdump is explained, with its names', () =>
  inFolder((folder) => {
    const path = join(folder, 'pasted.txt');
    writeFileSync(
      path,
      '12:00:00.000000 IP web.example.40000 > db.example.mysql: Flags [S], seq 1000, win 64240, options [mss 1460], length 0\n' +
        '12:00:00.000100 IP db.example.mysql > web.example.40000: Flags [R.], seq 0, ack 1001, win 0, length 0\n',
    );
    const { status, stdout } = explainCommand(['--all', path]);
    expect(status).toBe(0);
    expect(stdout).toContain('db.example:3306 refused web.example:40000');
    const json = JSON.parse(explainCommand(['--json', path]).stdout);
    expect(json).toMatchObject({ client: 'web.example', server: 'db.example', verdict: 'refused' });
  }));

test('an ICMP error of a text that quotes nothing is likely of the only segment it fits, not certainly', () => {
  const text =
    '12:00:00.0 IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [S], seq 1000, win 64240, options [mss 1460], length 0\n' +
    '12:00:00.1 IP 192.0.2.9 > 192.0.2.1: ICMP host 192.0.2.2 unreachable - admin prohibited filter, length 48\n';
  const told = JSON.parse(explainCommand(['--json', '-'], undefined, Buffer.from(text)).stdout);
  expect(told).toMatchObject({ verdict: 'rejected-by-icmp', certainty: 'likely' });
});

test('a text with relative numbers only gets no initial sequence numbers in JSON, and a tuple used again is another attempt', () => {
  const line = (n: number, time: string, remark: string): string =>
    `${n} ${time} 192.0.2.1 → 192.0.2.2 TCP 74 ${remark}40000 → 80 [SYN] Seq=0 Win=64240 Len=0 MSS=1460\n`;
  const back = '2 0.020000 192.0.2.2 → 192.0.2.1 TCP 74 80 → 40000 [RST, ACK] Seq=1 Ack=1 Win=0 Len=0\n';
  const text = line(1, '0.000000', '') + back + line(3, '9.000000', '[TCP Port numbers reused] ');
  const objects = explainCommand(['--json', '-'], undefined, Buffer.from(text))
    .stdout.trim()
    .split('\n')
    .map((it) => JSON.parse(it));
  expect(objects.map((it) => it.verdict)).toEqual(['refused', 'unanswered']);
  for (const it of objects) expect(Object.keys(it)).not.toContain('client_isn');
});

describe('neighbours', () => {
  const arp = (operation: number, sender: number, target: number): Uint8Array => {
    const bytes = new Uint8Array(42).fill(0xff, 0, 6);
    bytes.set([2, 0, 0, 0, 0, sender, 8, 6, 0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, sender], 6);
    bytes.set([10, 7, 0, sender], 28);
    bytes.set([10, 7, 0, target], 38);
    return bytes;
  };

  const told = (made: Film): string => {
    const { stdout } = explainCommand(['-'], undefined, made.toPcapng());
    return stdout;
  };

  test('that nobody answers for are told of, though there is no TCP at all; one that is answered is not', () => {
    const silent = ethernetFilm();
    for (const ms of [0, 1000, 2000]) silent.add(ms, arp(1, 1, 77));
    expect(told(silent)).toContain(
      '10.7.0.1 asked 3 times within 2 s for the link address of 10.7.0.77 (ARP)',
    );
    const answered = ethernetFilm();
    for (const ms of [0, 1000]) answered.add(ms, arp(1, 1, 77));
    answered.add(1001, arp(2, 77, 1));
    expect(told(answered)).not.toContain('link address');
  });

  test('are answered for if there is TCP of them', () => {
    const made = ethernetFilm();
    for (const ms of [0, 1000]) made.add(ms, arp(1, 1, 77));
    new Talk(made, { client: '10.7.0.1', server: '10.7.0.77', wrap: ethernet }).shake(1001);
    expect(told(made)).not.toContain('link address');
  });
});

testNeeding('test/cli/explain-cases.test.ts', 'netns')(
  'an interface is captured from: a refused connection on loopback',
  async () => {
    const child = spawn(
      process.execPath,
      [main, 'explain', '--json', '--interface', 'lo', '--seconds', '3'],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    child.stdout.on('data', (data) => {
      output += String(data);
    });
    await sleep(1500);
    await once(connect(1, '127.0.0.1'), 'error');
    await once(child, 'close');
    const lines = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toContainEqual(
      expect.objectContaining({ server: '127.0.0.1', server_port: 1, verdict: 'refused', syns: 1 }),
    );
  },
);

test('everything on the terminal is Chinese where that is asked for: attempts, stories, help and errors', () =>
  inFolder((folder) => {
    const run = (...args: string[]): string => {
      const { stdout, stderr } = explainCommand(['--lang', 'zh', ...args], folder);
      return `${stdout}${stderr}`;
    };
    const path = join(folder, 'one.pcap');
    const made = new Film();
    new Talk(made, { server: '198.51.100.1' }).c(0, 'S');
    new Talk(made, { clientPort: 9 }).shake(10);
    writeFileSync(path, made.toPcapng());
    const all = run('--all', path);
    for (const text of ['没有得到应答', '备注', '主要目的地', '4 个报文', '（可能）', '值得注意'])
      expect(all).toContain(text);
    const english = all.replace(/[\w.:-]*\d[\w.:-]*|\([\w-]+\)|（[\w-]+[^）]*）/g, '');
    expect(english).not.toMatch(/\b(the|was|in|of|connected|answer|frame|captured)\b/);
    expect(run('--help')).toContain('用法：halfopen explain');
    expect(run('--port', 'x', path)).toContain('--port 要 0 到 65535 的整数');
    expect(run('--nonsense', path)).toMatch(/[\u4e00-\u9fff]/);
    expect(run('missing.pcap')).toContain('没有这个文件');
    expect(run('--ring', '--each', path, path)).toContain('--ring 与 --each 不能同时使用');
  }));
