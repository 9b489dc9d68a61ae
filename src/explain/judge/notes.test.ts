import { describe, expect, test } from 'vitest';
import type { TcpOption } from '../../wire/options.ts';
import { LINKTYPE_ETHERNET, pcapngHeader, pcapngPacket } from '../../wire/pcap.ts';
import { concatenate, epoch, explainAll, explainOne, Film, film, linuxOptions, Talk } from '../testing.ts';
import { ethernet, vlan } from '../testing-wraps.ts';
import type { Attempt } from './attempt.ts';
import { type Note, notes, verdicts } from './verdicts.ts';

/** Changes the MSS of a raw IPv4 SYN of linuxOptions, and the checksum with it (RFC 1624). */
function clamp(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer);
  const mss = view.getUint16(42);
  view.setUint16(42, mss - 60);
  view.setUint16(36, view.getUint16(36) + 60);
}

/** Changes the first number of a raw IPv4 packet. */
const addToSeq =
  (difference: number) =>
  (bytes: Uint8Array): void => {
    const view = new DataView(bytes.buffer);
    view.setInt32(24, view.getInt32(24) + difference);
  };

const withoutScale = (stamp: number): TcpOption[] =>
  linuxOptions([stamp, 0]).filter(({ kind }) => kind !== 'windowScale');

/** Several connections to one server, with the numbers it gives. */
function connections(isns: readonly number[]): Attempt[] {
  const made = new Film();
  isns.forEach((serverIsn, n) => {
    new Talk(made, { clientPort: 40000 + n, clientIsn: 7919 * n, serverIsn }).shake(100 * n);
  });
  return explainAll(made).attempts;
}

const repeat = (count: number, action: (n: number) => void): void => {
  for (let n = 0; n < count; n++) action(n);
};

const cookie = (bytes: number): TcpOption => ({
  kind: 'fastOpen',
  cookie: new Uint8Array(bytes).fill(7),
  experimental: false,
});

const granting = (bytes: number): Film =>
  film((t) => {
    t.c(0, 'S', { options: [...linuxOptions(null), cookie(0)] });
    t.s(20, 'SA', { options: [...linuxOptions(null), cookie(bytes)] });
    t.c(20.1, 'A');
  });

const talkWithoutSynAck = (more: (t: Talk) => void): Film =>
  film((t) => {
    t.c(0, 'S');
    t.c(20, 'PA', { ack: 5_000_001, data: 100 });
    more(t);
  });

const challenged = (ack: number): Film =>
  film((t) => {
    t.c(0, 'S');
    t.s(20, 'A', { seq: 77_000_000, ack });
    t.s(30, 'RA', { seq: 0, ack: 1001 });
  });

/** A SYN that is seen again after the handshake, and answered with a number. */
const passedOn = (seq: number): Film =>
  film((t) => {
    t.shake();
    t.c(20.2, 'S', { window: 63 });
    t.s(30, 'SA', { seq });
    t.c(30.1, 'A', { ack: seq + 1 });
  });

/** An attempt at port 80 without an answer, seconds before somebody was connected to `port`. */
function crowded(port: number): Attempt {
  const made = new Film();
  new Talk(made, { serverPort: port, clientPort: 7 }).shake(0);
  new Talk(made, { clientPort: 8 }).c(20_000, 'S');
  new Talk(made, { serverPort: port, clientPort: 9 }).shake(29_000);
  new Talk(made, { clientPort: 10 }).shake(290_000);
  return explainAll(made).attempts[1]!;
}

const inVlans = (out: number, back: number): Film => {
  const made = new Film(LINKTYPE_ETHERNET);
  const t = new Talk(made);
  const within = (id: number) => (ip: Uint8Array) => vlan(id, ethernet(ip));
  t.c(0, 'S', { wrap: within(out) });
  t.s(20, 'SA', { wrap: within(back) });
  t.c(21, 'A', { wrap: within(out) });
  return made;
};

