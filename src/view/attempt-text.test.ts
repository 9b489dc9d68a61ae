import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters as bare } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Explainer } from '../explain/explain.ts';
import type { Attempt } from '../explain/judge/attempt.ts';
import { Tally } from '../explain/output/summary.ts';
import { ladderPackets } from './attempt-ladder.ts';
import { attemptLines, summaryLines } from './attempt-text.ts';
import { columns } from './text-width.ts';

const attempts: Attempt[] = [];
const explainer = new Explainer((a) => attempts.push(a));
explainer.push(readFileSync(fileURLToPath(new URL('../../docs/examples/attempts.pcapng', import.meta.url))));
explainer.end();
const plain = { width: 80, colour: false };
const of = (verdict: string): Attempt => attempts.find((a) => a.verdict === verdict)!;

/** The same attempt between long IPv6 addresses, with more of everything. */
const wide = (a: Attempt): Attempt => ({
  ...a,
  client: '2001:db8:1234:5678:9abc:def0:1234:5678',
  server: '2001:db8:1234:5678:9abc:def0:8765:4321',
  encapsulation: 'vlan 10 / mpls / pppoe 17 / vxlan 5000 / gre 4294967295',
  sentence: a.sentence.repeat(3),
  verdict: a.verdict === 'refused' ? 'rejected-by-icmp' : a.verdict,
  frames: a.frames.map((frame) => frame + 4_000_000_000),
  evidence: {
    ...a.evidence,
    packets: a.evidence.packets.map((p, n) => ({
      ...p,
      frame: p.frame + 4_000_000_000,
      time: p.time + (n % 2) * 7e17,
      duplicate: true,
    })),
  },
});

describe('an attempt on the terminal', () => {
  test('never is wider than the terminal, in colour or not', () => {
    for (const width of [80, 100, 72])
      for (const a of [...attempts, ...attempts.map(wide)])
        for (const line of attemptLines(a, { width, colour: true }))
          expect(columns(bare(line)), line).toBeLessThanOrEqual(width);
  });

  test('is the same without colour, and has no escape sequence then', () => {
    for (const a of attempts) {
      const lines = attemptLines(a, plain);
      expect(lines.join('\n')).not.toContain('\u001b');
      expect(attemptLines(a, { ...plain, colour: true }).map(bare)).toEqual(lines);
    }
  });

  test('shows every packet with the time since the one before, from its sender to its receiver', () => {
    const a = of('refused');
    const [syn, reset] = a.evidence.packets;
    const rungs = attemptLines(a, plain).filter((line) => line.includes('──'));
    expect(rungs.length).toBe(2);
    expect(rungs[0]).toMatch(new RegExp(`^ +${syn!.frame} +│── SYN ─+▶│$`));
    expect(rungs[1]).toMatch(new RegExp(`^ +${reset!.frame} +\\+25\\.2 ms │◀─+ RST, ACK ──│$`));
  });

  test('says of a packet sent again that it is the same, and of an ICMP error who sent it', () => {
    const packets = ladderPackets(of('unanswered'));
    expect(packets.map((p) => p.details[0] === 'the same again')).toEqual(packets.map((_, n) => n > 0));
    const text = attemptLines(of('rejected-by-icmp'), plain).join('\n');
    expect(text).toMatch(/◀─+ ICMP: communication administratively prohibited ──/);
    expect(text).toContain('from 192.0.2.254');
  });

  test('does not call a retransmission the same if its options differ', () => {
    const a = of('unanswered');
    const { packets } = a.evidence;
    const options = { ...packets[1]!.options, windowScale: null };
    const changed = packets.map((p, n) => (n === 1 ? { ...p, options } : p));
    const [, second] = ladderPackets({ ...a, evidence: { ...a.evidence, packets: changed } });
    expect(second!.details.join()).toContain('MSS 1460, SACK, TS');
  });
});

describe('a summary on the terminal', () => {
  test('never is wider than the terminal, counts all and names the first of each', () => {
    const tally = new Tally();
    // Attempts come as they end, not as they began.
    for (const a of [...attempts].reverse()) tally.add(a);
    for (const a of attempts) tally.add(wide({ ...a, number: a.number + 1000 }));
    const lines = summaryLines(tally, plain);
    for (const line of summaryLines(tally, { ...plain, colour: true }))
      expect(columns(bare(line)), line).toBeLessThanOrEqual(80);
    const first = attempts.find((a) => a.verdict === 'refused')!;
    expect(lines.find((line) => line.startsWith('refused'))).toMatch(
      new RegExp(`^refused +2 +#${first.number} +`),
    );
    expect(lines.join('\n')).toMatch(
      /What stands out:\n +4 × the SYN was sent more than once \(syn-retransmitted; first/,
    );
  });
});
