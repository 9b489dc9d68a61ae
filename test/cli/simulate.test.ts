/** The liveness simulator as a program, and that each of its judges finds a fault planted for it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { full, root } from '../support/needs.ts';

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'halfopen-'));
  writeFileSync(join(place, 'package.json'), '{"type":"module"}');
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [tsc, '-p', 'tsconfig.simulate.json', '--outDir', place];
  expect(spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' }).stdout).toBe('');
});
afterAll(() => rmSync(place, { recursive: true }));

function simulate(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const program = join(root, 'tools', 'simulate.mjs');
  return spawnSync(process.execPath, [program, '--built', `${pathToFileURL(place)}/`, ...args], {
    cwd: root,
    encoding: 'utf8',
  });
}

/** Faults by the judge that has to find them: in which file, which line, and what it is made. */
const faults = {
  // cleanQueue's old line: when only part of an offloaded segment was acknowledged, the clock itself was the sample.
  'round-trip': [
    'send/ack',
    'if (firstAt >= 0 && !out.retransmittedAcked) {',
    'if (!whole) firstAt = -1; if (!out.retransmittedAcked) {',
  ],
  silence: ['send/sender', 'armProbe(conn, firstProbeDelay(conn));', '{}'],
  acknowledgment: [
    'receive/delayed-ack',
    'timers.arm(conn, Timer.delayedAck, deadline);',
    'timers.arm(conn, Timer.delayedAck, deadline + 300_000);',
  ],
  end: [
    'congestion/interface',
    'const grown = Math.min(flow.cwnd + packets, flow.ssthresh);',
    'const grown = 2;',
  ],
  data: ['../wire/segment', "return 'bad-checksum';", ';'],
  memory: ['send/send-buffer', 'conn.sendQueue.bytes < conn.sndBuf &&', 'true ||'],
  storm: [
    'receive/receive',
    'if (seg.seq === seg.end)',
    'if (seg.seq === seg.end) conn.ackNow = conn.ackPending = true; if (seg.seq === seg.end)',
  ],
  remains: ['states/lifecycle', 'services.timeWaits++;', 'services.timeWaits += 2;'],
  crash: ['recovery/rtt', 'conn.srtt = rtt << 3;', 'conn.srtt = rtt << 3; if (rtt > 1e6) null.f();'],
} as const;

/** All of them take a minute. */
const quick = ['round-trip', 'acknowledgment', 'memory'];

test.each(Object.entries(faults).filter(([judge]) => full || quick.includes(judge)))(
  'the judge "%s" finds the fault planted for it',
  (judge, fault) => {
    const [name, line, planted] = fault;
    const file = join(place, 'src', 'tcp', `${name}.js`);
    const sound = readFileSync(file, 'utf8');
    expect(sound.split(line).length - 1).toBeGreaterThan(0);
    writeFileSync(file, sound.replaceAll(line, planted));
    try {
      const { status, stdout } = simulate('--worlds', '600', '--findings', '1');
      expect(stdout).toMatch(
        new RegExp(`^seed \\d+: ${judge}: .*\\n {2}npm run simulate -- --seed \\d+ --worlds 1$`, 'ms'),
      );
      expect(status).toBe(1);
    } finally {
      writeFileSync(file, sound);
    }
  },
);

test('without a fault it says what it ran and exits with 0; it takes no number that is none', () => {
  const { status, stdout } = simulate('--worlds', '20');
  expect(stdout).toMatch(
    /^seeds 1 to 20: 20 worlds, [\d.]+ virtual hours, \d+ MB in \d+ packets, 0 findings, /,
  );
  expect(status).toBe(0);
  const wrong = simulate('--hours', 'many');
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toBe("halfopen: --hours must be a number above 0, not 'many'\n");
});