/** A SYN in one VLAN and then in another; what the router makes of it. */
const routed = (change: (bytes: Uint8Array) => void): Film => {
  const made = new Film(LINKTYPE_ETHERNET);
  const bytes = new Talk(made).packet(0, 'S');
  made.add(0, vlan(10, ethernet(bytes)));
  const copy = bytes.slice();
  change(copy);
  made.add(0.1, vlan(20, ethernet(copy)));
  return made;
};

/** The last of several attempts at a server whose SYN+ACKs are stamped so; the client resets them. */
function cookies(count: number, stamp: (n: number) => number): Attempt {
  const made = new Film();
  repeat(count, (n) => {
    const t = new Talk(made, { clientPort: 40000 + n, clientIsn: 7919 * n * n, serverIsn: 104_729 * n * n });
    t.c(100 * n, 'S', { stamps: [500 + n, 0] });
    t.s(100 * n + 20, 'SA', { stamps: [stamp(n), 500 + n] });
    t.c(100 * n + 21, 'R', { seq: t.isns[0] + 1 });
  });
  return explainAll(made).attempts.at(-1)!;
}

/** A packet that a note needs, and the nearest that must not give it. */
const pairs: readonly (readonly [Note, string, () => Attempt, () => Attempt])[] = [
  [
    'options-dropped',
    'a later SYN without window scale, as Windows sends it',
    () =>
      explainOne(
        film((t) => {
          t.c(0, 'S', { stamps: [1, 0] });
          t.c(3000, 'S', { options: withoutScale(3001) });
        }),
      ),
    () =>
      explainOne(
        film((t) => {
          t.c(0, 'S', { options: withoutScale(1) });
          t.c(3000, 'S', { options: withoutScale(3001) });
        }),
      ),
  ],
  [
    'options-changed',
    'the SYN is captured on both sides of a router that clamps the MSS',
    () => {
      const made = film((t) => t.shake());
      made.packets.splice(1, 0, { ...made.packets[0]!, ms: 0.2, bytes: made.packets[0]!.bytes.slice() });
      clamp(made.packets[1]!.bytes);
      return explainOne(made);
    },
    () => {
      const made = film((t) => t.shake());
      made.packets.splice(1, 0, { ...made.packets[0]!, ms: 0.2 });
      return explainOne(made);
    },
  ],
  [
    'options-changed',
    'the same with a SYN+ACK that has no IP identification, as Linux sends it',
    () => {
      const made = film((t) => {
        t.c(0, 'S', { stamps: [5, 0] });
        t.s(20, 'SA', { stamps: [9, 5], id: 0 });
        t.c(20.5, 'A', { stamps: [25, 9] });
      });
      made.packets.splice(2, 0, { ...made.packets[1]!, ms: 20.2, bytes: made.packets[1]!.bytes.slice() });
      clamp(made.packets[2]!.bytes);
      return explainOne(made);
    },
    () =>
      explainOne(
        film((t) => {
          t.c(0, 'S', { stamps: [5, 0] });
          t.s(20, 'SA', { stamps: [9, 5], id: 0 });
          t.s(60, 'SA', { options: linuxOptions([49, 5], 1400), id: 0 });
          t.c(60.5, 'A', { stamps: [25, 9] });
        }),
      ),
  ],
  [
    'isn-rewritten',
    'the SYN is captured on both sides of a firewall that changes numbers',
    () => {
      const made = film((t) => t.c(0, 'S', { stamps: [5, 0] }));
      made.again(1, 0.2, addToSeq(123_456_789));
      return explainAll(made).attempts[1]!;
    },
    () =>
      explainAll(
        film((t) => {
          t.c(0, 'S', { stamps: [5, 0] });
          t.c(0.2, 'S', { stamps: [5, 0], seq: 123_457_789 });
        }),
      ).attempts[1]!,
  ],
  [
    'isn-predictable',
    'numbers that grow by 64,000',
    () => connections([0, 64_000, 128_000, 192_000, 256_000])[4]!,
    () => connections([0, 64_000, 128_001, 192_000, 256_005])[4]!,
  ],
  [
    'isn-predictable',
    'always the same number',
    () => connections([7, 7, 7, 7])[3]!,
    () => {
      const made = new Film();
      for (const [n, client] of ['10.0.0.1', '10.1.0.1', '100.64.0.1', '203.0.113.9'].entries())
        new Talk(made, { client, clientIsn: 3, serverIsn: 7 }).shake(n);
      return explainAll(made).attempts[3]!;
    },
  ],
  [
    'rtt-ambiguous',
    'two copies of the SYN, and no time stamps',
    () => explainOne(film((t) => t.c(0, 'S') && t.shake(1000))),
    () =>
      explainOne(
        film((t) => {
          t.c(0, 'S', { stamps: [1, 0] });
          t.c(1000, 'S', { stamps: [1001, 0] });
          t.s(1020, 'SA', { stamps: [9, 1001] });
          t.c(1021, 'A', { stamps: [1022, 9] });
        }),
      ),
  ],
  [
    'syn-unanswered-first',
    'the answer echoes the second copy',
    () =>
      explainOne(
        film((t) => {
          t.c(0, 'S', { stamps: [1, 0] });
          t.c(1000, 'S', { stamps: [1001, 0] });
          t.s(1020, 'SA', { stamps: [9, 1001] });
          t.c(1021, 'A', { stamps: [1022, 9] });
        }),
      ),
    () =>
      explainOne(
        film((t) => {
          t.c(0, 'S', { stamps: [1, 0] });
          t.c(1000, 'S', { stamps: [1001, 0] });
          t.s(1020, 'SA', { stamps: [9, 1] });
          t.c(1021, 'A', { stamps: [1022, 9] });
        }),
      ),
  ],
  [
    'options-unasked',
    'a SYN+ACK with time stamps that the SYN did not offer',
    () =>
      explainOne(
        film((t) => {
          t.c(0, 'S');
          t.s(20, 'SA', { stamps: [1, 0] });
          t.c(21, 'A');
        }),
      ),
    () => explainOne(film((t) => t.shake())),
  ],
  [
    'ecn-fallback',
    'a second SYN without ECE and CWR (RFC 3168 section 6.1.1.1)',
    () => explainOne(film((t) => t.c(0, 'SEC') && t.c(1000, 'S'))),
    () => explainOne(film((t) => t.c(0, 'SEC') && t.c(1000, 'SEC'))),
  ],
  [
    'captured-twice',
    'a mirror port shows every packet twice',
    () => {
      const made = film((t) => t.shake());
      const doubled = new Film();
      for (const { ms, bytes } of made.packets) {
        doubled.add(ms, bytes);
        doubled.add(ms + 0.01, bytes);
      }
      return explainOne(doubled);
    },
    () => explainOne(film((t) => t.c(0, 'S') && t.shake(1000))),
  ],
  [
    'isn-conflict',
    'a second SYN+ACK with another number: somebody else answered too',
    () =>
      explainOne(
        film((t) => {
          t.shake();
          t.s(30, 'SA', { seq: 77 });
        }),
      ),
    () =>
      explainOne(
        film((t) => {
          t.shake();
          t.s(1030, 'SA');
        }),
      ),
  ],
  [
    'wrong-ack',
    'a SYN+ACK that acknowledges something else',
    () => explainOne(film((t) => t.c(0, 'S') && t.s(20, 'SA', { ack: 4242 }))),
    () => explainOne(film((t) => t.c(0, 'S') && t.s(20, 'SA'))),
  ],
  [
    'odd-flags',
    'SYN and FIN together',
    () => explainOne(film((t) => t.c(0, 'SF'))),
    () => explainOne(film((t) => t.c(0, 'S'))),
  ],
  [
    'icmp-error',
    '"fragmentation needed" about later data',
    () => explainOne(film((t) => t.shake() && t.icmp(60, 3, 4, t.c(30, 'PA', { data: 100 })))),
    () => explainOne(film((t) => t.shake() && t.c(30, 'PA', { data: 100 }))),
  ],
  [
    'reset-at-once',
    'an RST right after the handshake',
    () => explainOne(film((t) => t.shake().s(30, 'R'))),
    () => explainOne(film((t) => t.shake() && t.c(30, 'PA', { data: 5 }) && t.s(50, 'R'))),
  ],
  [
    'capture-ends',
    'the capture ends before an answer could have come',
    () => explainOne(film((t) => t.c(0, 'S'))),
    () => {
      const made = film((t) => t.c(0, 'S'));
      new Talk(made, { client: '198.51.100.1' }).shake(2000);
      return explainAll(made).attempts[0]!;
    },
  ],
  [
    'reordered',
    'the SYN+ACK is in the capture before the SYN',
    () => explainOne(film((t) => t.s(20, 'SA') && t.c(0, 'S') && t.c(21, 'A', { ack: 5_000_001 }))),
    () => explainOne(film((t) => t.shake())),
  ],
  [
    'tuple-shared',
    'two numbers on one tuple at a time',
    () => explainAll(film((t) => t.c(0, 'S') && t.c(10, 'S', { seq: 999_999 }))).attempts[1]!,
    () => explainAll(film((t) => t.c(0, 'S') && t.c(40_000, 'S', { seq: 999_999 }))).attempts[1]!,
  ],
  [
    'syn-missing',
    'a SYN+ACK whose SYN is not in the capture',
    () => explainOne(film((t) => t.s(0, 'SA') && t.c(1, 'A', { seq: 1001 }))),
    () => explainOne(film((t) => t.c(0, 'PA', { seq: 1001, ack: 77, data: 5 }))),
  ],
  [
    'synack-missing',
    'both sides acknowledge each other after a SYN',
    () => explainOne(talkWithoutSynAck((t) => t.s(40, 'A', { seq: 5_000_001, ack: 1101 }))),
    () => explainOne(talkWithoutSynAck(() => {})),
  ],
  [
    'syn-retransmitted',
    'two SYNs a second apart',
    () => explainOne(film((t) => t.c(0, 'S') && t.c(1000, 'S'))),
    () => {
      const made = film((t) => t.c(0, 'S'));
      made.again(1, 0.05);
      return explainOne(made);
    },
  ],
  [
    'synack-retransmitted',
    'two SYN+ACKs a second apart',
    () => explainOne(film((t) => t.c(0, 'S') && t.s(20, 'SA') && t.s(1020, 'SA'))),
    () => {
      const made = film((t) => t.c(0, 'S') && t.s(20, 'SA'));
      made.again(2, 0.05);
      return explainOne(made);
    },
  ],
  [
    'options-malformed',
    'a SYN with SACK blocks, which only ACKs may carry (RFC 2018 section 3)',
    () =>
      explainOne(film((t) => t.c(0, 'S', { options: [{ kind: 'sack', blocks: [{ left: 1, right: 2 }] }] }))),
    () =>
      explainOne(
        film(
          (t) => t.shake() && t.c(30, 'A', { options: [{ kind: 'sack', blocks: [{ left: 1, right: 2 }] }] }),
        ),
      ),
  ],
  [
    'options-malformed',
    'an option that is longer than the header',
    () => {
      const made = film((t) => t.c(0, 'S'));
      made.packets[0]!.bytes[41] = 60;
      return explainOne(made);
    },
    () => explainOne(film((t) => t.c(0, 'S', { options: [] }))),
  ],
  [
    'data-on-syn',
    'data without Fast Open',
    () => explainOne(film((t) => t.c(0, 'S', { data: 3 }))),
    () =>
      explainOne(
        film((t) => {
          t.c(0, 'S', { options: [...linuxOptions(null), cookie(8)], data: 3 });
          t.s(20, 'SA', { ack: 1004 });
        }),
      ),
  ],
  [
    'fast-open-requested',
    'an option without a cookie (RFC 7413 section 4.1.1)',
    () => explainOne(film((t) => t.c(0, 'S', { options: [...linuxOptions(null), cookie(0)] }))),
    () => explainOne(film((t) => t.c(0, 'S', { options: [...linuxOptions(null), cookie(8)] }))),
  ],
  [
    'fast-open-granted',
    'a cookie in the SYN+ACK',
    () => explainOne(granting(8)),
    () => explainOne(granting(0)),
  ],
  [
    'stray-reset',
    "an RST whose number is outside the server's window",
    () => explainOne(film((t) => t.shake() && t.s(30, 'R', { seq: 900_000_000 }))),
    () => explainOne(film((t) => t.shake() && t.s(30, 'R'))),
  ],
  [
    'two-encapsulations',
    'one VLAN out, another one back',
    () => explainOne(inVlans(10, 20)),
    () => explainOne(inVlans(10, 10)),
  ],
  [
    'another-encapsulation',
    'the same SYN in two VLANs, one after the other',
    () => explainAll(routed((bytes) => bytes)).attempts[1]!,
    () => explainAll(routed((bytes) => addToSeq(5)(bytes))).attempts[1]!,
  ],
  [
    'syn-proxy',
    'the SYN comes again after the ACK, and gets another number',
    () => explainOne(passedOn(77)),
    () => explainOne(passedOn(5_000_000)),
  ],
  [
    'others-served',
    'a SYN without an answer while others connect to the same port',
    () => crowded(80),
    () => crowded(81),
  ],
  [
    'packets-left-out',
    'more SYNs than are kept',
    () => explainOne(film((t) => repeat(41, (n) => t.c(1000 * n, 'S')))),
    () => explainOne(film((t) => repeat(40, (n) => t.c(1000 * n, 'S')))),
  ],
  [
    'syn-cookie',
    'a cookie that the client never confirmed but reset',
    () => cookies(4, (n) => ((1000 + 16 * n) << 6) | 7 | 16),
    () => cookies(4, (n) => ((1000 + 16 * n) << 6) | (n + 1)),
  ],
  [
    'port-reused',
    'a SYN on a live tuple that is not answered',
    () => explainAll(film((t) => t.shake() && t.c(500, 'S', { seq: 900_000_000 }))).attempts[1]!,
    () => explainAll(film((t) => t.shake().c(100, 'R') && t.c(500, 'S', { seq: 900_000_000 }))).attempts[1]!,
  ],
  [
    'challenge-ack',
    'an ACK of something else, and then a refusal',
    () => explainOne(challenged(555_000)),
    () => explainOne(challenged(1001)),
  ],
  [
    'slow-connect',
    'the first SYN got no answer, a second went by',
    () => explainOne(film((t) => t.c(0, 'S') && t.shake(1000))),
    () => explainOne(film((t) => t.c(0, 'S') && t.shake(100, 50))),
  ],
  [
    'ack-missing',
    'the first ACK in the capture has later numbers',
    () =>
      explainOne(film((t) => t.c(0, 'S') && t.s(20, 'SA') && t.c(2900, 'A', { seq: 1200, ack: 5_000_301 }))),
    () => explainOne(film((t) => t.shake())),
  ],
  [
    'defer-accept',
    'the server sent its SYN+ACK again, and took the connection when data came',
    () =>
      explainOne(film((t) => t.shake() && t.s(3020, 'SA') && t.c(9000, 'PA', { data: 9 }) && t.s(9020, 'A'))),
    () => explainOne(film((t) => t.shake() && t.s(3020, 'SA') && t.c(3020.1, 'A'))),
  ],
  ['other-leg', 'the same SYN goes on to another address', () => twice(0)[0]!, () => twice(1)[0]!],
  [
    'path-mtu',
    'large segments of the server are sent again and again, a smaller one behind them arrived',
    () => explainOne(stuck(1448, [2897, 4097])),
    () => explainOne(stuck(1448, null)),
  ],
  [
    'data-unacknowledged',
    'data of the server are sent again and again',
    () => explainOne(stuck(1448, null)),
    () => explainOne(stuck(1448, null, 1449)),
  ],
  [
    'request-unacknowledged',
    "the client's first data are sent again and again",
    () => explainOne(film((t) => request(t, 4))),
    () => explainOne(film((t) => request(t, 4) && t.s(9000, 'A'))),
  ],
  [
    'closed-unserved',
    'the server closes right after the handshake',
    () => explainOne(film((t) => t.shake() && t.s(21, 'FA') && t.c(21.1, 'FA') && t.s(41, 'A'))),
    () => explainOne(film((t) => t.shake() && t.c(21, 'FA') && t.s(41, 'FA') && t.c(41.1, 'A'))),
  ],
  [
    'server-silent',
    'a request is acknowledged, and nothing follows',
    () =>
      explainOne(film((t) => t.shake() && t.c(21, 'PA', { data: 80 }) && t.s(41, 'A') && t.c(8000, 'FA'))),
    () =>
      explainOne(
        film(
          (t) => t.shake() && t.c(21, 'PA', { data: 80 }) && t.s(41, 'PA', { data: 9 }) && t.c(8000, 'FA'),
        ),
      ),
  ],
  [
    'tls-stopped',
    'a ClientHello is acknowledged, and nothing follows',
    () => explainOne(hello((t) => t.s(41, 'A') && t.c(8000, 'FA'))),
    () =>
      explainOne(
        hello((t) => t.s(41, 'PA', { data: 900 }) && t.c(42, 'PA', { data: 64 }) && t.c(8000, 'FA')),
      ),
  ],
  [
    'not-all-readable',
    'a packet of the link is compressed in a way that cannot be undone',
    () => explainOne(compressed(0x2d)),
    () => explainOne(compressed(0xc021)),
  ],
];

