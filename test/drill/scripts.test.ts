import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { restrictedTo, runJob } from '../../src/cli/run-job.ts';
import { captureOf } from '../../src/cli/run-report.ts';
import { formatFailure } from '../../src/drill/index.ts';
import { openHost } from '../../src/drill/on-host.ts';
import { type RunResult, runScript } from '../../src/drill/run.ts';
import type { IpVersion } from '../../src/drill/system-under-test.ts';
import type { Conditions } from '../../src/sim/conditions.ts';
import { packetText } from '../../src/wire/text.ts';
import { full, root, testNeeding } from '../support/needs.ts';

const folder = join(root, 'scripts');
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  // Those of the RFC's requirements do not all pass, as docs/rfc9293.md says; test/exec/musts.test.ts has them.
  .filter((name) => name.endsWith('.pkt') && !name.startsWith('rfc9293'))
  .map((name) => join(folder, name));
const texts = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));
const versions: readonly IpVersion[] = ['ipv4', 'ipv4-mapped-ipv6', 'ipv6'];

/** Scripts that look at the host in the very moment at which a packet is sent to it: no jitter on that way. */
const punctual: ReadonlySet<string> = new Set([
  '01-three-way-handshake-server.pkt',
  '06-simultaneous-close.pkt',
  '06-states-of-a-client.pkt',
  '06-states-of-a-server.pkt',
  '15-accept-queue.pkt',
]);
const jitter: Conditions = { jitterUs: 300 };

function run(file: string, seed: number, toHost: Conditions = {}, fromHost: Conditions = {}): RunResult {
  return runScript({
    file: basename(file),
    text: texts.get(file)!,
    open: (network) => openHost(network, { seed, toHost, fromHost, record: false }),
  });
}

const rest = { root: realpathSync(join(root, 'scripts')), untrusted: true, timeoutMs: 60_000 };

describe("the project's scripts", () => {
  test.each(files.map((file) => [basename(file), file]))(
    '%s passes in every address set-up it allows',
    (_, file) => {
      for (const ip of restrictedTo(file, rest.root) ?? versions) {
        const { failure, text } = runJob({
          file,
          ip,
          defines: [],
          options: [],
          python: false,
          seed: 1,
          ...rest,
        });
        expect(failure === null ? '' : formatFailure(failure, text)).toBe('');
      }
    },
  );

  test('each says in its first lines what it shows, and which rule it rests on', () => {
    for (const [file, text] of texts) {
      const head = /^(?:\/\/ .*\n)+/.exec(text)?.[0] ?? '';
      expect(head, file).toMatch(
        /RFC \d+|net\/ipv4|include\/net|Documentation\/|\(\w+\(\d\)|\d\)|Linux|dialer/,
      );
    }
  });

  test('there is at least one for every topic from 1 to 12', () => {
    const topics = new Set(files.map((file) => Number(basename(file).slice(0, 2))));
    for (let topic = 1; topic <= 12; topic++) expect(topics, `topic ${topic}`).toContain(topic);
  });

  test('all pass with any seed, with jitter in the link', () => {
    const failed: string[] = [];
    for (let seed = 1; seed <= (full ? 1000 : 5); seed++) {
      for (const file of files) {
        const toHost = punctual.has(basename(file)) ? {} : jitter;
        const { failure } = run(file, seed, toHost, jitter);
        if (failure !== null) failed.push(`seed ${seed}: ${formatFailure(failure, texts.get(file)!)}`);
      }
    }
    expect(failed).toEqual([]);
  });

  test('the classic trace comes out with its very numbers', () => {
    const { packets, failure } = run(join(folder, '01-three-way-handshake.pkt'), 1);
    expect(failure).toBeNull();
    const client = '10.211.55.5:45436';
    const server = '10.211.55.10:8080';
    expect(
      packets.map(({ bytes }, i) => packetText(bytes, 'tshark', { windowShift: i === 2 ? 7 : 0 })),
    ).toEqual([
      `${client} → ${server} [SYN] Seq=2182928323 Win=29200 Len=0 MSS=1460 SACK_PERM=1 TSval=785148763 TSecr=0 WS=128`,
      `${server} → ${client} [SYN, ACK] Seq=3307464518 Ack=2182928324 Win=28960 Len=0 MSS=1460 SACK_PERM=1 TSval=784782708 TSecr=785148763 WS=128`,
      `${client} → ${server} [ACK] Seq=2182928324 Ack=3307464519 Win=29312 Len=0 TSval=785148763 TSecr=784782708`,
    ]);
  });

  test('the SYN time-outs come at their nominal times, to the microsecond', () => {
    const sent = (name: string): { seconds: number[]; virtualUs: number } => {
      const { packets, failure, virtualUs } = run(join(folder, name), 1);
      expect(failure).toBeNull();
      return { seconds: packets.map(({ atUs }) => atUs / 1e6), virtualUs };
    };
    expect(sent('07-nobody-answers.pkt')).toEqual({
      seconds: [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67],
      virtualUs: 131_000_000,
    });
    expect(sent('07-nobody-answers-before-6.5.pkt')).toEqual({
      seconds: [0, 1, 3, 7, 15, 31, 63],
      virtualUs: 127_000_000,
    });
  });
});

describe('captures of the scripts', () => {
  const capture = (seed: number): Uint8Array =>
    captureOf(
      files.map((file) => runJob({ file, ip: null, defines: [], options: [], python: false, seed, ...rest })),
    );

  test('the same seed gives the same pcapng, byte for byte', () => {
    const [one, two, other] = [capture(7), capture(7), capture(8)];
    expect(Buffer.compare(one, two)).toBe(0);
    expect(Buffer.compare(one, other)).not.toBe(0);
  });

  testNeeding('test/drill/scripts.test.ts', 'tshark')(
    'tshark reads them without a malformed packet or a bad checksum',
    () => {
      const place = mkdtempSync(join(tmpdir(), 'halfopen-'));
      try {
        const file = join(place, 'scripts.pcapng');
        writeFileSync(file, capture(1));
        const check = ['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
        const bad = '_ws.malformed || tcp.checksum.status == "Bad" || ip.checksum.status == "Bad"';
        const all = spawnSync('tshark', ['-r', file, ...check], { encoding: 'utf8' });
        const wrong = spawnSync('tshark', ['-r', file, ...check, '-Y', bad], { encoding: 'utf8' });
        expect(all.stdout.trim().split('\n').length).toBeGreaterThan(200);
        expect(wrong.stdout).toBe('');
      } finally {
        rmSync(place, { recursive: true });
      }
    },
  );
});
