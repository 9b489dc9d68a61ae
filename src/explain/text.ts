/** An attempt for people: sentence, evidence, packets with Δt, and the figures. */
import { type Attempt, timeText } from './attempt.ts';
import { optionsText } from './details.ts';
import type { PacketSeen } from './evidence.ts';
import { icmpText } from './icmp-text.ts';
import { durationText } from './sentences.ts';
import { notes } from './verdicts.ts';

const flagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR', 'AE'];

/** TCP flags in the order people say them: `SYN, ACK`. */
export function flagsText(flags: number): string {
  const order = [1, 0, 2, 3, 4, 5, 6, 7, 8];
  return (
    order
      .filter((bit) => flags & (1 << bit))
      .map((bit) => flagNames[bit])
      .join(', ') || 'none'
  );
}

/** An attempt in one line. */
export function attemptLine(a: Attempt): string {
  const frames =
    a.frames.length === 0 ? '' : ` [frame${a.frames.length > 1 ? 's' : ''} ${a.frames.join(', ')}]`;
  return `#${a.number} ${a.verdict}: ${a.sentence}${frames}${a.certainty === 'certain' ? '' : ` (${a.certainty})`}`;
}

/** An attempt in full. */
export function attemptLines(a: Attempt): string[] {
  const { handshake: h, roundTrip: r } = a;
  const lines = [attemptLine(a), `  began ${timeText(a.baseSeconds, a.evidence.firstTime)}`];
  if (a.encapsulation !== '') lines[1] += ` in ${a.encapsulation}`;
  lines.push(...ladder(a));
  for (const note of a.notes) lines.push(`  note: ${notes[note].title} (${note})`);
  if (h.syn !== null) lines.push(`  offered:  ${optionsText(h.syn.options)}`);
  if (h.synAck !== null) lines.push(`  answered: ${optionsText(h.synAck.options)}`);
  if (a.inForce !== null) lines.push(`  in force: ${forceText(a)}`);
  if (r.serverNs !== null) {
    const client = r.clientNs === null ? '' : ` + ${durationText(r.clientNs)} to the client`;
    const doubt = r.ambiguous ? ' (ambiguous: it cannot be told which SYN was answered)' : '';
    lines.push(`  round trip: ${durationText(r.serverNs)} to the server${client}${doubt}`);
  }
  if (a.capturePoint !== null) lines.push(`  captured at: ${pointText[a.capturePoint]}`);
  if (a.evidence.isnStep !== null && a.notes.includes('isn-predictable'))
    lines.push(`  the server's initial sequence numbers grow by ${a.evidence.isnStep} per connection`);
  if (a.system !== null) lines.push(`  client's system, by its SYN: ${a.system}`);
  return lines;
}

const pointText: Readonly<Record<NonNullable<Attempt['capturePoint']>, string>> = {
  client: 'the client, or its link',
  server: 'the server, or its link',
  between: 'a place between client and server',
  'same-host-or-link': 'the host or link that both share',
};

function forceText({ inForce: f }: Attempt): string {
  if (f === null) return '';
  const parts = [`client sends up to ${f.clientMss}, server up to ${f.serverMss} bytes a segment`];
  if (f.clientScale > 0 || f.serverScale > 0)
    parts.push(`windows × ${2 ** f.clientScale} and × ${2 ** f.serverScale}`);
  if (f.sack) parts.push('SACK');
  if (f.timestamps) parts.push('time stamps');
  if (f.ecn) parts.push('ECN');
  return parts.join(', ');
}

/** The packets as a ladder: time since the packet before, direction, what it says. */
function ladder(a: Attempt): string[] {
  const { packets } = a.evidence;
  const digits = Math.max(...packets.map((p) => String(p.frame).length), 1);
  let before: number | null = null;
  const lines: string[] = [];
  for (const p of packets) {
    const delta = before === null ? '' : `+${durationText(p.time - before)}`.replace('+-', '-');
    before = p.time;
    lines.push(`  ${String(p.frame).padStart(digits)}  ${delta.padStart(10)}  ${packetText(a, p)}`);
  }
  return lines;
}

function packetText(a: Attempt, p: PacketSeen): string {
  if (p.icmp !== null) return `client ◄─── ${p.icmp.sender}  ICMP: ${icmpText(p, a.evidence.ipv6)}`;
  const syn = (p.flags & 2) !== 0;
  const parts = [`[${flagsText(p.flags)}]`, `seq ${p.seq >>> 0}`];
  if (p.flags & 16) parts.push(`ack ${p.ack >>> 0}`);
  parts.push(`win ${p.window}`);
  if (p.length > 0) parts.push(`${p.length} bytes`);
  if (syn) parts.push(optionsText(p.options));
  if (p.duplicate) parts.push('(captured again)');
  if (p.stray) parts.push('(does not belong to this attempt)');
  return `client ${p.fromClient ? '───►' : '◄───'} server  ${parts.join('  ')}`;
}
