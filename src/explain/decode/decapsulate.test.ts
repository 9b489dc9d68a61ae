import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../wire/address.ts';
import { encodeIp, ipPacket } from '../../wire/ip.ts';
import { LINKTYPE_ETHERNET } from '../../wire/pcap.ts';
import type { Attempt } from '../judge/attempt.ts';
import {
  concatenate,
  epoch,
  explainAll,
  explainOne,
  Film,
  film,
  Talk,
  type TalkOptions,
  type Wrap,
} from '../testing.ts';
import * as wrap from '../testing-wraps.ts';

const v6: TalkOptions = { client: '2001:db8::1', server: '2001:db8::2' };

/** One handshake under a link type, every packet wrapped. */
function shaken(linkType: number, around: Wrap, options: TalkOptions = {}): Attempt {
  const made = new Film(linkType);
  new Talk(made, { ...options, wrap: around }).shake();
  return explainOne(made);
}

const eth =
  (inner: Wrap): Wrap =>
  (ip) =>
    wrap.ethernet(inner(ip));

const typeOf = (ip: Uint8Array): number[] => [wrap.etherType(ip) >>> 8, wrap.etherType(ip) & 255];

const links: readonly (readonly [string, number, Wrap])[] = [
  ['NULL', 0, wrap.nullLink],
  ['Ethernet', 1, (ip) => wrap.ethernet(ip)],
  [
    'Ethernet with an 802.3 length and SNAP',
    1,
    (ip) =>
      wrap.ethernet(
        wrap.before([0xaa, 0xaa, 3, 0, 0, 0, wrap.etherType(ip) >>> 8, wrap.etherType(ip) & 255], ip),
        60,
      ),
  ],
  ['PPP', 9, wrap.ppp],
  ['PPP with address and control', 50, (ip) => wrap.before([0xff, 3], wrap.ppp(ip))],
  ['PPP with a short protocol number', 9, (ip) => wrap.ppp(ip).subarray(1)],
  ['FDDI', 10, wrap.fddi],
  ['raw 12', 12, (ip) => ip],
  ['raw 14', 14, (ip) => ip],
  ['raw 101', 101, (ip) => ip],
  ['LOOP', 108, wrap.loop],
  ['SLL', 113, wrap.sll],
  ['SLL2', 276, wrap.sll2],
  ['NFLOG', 239, wrap.nflog],
  ["Cisco's HDLC", 104, wrap.hdlc],
  ["Cisco's HDLC under the number of PPP", 50, wrap.hdlc],
  ['802.11', 105, wrap.wireless],
  ['802.11, several packets in a frame', 105, wrap.aggregated],
  ['radiotap', 127, (ip) => wrap.radiotap(wrap.wireless(ip))],
  ['radiotap and a padded header', 127, (ip) => wrap.radiotap(wrap.wireless(ip, true))],
  ['PPI', 192, (ip) => wrap.ppi(wrap.wireless(ip))],
  ['IP over InfiniBand', 242, wrap.infiniband],
  ['PKTAP around Ethernet', 258, (ip) => wrap.pktap(1, wrap.ethernet(ip))],
  ['PKTAP around raw IP', 258, (ip) => wrap.pktap(12, ip)],
];

