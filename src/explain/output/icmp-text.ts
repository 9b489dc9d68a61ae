/** ICMP errors in words (RFC 792, RFC 1122, RFC 1812, RFC 4443). */
import type { PacketSeen } from '../judge/evidence.ts';

const unreachable = [
  'network unreachable',
  'host unreachable',
  'protocol unreachable',
  'port unreachable',
  'fragmentation needed',
  'source route failed',
  'network unknown',
  'host unknown',
  'source host isolated',
  'network administratively prohibited',
  'host administratively prohibited',
  'network unreachable for the type of service',
  'host unreachable for the type of service',
  'communication administratively prohibited',
  'host precedence violation',
  'precedence cutoff',
];

const unreachable6 = [
  'no route to destination',
  'communication administratively prohibited',
  'beyond scope of source address',
  'address unreachable',
  'port unreachable',
  'source address failed policy',
  'route to destination rejected',
];

/** What an ICMP error says. */
export function icmpText(p: PacketSeen, ipv6: boolean): string {
  if (p.icmp === null) return 'no ICMP error';
  const { type, code } = p.icmp;
  const name = ipv6 ? named6(type, code) : named(type, code);
  return name ?? `ICMP type ${type}, code ${code}`;
}

function named(type: number, code: number): string | undefined {
  if (type === 3) return unreachable[code];
  if (type === 11) return code === 0 ? 'time exceeded in transit' : 'fragment reassembly time exceeded';
  if (type === 12) return 'parameter problem';
  return type === 4 ? 'source quench' : undefined;
}

function named6(type: number, code: number): string | undefined {
  if (type === 1) return unreachable6[code];
  if (type === 2) return 'packet too big';
  if (type === 3) return code === 0 ? 'hop limit exceeded in transit' : 'fragment reassembly time exceeded';
  return type === 4 ? 'parameter problem' : undefined;
}
