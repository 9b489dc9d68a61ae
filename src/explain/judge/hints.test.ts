import { describe, expect, test } from 'vitest';
import type { TcpOption } from '../../wire/options.ts';
import { explainOne, type Film, film } from '../testing.ts';
import { ethernet, vxlan } from '../testing-wraps.ts';

const md5: TcpOption[] = [
  { kind: 'mss', value: 1460 },
  { kind: 'md5', digest: new Uint8Array(16).fill(7) },
];
const plain: TcpOption[] = [{ kind: 'mss', value: 1460 }];
const of = (made: Film): { verdict: string; notes: readonly string[]; sentence: string } => explainOne(made);

/** Writes another checksum into a packet. */
function spoil(made: Film, frame: number, value: number | 'pseudo'): Film {
  const { bytes } = made.packets[frame - 1]!;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let sum = 6 + bytes.length - 20;
  for (let n = 12; n < 20; n += 2) sum += view.getUint16(n);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(36, value === 'pseudo' ? sum : value);
  return made;
}

describe('a time to live that ran out', () => {
  const dropped = (ttl: number): Film =>
    film((t) => {
      const syn = t.c(0, 'S', { ttl });
      t.icmp(5, 11, 0, syn, '198.51.100.7');
    });

  test('is a traceroute where it was small, and a loop where it was not', () => {
    expect(of(dropped(3)).notes).toContain('traceroute');
    expect(of(dropped(3)).sentence).toContain('198.51.100.7 rejected the SYN');
    expect(of(dropped(64)).notes).toContain('routing-loop');
    expect(of(dropped(64)).notes).not.toContain('traceroute');
  });

  test('a probe that got to the server is one as well; a client that resets its own attempt is not', () => {
    const reset = (ttl: number): Film =>
      film((t) => t.c(0, 'S', { ttl }) + t.s(20, 'SA') + t.c(20.1, 'R', { seq: 1001 }));
    expect(of(reset(9)).notes).toContain('traceroute');
    expect(of(reset(64)).notes).not.toContain('traceroute');
  });
});

describe('signatures', () => {
  test('of a SYN that gets no answer are told; of one that is answered alike they are not', () => {
    expect(of(film((t) => t.c(0, 'S', { options: md5 }) + t.c(5000, 'S', { options: md5 })))).toMatchObject({
      verdict: 'unanswered',
      notes: expect.arrayContaining(['signed']),
      sentence: expect.stringContaining('its SYN is signed (TCP MD5, option 19)'),
    });
    const both = film(
      (t) =>
        t.c(0, 'S', { options: md5 }) + t.s(20, 'SA', { options: md5 }) + t.s(1020, 'SA', { options: md5 }),
    );
    expect(of(both).notes).not.toContain('signed');
    expect(of(film((t) => t.c(0, 'S') + t.c(5000, 'S'))).notes).not.toContain('signed');
  });

  test('on one side only leave the client silent', () => {
    const one = (mine: TcpOption[], theirs: TcpOption[]): Film =>
      film((t) => {
        t.c(0, 'S', { options: mine });
        for (const ms of [20, 1020, 3020]) t.s(ms, 'SA', { options: theirs });
        t.c(9000, 'S', { options: mine });
      });
    expect(of(one(md5, plain)).sentence).toContain(
      'the SYN is signed (TCP MD5, option 19) and the SYN+ACK is not',
    );
    expect(of(one(plain, md5)).sentence).toContain('the SYN+ACK is signed');
    expect(of(one(plain, plain)).notes).not.toContain('signed');
  });
});

describe('checksums', () => {
  const unanswered = (): Film => film((t) => t.c(0, 'S', { ttl: 60 }) + t.c(3000, 'S', { ttl: 60 }));

  test('that are wrong explain a silent server, not those of an offloading card, nor one of several', () => {
    const wrong = of(spoil(spoil(unanswered(), 1, 0x1234), 2, 0x4321));
    expect(wrong).toMatchObject({ verdict: 'unanswered', notes: expect.arrayContaining(['wrong-checksum']) });
    expect(wrong.sentence).toContain('the TCP checksum of the SYN is wrong');
    const offloaded = of(spoil(spoil(unanswered(), 1, 'pseudo'), 2, 'pseudo'));
    expect(offloaded.notes).not.toContain('wrong-checksum');
    expect(of(spoil(unanswered(), 1, 0x1234)).notes).not.toContain('wrong-checksum');
    expect(of(unanswered()).notes).not.toContain('wrong-checksum');
  });

  test('of IPv6 and of a client that ignores the SYN+ACK', () => {
    const made = film((t) => t.c(0, 'S') + t.s(20, 'SA') + t.s(1020, 'SA') + t.c(9000, 'S'));
    const right = of(made);
    expect(right.notes).not.toContain('wrong-checksum');
    expect(of(spoil(spoil(made, 2, 1), 3, 1)).sentence).toContain('the client drops it without a word');
    const six = film((t) => t.c(0, 'S') + t.c(5000, 'S'), { client: '2001:db8::1', server: '2001:db8::2' });
    expect(of(six).notes).not.toContain('wrong-checksum');
    for (const { bytes } of six.packets) bytes[56]! ^= 0xff;
    expect(of(six).notes).toContain('wrong-checksum');
  });

  test('of the tunnel around a SYN', () => {
    const made = (change: (bytes: Uint8Array) => void): Film => {
      const it = film((t) => t.c(0, 'S') + t.c(5000, 'S'), { wrap: (ip) => vxlan(7, ethernet(ip)) });
      for (const { bytes } of it.packets) change(bytes);
      return it;
    };
    expect(of(made(() => {})).notes).not.toContain('wrong-outer-checksum');
    const right = made((bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      let sum = 17 + view.getUint16(24);
      for (let n = 12; n < bytes.length; n += 2)
        sum += n + 1 < bytes.length ? view.getUint16(n) : view.getUint8(n) << 8;
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
      view.setUint16(26, ~sum & 0xffff);
    });
    expect(of(right).notes).not.toContain('wrong-outer-checksum');
    const wrong = of(
      made((bytes) => {
        bytes[26] = 0x12;
        bytes[27] = 0x34;
      }),
    );
    expect(wrong.notes).toContain('wrong-outer-checksum');
  });
});