const layers: readonly (readonly [string, string, Wrap])[] = [
  ['VLAN', 'vlan 10', (ip) => wrap.vlan(10, wrap.ethernet(ip))],
  ['QinQ', 'vlan 20 / vlan 10', (ip) => wrap.vlan(20, wrap.vlan(10, wrap.ethernet(ip)), 0x88a8)],
  ['a priority tag, which is no VLAN', '', (ip) => wrap.vlan(0, wrap.ethernet(ip))],
  ['MPLS', 'mpls', (ip) => wrap.ethernet(wrap.mpls([100, 200], ip), 0x8847)],
  [
    'Ethernet over MPLS with a control word',
    'mpls',
    (ip) => wrap.ethernet(wrap.mpls([100], wrap.before([0, 0, 0, 7], wrap.ethernet(ip))), 0x8847),
  ],
  ['PPPoE', 'pppoe 33', (ip) => wrap.ethernet(wrap.pppoe(33, ip), 0x8864)],
  [
    'PPPoE in QinQ',
    'vlan 2 / vlan 3 / pppoe 33',
    (ip) => wrap.vlan(2, wrap.vlan(3, wrap.ethernet(wrap.pppoe(33, ip), 0x8864))),
  ],
  ['GRE', 'gre', eth((ip) => wrap.gre(wrap.etherType(ip), ip))],
  ['GRE with a key', 'gre 77', eth((ip) => wrap.gre(wrap.etherType(ip), ip, 77))],
  ['Ethernet in GRE', 'gre', eth((ip) => wrap.gre(0x6558, wrap.ethernet(ip)))],
  ['ERSPAN I', 'erspan', eth((ip) => wrap.erspan(1, 5, wrap.ethernet(ip)))],
  ['ERSPAN II', 'erspan 5', eth((ip) => wrap.erspan(2, 5, wrap.ethernet(ip)))],
  ['ERSPAN III', 'erspan 6', eth((ip) => wrap.erspan(3, 6, wrap.ethernet(ip)))],
  ['VXLAN', 'vxlan 5000', eth((ip) => wrap.vxlan(5000, wrap.ethernet(ip)))],
  ["VXLAN on Linux' old port", 'vxlan 5000', eth((ip) => wrap.vxlan(5000, wrap.ethernet(ip), 8472))],
  ['Geneve', 'geneve 6000', eth((ip) => wrap.geneve(6000, wrap.ethernet(ip)))],
  ['VXLAN that names what it carries', 'vxlan 5000', eth((ip) => wrap.vxlanGpe(5000, ip))],
  ['GTP-U', 'gtp', eth(wrap.gtp)],
  ['L2TP', 'l2tp', eth(wrap.l2tp)],
  ['CAPWAP', 'capwap', eth(wrap.capwap)],
  ['GRE in UDP', 'gre', eth((ip) => wrap.udp(4754, wrap.before([0, 0, ...typeOf(ip)], ip)))],
  ['802.11 in GRE', 'gre', eth((ip) => wrap.gre(0x8210, wrap.wireless(ip)))],
  ['Ethernet in IP', 'etherip', eth((ip) => wrap.outer(4, 97, wrap.before([0x30, 0], wrap.ethernet(ip))))],
  ['backbone bridging', 'pbb 700', (ip) => wrap.backbone(700, wrap.ethernet(ip))],
  ['VN-Tag', '', (ip) => wrap.ethernet(wrap.before([0, 1, 0, 2, ...typeOf(ip)], ip), 0x8926)],
  ['E-Tag', '', (ip) => wrap.ethernet(wrap.before([0, 1, 0, 2, 0, 0, ...typeOf(ip)], ip), 0x893f)],
  ["Cisco's metadata", '', (ip) => wrap.ethernet(wrap.before([1, 1, 0, 1, 0, 9, ...typeOf(ip)], ip), 0x8909)],
  [
    'FabricPath',
    'vlan 5',
    (ip) => wrap.ethernet(wrap.before([0, 0x40], wrap.vlan(5, wrap.ethernet(ip))), 0x8903),
  ],
  [
    'a network service header',
    '',
    (ip) => wrap.ethernet(wrap.before([0, 2, 2, 3, 0, 0, 7, 255], wrap.ethernet(ip)), 0x894f),
  ],
  [
    'VLAN in VXLAN in VLAN',
    'vlan 4 / vxlan 9 / vlan 5',
    (ip) => wrap.vlan(4, wrap.ethernet(wrap.vxlan(9, wrap.vlan(5, wrap.ethernet(ip))))),
  ],
];

describe('link types', () => {
  for (const [name, linkType, around] of links)
    test(`${name}, with IPv4 and with IPv6`, () => {
      for (const options of [{}, v6]) {
        const attempt = shaken(linkType, around, options);
        expect(attempt).toMatchObject({ verdict: 'completed', encapsulation: '', frames: [1, 2, 3] });
        expect(attempt.client).toBe(options === v6 ? '2001:db8::1' : '192.0.2.1');
      }
    });

  test('IPv4 alone (228) and IPv6 alone (229)', () => {
    expect(shaken(228, (ip) => ip).verdict).toBe('completed');
    expect(shaken(229, (ip) => ip, v6).verdict).toBe('completed');
  });

  test('a link type that is not known gives no attempts, and no error', () => {
    const { attempts, problem, summary } = explainAll(film((t) => t.shake(), {}).toPcapng());
    expect([attempts.length, problem]).toEqual([1, null]);
    expect(summary).toMatchObject({ packets: 3, segments: 3 });
    const unknown = new Film(147);
    new Talk(unknown).shake();
    expect(explainAll(unknown).summary).toMatchObject({ packets: 3, segments: 0, attempts: 0 });
  });
});