/** A SYN that is seen on its way to another server too, with another identification by `difference`. */
function twice(difference: number): Attempt[] {
  const made = new Film();
  new Talk(made).c(0, 'S', { id: 7 });
  new Talk(made, { server: '192.0.2.9' }).c(0.1, 'S', { id: 7 + difference });
  return explainAll(made).attempts;
}

/** Segments of the server are sent again; a block beyond is acknowledged, or in the end an ACK comes. */
function stuck(size: number, block: readonly [number, number] | null, ack = 0): Film {
  return film((t) => {
    t.shake();
    t.s(30, 'A', { data: size });
    t.s(31, 'PA', { data: size });
    const options: TcpOption[] =
      block === null
        ? []
        : [
            { kind: 'nop' },
            { kind: 'nop' },
            { kind: 'sack', blocks: [{ left: t.isns[1] + block[0], right: t.isns[1] + block[1] }] },
          ];
    t.c(50, 'A', { ack: t.isns[1] + 1, options });
    for (const ms of [250, 650, 1450, 3050]) {
      t.s(ms, 'A', { seq: t.isns[1] + 1, data: size });
      t.c(ms + 1, 'A', { ack: t.isns[1] + 1, options });
    }
    if (ack > 0) t.c(4000, 'A', { ack: t.isns[1] + 1 + ack });
  });
}

