import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress } from './address.ts';
import { DecodeError } from './errors.ts';
import { decodeIp, encodeIp, ipPacket } from './ip.ts';
import { decodeOptions, encodeOptions, type TcpOption } from './options.ts';
import { PacketQueue } from './packet-queue.ts';
import { decodeSegment, Segment } from './segment.ts';
import { seqBetween, seqGt, seqLt } from './seq.ts';
import { decodeTcp, encodeTcp, Flag, protocolTcp, type TcpSegment, tcpChecksumOk } from './tcp.ts';

const blob = (max: number) => fc.uint8Array({ minLength: 0, maxLength: max });
const option: fc.Arbitrary<TcpOption> = fc.oneof(
  fc.constant<TcpOption>({ kind: 'nop' }),
  fc.record({ kind: fc.constant('mss' as const), value: fc.nat(65535) }),
  fc.record({ kind: fc.constant('windowScale' as const), shift: fc.nat(255) }),
  fc.constant<TcpOption>({ kind: 'sackPermitted' }),
  fc.record({ kind: fc.constant('timestamps' as const), value: fc.integer(), echo: fc.integer() }),
  fc.record({
    kind: fc.constant('unknown' as const),
    type: fc.integer({ min: 200, max: 250 }),
    data: blob(4),
  }),
);
const segment: fc.Arbitrary<TcpSegment> = fc.record({
  sourcePort: fc.nat(65535),
  destinationPort: fc.nat(65535),
  seq: fc.integer(),
  ack: fc.integer(),
  flags: fc.nat(0xfff),
  window: fc.nat(65535),
  urgent: fc.nat(65535),
  options: fc.array(option, { maxLength: 4 }),
  payload: blob(100),
});
const pairs = [
  ['192.0.2.1', '198.51.100.7'],
  ['2001:db8::1', 'fe80::ffff:1'],
] as const;

describe('wire', () => {
  test('sequence numbers compare across the wrap', () => {
    expect(seqLt(0xfffffff0 | 0, 16)).toBe(true);
    expect(seqGt(16, 0xfffffff0 | 0)).toBe(true);
    expect(seqBetween(0xfffffff0 | 0, 3, 16)).toBe(true);
    expect(seqBetween(0xfffffff0 | 0, 17, 16)).toBe(false);
  });

  test('addresses come back from their text', () => {
    for (const text of [
      '0.0.0.0',
      '10.211.55.5',
      '::',
      '::1',
      '2001:db8::1:0:0:1',
      '::ffff:1.2.3.4',
      'fe80::1',
    ]) {
      expect(formatAddress(parseAddress(text))).toBe(text);
    }
    expect(formatAddress(parseAddress('2001:DB8:0:0:1:0:0:1'))).toBe('2001:db8::1:0:0:1');
  });

  test('text that is no address is refused with its reason', () => {
    for (const text of ['', '1.2.3', '256.1.1.1', '1::2::3', ':::', '1:2:3:4:5:6:7:8:9', 'x::1']) {
      expect(() => parseAddress(text)).toThrow(DecodeError);
    }
  });

  test('a segment survives encoding and decoding, in IPv4 and IPv6, with a right checksum', () => {
    for (const [from, to] of pairs) {
      const source = parseAddress(from);
      const destination = parseAddress(to);
      fc.assert(
        fc.property(segment, (sent) => {
          const tcp = encodeTcp(sent, source, destination);
          const packet = encodeIp(ipPacket({ source, destination, protocol: protocolTcp, payload: tcp }));
          const ip = decodeIp(packet);
          expect(ip.source).toEqual(source);
          expect(tcpChecksumOk(ip.payload, ip.source, ip.destination)).toBe(true);
          const got = decodeTcp(ip.payload);
          const { headerLength, checksum, options, ...rest } = got;
          const { options: sentOptions, ...sentRest } = sent;
          expect(rest).toEqual(sentRest);
          expect(options.slice(0, sentOptions.length)).toEqual(sentOptions);
          const view = new DataView(packet.buffer);
          const seg = new Segment();
          expect(decodeSegment(seg, packet, view, 0, packet.length, true)).toBe('ok');
          expect([seg.seq, seg.ack, seg.flags, seg.window]).toEqual([
            sent.seq,
            sent.ack,
            sent.flags,
            sent.window,
          ]);
          expect(seg.source()).toEqual(source);
          expect(seg.payloadLength).toBe(sent.payload.length);
        }),
      );
    }
  });

  test('any option bytes come back byte for byte', () => {
    fc.assert(
      fc.property(blob(40), (bytes) => {
        expect(encodeOptions(decodeOptions(bytes))).toEqual(bytes);
      }),
    );
  });

  test('a flipped bit is a bad checksum, and arbitrary bytes never throw in the hot path', () => {
    const source = parseAddress('192.0.2.1');
    const destination = parseAddress('192.0.2.2');
    const tcp = encodeTcp(
      {
        sourcePort: 1,
        destinationPort: 2,
        seq: 3,
        ack: 4,
        flags: Flag.ack,
        window: 5,
        urgent: 0,
        options: [],
        payload: new Uint8Array(7),
      },
      source,
      destination,
    );
    const packet = encodeIp(ipPacket({ source, destination, protocol: protocolTcp, payload: tcp }));
    packet[30]! ^= 4;
    const seg = new Segment();
    expect(decodeSegment(seg, packet, new DataView(packet.buffer), 0, packet.length, true)).toBe(
      'bad-checksum',
    );
    fc.assert(
      fc.property(blob(120), fc.constantFrom(0x45, 0x46, 0x60, 0x00), (bytes, first) => {
        if (bytes.length > 0) bytes[0] = first;
        if (bytes.length > 9) bytes[first === 0x60 ? 6 : 9] = protocolTcp;
        decodeSegment(seg, bytes, new DataView(bytes.buffer), 0, bytes.length, false);
      }),
    );
  });

  test('a packet queue gives back what was pushed, in order, while it grows', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(300), fc.constant(-1)), { maxLength: 300 }), (steps) => {
        const queue = new PacketQueue(64);
        const model: number[] = [];
        let n = 0;
        for (const step of steps) {
          if (step < 0) {
            const taken = queue.take();
            const expected = model.shift();
            expect(taken === null ? undefined : taken.length === 0 ? -1 : taken[0]).toBe(expected);
          } else {
            const at = queue.push(step);
            queue.bytes.fill(n & 255, at, at + step);
            model.push(step === 0 ? -1 : n & 255);
            n++;
          }
        }
        expect(queue.size).toBe(model.length);
      }),
    );
  });
});