describe('tunnels', () => {
  for (const [name, text, around] of layers)
    test(`${name}, with IPv4 and with IPv6`, () => {
      for (const options of [{}, v6]) {
        const attempt = shaken(LINKTYPE_ETHERNET, around, options);
        expect(attempt).toMatchObject({ verdict: 'completed', encapsulation: text, notes: [] });
      }
    });

  test('IP in IP, in all four combinations', () => {
    const text = (family: 4 | 6, options: TalkOptions): string =>
      shaken(101, (ip) => wrap.ipInIp(family, ip), options).encapsulation;
    expect([text(4, {}), text(6, {}), text(4, v6), text(6, v6)]).toEqual(['ipip', '4in6', '6in4', 'ipip']);
  });

  test('Teredo carries IPv6', () => {
    const teredo = eth((ip) => wrap.udp(3544, wrap.before([0, 0, 1, 2, 3, 4, 5, 6], ip)));
    expect(shaken(LINKTYPE_ETHERNET, teredo, v6)).toMatchObject({
      verdict: 'completed',
      encapsulation: 'teredo',
    });
  });

  test('an authentication header hides nothing, with IPv4 as with IPv6', () => {
    for (const options of [{}, v6]) {
      const attempt = shaken(LINKTYPE_ETHERNET, eth(wrap.authenticated), options);
      expect(attempt).toMatchObject({
        verdict: 'completed',
        encapsulation: options === v6 ? '6in4' : 'ipip',
      });
    }
  });

  test('encrypted 802.11 frames, those without data and those of GTP control give no attempts, and no error', () => {
    for (const [at, value] of [
      [1, 0x41],
      [0, 0xc8],
      [0, 0x80],
    ] as const) {
      const made = new Film(105);
      const wrapped: Wrap = (ip) => {
        const frame = wrap.wireless(ip);
        frame[at] = value;
        return frame;
      };
      new Talk(made, { wrap: wrapped }).shake();
      expect(explainAll(made)).toMatchObject({ attempts: [], problem: null });
    }
    const made = new Film(101);
    new Talk(made, { wrap: (ip) => wrap.udp(2152, wrap.before([0x30, 1, 0, 0, 0, 0, 0, 0], ip)) }).shake();
    expect(explainAll(made)).toMatchObject({ attempts: [], problem: null });
  });

  test('the same tuple in two tunnels is two connections, and so it is in two VLANs', () => {
    for (const around of [
      (id: number) => (ip: Uint8Array) => wrap.vlan(id, wrap.ethernet(ip)),
      (id: number) => eth((ip) => wrap.gre(0x0800, ip, id)),
      (id: number) => eth((ip) => wrap.geneve(id, wrap.ethernet(ip))),
    ]) {
      const made = new Film(LINKTYPE_ETHERNET);
      for (const id of [7, 8]) new Talk(made, { wrap: around(id) }).shake(id);
      made.packets.sort((a, b) => a.ms - b.ms);
      const { attempts } = explainAll(made);
      expect(attempts.map((a) => [a.verdict, a.notes])).toEqual([
        ['completed', []],
        ['completed', []],
      ]);
    }
  });

  test('a tunnel in one direction only: one connection, with a note', () => {
    const made = new Film(LINKTYPE_ETHERNET);
    const talk = new Talk(made, { wrap: (ip) => wrap.ethernet(ip) });
    talk.c(0, 'S');
    talk.s(20, 'SA', { wrap: (ip) => wrap.vlan(9, wrap.ethernet(ip)) });
    talk.c(21, 'A');
    expect(explainOne(made)).toMatchObject({ verdict: 'completed', notes: ['two-encapsulations'] });
  });

  test('tunnels in tunnels without end are given up', () => {
    let around: Wrap = (ip) => ip;
    for (let n = 0; n < 40; n++) {
      const inner = around;
      around = (ip) => wrap.ipInIp(4, inner(ip));
    }
    const made = new Film();
    new Talk(made, { wrap: around }).shake();
    expect(explainAll(made)).toMatchObject({ attempts: [], problem: null });
  });
});