function request(t: Talk, copies: number): number {
  t.shake();
  let frame = 0;
  repeat(copies, (n) => {
    frame = t.c(21 + 300 * 2 ** n, 'PA', { seq: t.isns[0] + 1, data: 80 });
  });
  return frame;
}

/** A connection whose first data are a ClientHello. */
function hello(more: (t: Talk) => void): Film {
  return film((t) => {
    t.shake();
    const frame = t.c(21, 'PA', { data: 205 });
    const { bytes } = t.film.packets[frame - 1]!;
    bytes.set([22, 3, 1, 0, 200, 1], bytes.length - 205);
    more(t);
  });
}

/** A handshake over PPP, and a packet of another protocol before it ends. */
function compressed(protocol: number): Film {
  const made = new Film(LINKTYPE_PPP);
  const wrap = (ip: Uint8Array): Uint8Array => Uint8Array.from([0xff, 0x03, 0, 0x21, ...ip]);
  const t = new Talk(made, { wrap });
  t.c(0, 'S');
  t.s(20, 'SA');
  made.add(21, Uint8Array.from([0xff, 0x03, protocol >> 8, protocol & 255, 0, 1, 2, 3]));
  t.c(22, 'A');
  return made;
}

const LINKTYPE_PPP = 9;

/** A handshake, beside one packet of an interface of another link type. */
function beside(linkType: number): Attempt {
  const capture = concatenate(
    pcapngHeader([{ linkType }]),
    pcapngPacket(BigInt(epoch) * 1_000_000_000n, Uint8Array.of(1, 2, 3, 4)),
    film((t) => t.shake()).toPcapng(),
  );
  return explainAll(capture).attempts[0]!;
}

