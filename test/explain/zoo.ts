/** Captures with a little of everything that explain reads, as material for mutations. */

import { concatenate, epoch, Film, film, linuxOptions, Talk, type Wrap } from '../../src/explain/testing.ts';
import * as wrap from '../../src/explain/testing-wraps.ts';
import { LINKTYPE_ETHERNET, pcapHeader, pcapPacket } from '../../src/wire/pcap.ts';

const eth = (ip: Uint8Array): Uint8Array => wrap.ethernet(ip);

const wraps: readonly Wrap[] = [
  eth,
  (ip) => wrap.vlan(20, wrap.vlan(10, eth(ip))),
  (ip) => wrap.ethernet(wrap.mpls([100, 200], ip), 0x8847),
  (ip) => wrap.ethernet(wrap.pppoe(33, ip), 0x8864),
  (ip) => eth(wrap.gre(wrap.etherType(ip), ip, 77)),
  (ip) => eth(wrap.erspan(2, 5, eth(ip))),
  (ip) => eth(wrap.erspan(3, 5, eth(ip))),
  (ip) => eth(wrap.ipInIp(4, ip)),
  (ip) => eth(wrap.ipInIp(6, ip)),
  (ip) => eth(wrap.vxlan(5000, wrap.vlan(4, eth(ip)))),
  (ip) => eth(wrap.geneve(5000, eth(ip))),
];

/** Handshakes of many kinds, one after the other. */
function stories(made: Film, around: Wrap, v6: boolean): void {
  let port = 30000;
  const talk = (): Talk =>
    new Talk(made, {
      clientPort: ++port,
      clientIsn: port * 7919,
      wrap: around,
      ...(v6 && { client: '2001:db8::1', server: '2001:db8::2' }),
    });
  talk().shake(0).close(50);
  const refused = talk();
  refused.c(10, 'S');
  refused.s(11, 'RA', { seq: 0, ack: refused.isns[0] + 1 });
  const silent = talk();
  for (const ms of [20, 1020, 2020, 3020, 4020, 5020, 7020]) silent.c(ms, 'S', { stamps: [ms, 0] });
  const simultaneous = talk();
  simultaneous.c(30, 'S');
  simultaneous.s(31, 'S');
  simultaneous.c(32, 'SA');
  simultaneous.s(33, 'SA');
  const open = talk();
  const cookie = { kind: 'fastOpen', cookie: new Uint8Array(8), experimental: false } as const;
  open.c(40, 'S', { options: [...linuxOptions(null), cookie], data: 100 });
  open.s(41, 'SA', { ack: open.isns[0] + 101 });
  open.c(42, 'A');
  const again = talk().shake(60);
  again.s(1100, 'SA');
  again.c(1101, 'PA', { data: 20 });
  again.c(2000, 'S', { seq: 99 });
  again.s(2001, 'A');
}

/** ICMP errors, fragments and packets cut off, in raw IP. */
function oddities(): Film {
  const made = film((t) => {
    const syn = t.c(0, 'S');
    for (const [type, code] of [
      [3, 13],
      [3, 4],
      [11, 0],
    ] as const)
      t.icmp(20 + code, type, code, syn);
  });
  new Talk(made, { clientPort: 9 }).s(0, 'RA', { seq: 0, ack: 1001 });
  const probed = new Talk(made, { clientPort: 10 });
  probed.c(0, 'FPU', { seq: 5 });
  probed.s(1, 'RA', { seq: 0, ack: 6 });
  const proxied = new Talk(made, { clientPort: 11 }).shake(300);
  proxied.c(320.2, 'S', { window: 63 });
  proxied.s(330, 'SA', { seq: 77 });
  const twice = new Talk(made, { clientPort: 12 });
  const first = twice.c(400, 'S', { stamps: [1, 0] });
  twice.s(420, 'SA', { stamps: [9, 1] });
  twice.c(421, 'PA', { stamps: [22, 9], data: 10 });
  for (const frame of [first, first + 1, first + 2]) made.again(frame, 500);
  const whole = new Talk(made, { clientPort: 7 }).packet(0, 'S', { data: 200 });
  for (let at = 20; at < whole.length; at += 64) {
    const piece = concatenate(whole.subarray(0, 20), whole.subarray(at, at + 64));
    const view = new DataView(piece.buffer);
    view.setUint16(2, piece.length);
    view.setUint16(6, ((at - 20) >>> 3) | (at + 64 < whole.length ? 0x2000 : 0));
    made.add(100, piece);
  }
  const cut = new Talk(made, { clientPort: 8 }).packet(0, 'S', { data: 200 });
  for (const length of [20, 33, 34, 40, 47, 60]) made.add(200 + length, cut.subarray(0, length), cut.length);
  return made;
}

const classic = ({ packets, linkType }: Film): Uint8Array =>
  concatenate(
    pcapHeader(linkType),
    ...packets.map(({ ms, bytes, wireLength }) =>
      pcapPacket(BigInt(epoch) * 1_000_000_000n + BigInt(Math.round(ms * 1e6)), bytes, wireLength),
    ),
  );

/** Small captures of our own: both formats, every tunnel, most link types. */
export function zoo(): Uint8Array[] {
  const films: Film[] = [oddities()];
  for (const [n, around] of wraps.entries()) {
    const made = new Film(LINKTYPE_ETHERNET);
    stories(made, around, n % 2 === 1);
    films.push(made);
  }
  for (const [linkType, around] of [
    [0, wrap.nullLink],
    [9, wrap.ppp],
    [10, wrap.fddi],
    [113, wrap.sll],
    [239, wrap.nflog],
    [276, wrap.sll2],
  ] as const) {
    const made = new Film(linkType);
    stories(made, around, linkType % 2 === 1);
    films.push(made);
  }
  return films.map((made, n) => (n % 2 === 0 ? made.toPcapng() : classic(made)));
}