describe('IP fragments', () => {
  /** Cuts an IPv4 packet into fragments of `size` bytes of payload. */
  function fragments4(ip: Uint8Array, size: number): Uint8Array[] {
    const list: Uint8Array[] = [];
    for (let at = 20; at < ip.length; at += size) {
      const piece = concatenate(ip.subarray(0, 20), ip.subarray(at, at + size));
      const view = new DataView(piece.buffer);
      view.setUint16(2, piece.length);
      view.setUint16(6, ((at - 20) >>> 3) | (at + size < ip.length ? 0x2000 : 0));
      list.push(piece);
    }
    return list;
  }

  /** Cuts an IPv6 packet, each fragment with its header (RFC 8200 section 4.5). */
  function fragments6(ip: Uint8Array, size: number): Uint8Array[] {
    const { source, destination } = {
      source: parseAddress('2001:db8::1'),
      destination: parseAddress('2001:db8::2'),
    };
    const payload = ip.subarray(40);
    const list: Uint8Array[] = [];
    for (let at = 0; at < payload.length; at += size) {
      const more = at + size < payload.length ? 1 : 0;
      const extra = Uint8Array.from([6, 0, at >>> 8, (at & 0xf8) | more, 1, 2, 3, 4]);
      const piece = payload.subarray(at, at + size);
      list.push(encodeIp(ipPacket({ source, destination, protocol: 44, extra, payload: piece })));
    }
    return list;
  }

  const inPieces = (options: TalkOptions, order: (list: Uint8Array[]) => Uint8Array[]): Attempt => {
    const made = new Film();
    const talk = new Talk(made, options);
    const whole = talk.packet(0, 'S', { data: 100 });
    const pieces = options === v6 ? fragments6(whole, 24) : fragments4(whole, 24);
    expect(pieces.length).toBeGreaterThan(4);
    for (const piece of order(pieces)) made.add(0, piece);
    talk.s(20, 'SA');
    talk.c(21, 'A');
    return explainOne(made);
  };

  test('are put together, in any order, with repetitions, for IPv4 and IPv6', () => {
    for (const options of [{}, v6]) {
      for (const order of [
        (list: Uint8Array[]) => list,
        (list: Uint8Array[]) => list.toReversed(),
        (list: Uint8Array[]) => [...list.slice(0, -1), ...list],
      ])
        expect(inPieces(options, order)).toMatchObject({ verdict: 'completed', notes: ['data-on-syn'] });
    }
  });

  test('that never become whole are dropped', () => {
    expect(inPieces({}, (list) => list.slice(1))).toMatchObject({
      verdict: 'completed',
      notes: ['syn-missing', 'ack-missing'],
    });
  });

  test('of very many packets at a time do not take memory without end', () => {
    const made = new Film();
    const talk = new Talk(made);
    for (let n = 0; n < 5000; n++)
      made.add(n, fragments4(talk.packet(0, 'S', { data: 100, id: n + 1 }), 64)[0]!);
    talk.shake(6000);
    expect(explainOne(made).verdict).toBe('completed');
  });

  test('an atomic fragment is whole (RFC 6946)', () => {
    const made = new Film();
    const talk = new Talk(made, v6);
    made.add(0, fragments6(talk.packet(0, 'S'), 1000)[0]!);
    talk.s(20, 'SA');
    talk.c(21, 'A');
    expect(explainOne(made)).toMatchObject({ verdict: 'completed', notes: [] });
  });
});

describe('packets cut off by the snap length', () => {
  const cut = (bytes: number): ReturnType<typeof explainAll> => {
    const made = film((t) => t.shake() && t.c(30, 'PA', { data: 1000 }));
    for (const packet of made.packets) packet.bytes = packet.bytes.subarray(0, bytes);
    return explainAll(made);
  };

  test('the length of the data comes from the IP header', () => {
    const { attempts } = cut(96);
    expect(attempts[0]!.evidence.clientBytes).toBe(1000);
    expect(attempts[0]!.handshake.syn!.options.mss).toBe(1460);
  });

  test('with part of the options, as many as are there are read', () => {
    const [attempt] = cut(20 + 20 + 6).attempts;
    expect(attempt).toMatchObject({ verdict: 'completed' });
    expect(attempt!.handshake.syn!.options).toMatchObject({ mss: 1460, windowScale: null });
    expect(attempt!.notes).not.toContain('options-malformed');
  });

  test('with the flags but no whole header, the verdict is still there', () => {
    expect(cut(20 + 14).attempts[0]).toMatchObject({ verdict: 'completed' });
  });

  test('without the flags there is nothing to say', () => {
    expect(cut(20 + 13)).toMatchObject({ attempts: [], problem: null });
  });
});

describe('addresses and times', () => {
  test('IPv6 extension headers before TCP are passed over', () => {
    const made = new Film();
    const talk = new Talk(made, v6);
    const hopByHop = (ip: Uint8Array): Uint8Array => {
      const bytes = concatenate(
        ip.subarray(0, 40),
        Uint8Array.from([6, 0, 1, 4, 0, 0, 0, 0]),
        ip.subarray(40),
      );
      bytes[6] = 0;
      new DataView(bytes.buffer).setUint16(4, bytes.length - 40);
      return bytes;
    };
    talk.c(0, 'S', { wrap: hopByHop });
    talk.s(20, 'SA');
    talk.c(21, 'A', { wrap: hopByHop });
    expect(explainOne(made)).toMatchObject({ verdict: 'completed', client: '2001:db8::1' });
  });

  test('a total length of 0, as offload leaves it, means all that there is', () => {
    const made = film((t) => t.shake() && t.c(30, 'PA', { data: 1000 }));
    for (const { bytes } of made.packets) new DataView(bytes.buffer).setUint16(2, 0);
    expect(explainOne(made)).toMatchObject({ verdict: 'completed', evidence: { clientBytes: 1000 } });
  });

  test('the time of the first packet is the base', () => {
    expect(explainOne(film((t) => t.shake(250))).baseSeconds).toBe(epoch);
  });
});