test('not-all-readable: a link that cannot be read may have had packets of the connection, unless it carries no IP', () => {
  const arcnet = beside(129);
  expect(arcnet.notes).toContain('not-all-readable');
  expect(arcnet.certainty).not.toBe('certain');
  const can = beside(227);
  expect(can.notes).not.toContain('not-all-readable');
  expect(can.certainty).toBe('certain');
});

/** These have their pairs in hints.test.ts. */
const elsewhere = ['traceroute', 'routing-loop', 'signed', 'wrong-checksum', 'wrong-outer-checksum'];

describe('each note', () => {
  test('has a pair', () => {
    const unpaired = Object.keys(notes).filter(
      (note) => !(note in verdicts) && !pairs.some(([n]) => n === note) && !elsewhere.includes(note),
    );
    expect(unpaired).toEqual([]);
  });

  for (const [note, when, has, lacks] of pairs)
    test(`${note}: ${when}; and not otherwise`, () => {
      expect(has().notes).toContain(note);
      expect(lacks().notes).not.toContain(note);
    });

  test('numbers that grow by a constant are found although some are answered out of order', () => {
    const order = [0, 2, 1, 3, 5, 4, 6, 7].map((n) => 1_000_000 + 64_000 * n);
    const attempts = connections(order);
    expect(attempts.at(-1)!.evidence.isnStep).toBe(64_000);
    expect(attempts.filter((a) => a.notes.includes('isn-predictable')).length).toBe(3);
  });

  test('a SYN seen with two numbers is one connection attempt seen twice, not a shared tuple', () => {
    const made = film((t) => t.c(0, 'S', { stamps: [5, 0] }));
    made.again(1, 0.2, addToSeq(123_456_789));
    for (const attempt of explainAll(made).attempts) {
      expect(attempt.notes).toContain('isn-rewritten');
      expect(attempt.notes).not.toContain('tuple-shared');
    }
  });

  test('behind a SYN proxy nothing was sent again, and no back-off is to be seen', () => {
    expect(explainOne(passedOn(77))).toMatchObject({
      verdict: 'completed',
      notes: ['syn-proxy'],
      backOff: null,
    });
  });

  test('of a packet with rewritten options, only one transmission counts', () => {
    const made = film((t) => t.c(0, 'S'));
    made.again(1, 0.2, clamp);
    const { evidence } = explainOne(made);
    expect([evidence.synCount, evidence.synDuplicates]).toEqual([1, 1]);
  });
});
