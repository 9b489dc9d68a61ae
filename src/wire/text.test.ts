import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Address, parseAddress } from './address.ts';
import { encodeIcmp, protocolIcmp } from './icmp.ts';
import { encodeIp, ipPacket } from './ip.ts';
import { encodeTcp, Flag, protocolTcp, type TcpSegment } from './tcp.ts';
import { packetText } from './text.ts';

const client = parseAddress('10.211.55.5');
const server = parseAddress('10.211.55.10');

function packet(fields: Partial<TcpSegment>, [source, destination] = [client, server]): Uint8Array {
  const segment: TcpSegment = {
    sourcePort: 45436,
    destinationPort: 8080,
    seq: 2182928323 | 0,
    ack: 0,
    flags: Flag.syn,
    window: 29200,
    urgent: 0,
    options: [],
    payload: new Uint8Array(0),
    ...fields,
  };
  const payload = encodeTcp(segment, source, destination);
  return encodeIp(ipPacket({ source, destination, protocol: protocolTcp, payload }));
}

const timestamps = (value: number, echo: number) => ({ kind: 'timestamps', value, echo }) as const;

describe('a packet as text', () => {
  test('in tshark style: the SYN of the reference trace', () => {
    const syn = packet({
      options: [
        { kind: 'mss', value: 1460 },
        { kind: 'sackPermitted' },
        timestamps(785148763, 0),
        { kind: 'nop' },
        { kind: 'windowScale', shift: 7 },
      ],
    });
    expect(packetText(syn, 'tshark')).toBe(
      '10.211.55.5:45436 → 10.211.55.10:8080 [SYN] Seq=2182928323 Win=29200 Len=0 MSS=1460 SACK_PERM=1 ' +
        'TSval=785148763 TSecr=0 WS=128',
    );
    expect(packetText(syn, 'short')).toBe('SYN 2182928323');
  });

  test('in tshark style: a window is scaled from the third packet on, numbers may be relative', () => {
    const ack = packet({
      flags: Flag.ack | Flag.psh,
      seq: 1001,
      ack: 5001,
      window: 229,
      options: [
        { kind: 'nop' },
        { kind: 'nop' },
        timestamps(1, -1),
        { kind: 'sack', blocks: [{ left: 6000, right: 7000 }] },
      ],
      payload: new Uint8Array(3),
    });
    const context = { windowShift: 7, seqBase: 1000, ackBase: 5000 };
    expect(packetText(ack, 'tshark', context)).toBe(
      '10.211.55.5:45436 → 10.211.55.10:8080 [PSH, ACK] Seq=1 Ack=1 Win=29312 Len=3 TSval=1 TSecr=4294967295 ' +
        'SLE=1000 SRE=2000',
    );
    expect(packetText(ack, 'short', context)).toBe('PSH, ACK 1 ack 1 len 3');
  });

  test('in full: every field, and whether the checksum is right', () => {
    const text = packetText(packet({ flags: Flag.syn | Flag.ece | Flag.cwr }), 'full');
    expect(text).toContain('[SYN, ECE, CWR] Seq=2182928323 Win=29200 Len=0 HdrLen=20 Urg=0 Checksum=0x');
    expect(text).toContain('(correct) | IPv4 TTL=64 ECN=0 DSCP=0 ID=0 DF');
    expect(packetText(packet({ checksum: 1 }), 'full')).toContain('Checksum=0x0001 (wrong)');
    const v6: [Address, Address] = [parseAddress('fe80::1'), parseAddress('2001:db8::2')];
    expect(packetText(packet({}, v6), 'full')).toContain('[fe80::1]:45436 → [2001:db8::2]:8080 [SYN]');
  });

  test('of ICMP', () => {
    const message = { type: 3, code: 4, parameter: 1400, body: new Uint8Array(28) };
    const payload = encodeIcmp(message, client, server);
    const bytes = encodeIp(
      ipPacket({ source: client, destination: server, protocol: protocolIcmp, payload }),
    );
    expect(packetText(bytes, 'tshark')).toBe('10.211.55.5 → 10.211.55.10 ICMP fragmentation needed MTU=1400');
  });

  test('of anything at all is one line', () => {
    const whole = packet({ options: [{ kind: 'mss', value: 1 }], payload: new Uint8Array(9) });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(60), (noise, at) => {
        const damaged = whole.slice();
        damaged.set(
          noise.subarray(0, damaged.length - Math.min(at, damaged.length)),
          Math.min(at, damaged.length),
        );
        for (const bytes of [noise, damaged, whole.subarray(0, at)])
          for (const style of ['short', 'tshark', 'full'] as const)
            expect(packetText(bytes, style)).toMatch(/^[^\n]+$/);
      }),
    );
  });
});
