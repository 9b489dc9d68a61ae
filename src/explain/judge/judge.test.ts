import { describe, expect, test } from 'vitest';
import type { TcpOption } from '../../wire/options.ts';
import { explainAll, explainOne, Film, film, linuxOptions, Talk, type TalkOptions } from '../testing.ts';
import type { Attempt } from './attempt.ts';
import type { Verdict } from './verdicts.ts';

/** An attempt that must get a verdict, and ones that nearly do, with what they must get instead. */
interface Case {
  readonly hit: () => Attempt;
  /** What the near miss is, the verdict that it must get, and its capture. */
  readonly misses: readonly (readonly [string, Verdict, () => Attempt])[];
}

const one = (tell: (t: Talk) => void, options?: TalkOptions) => (): Attempt =>
  explainOne(film(tell, options));

/** The last attempt of a capture with several. */
const last =
  (tell: (f: Film) => void): (() => Attempt) =>
  () => {
    const made = new Film();
    tell(made);
    return explainAll(made).attempts.at(-1)!;
  };

/** Another connection, so that the capture goes on long enough for answers to have come. */
const later = (t: Talk, ms: number): void => {
  new Talk(t.film, { client: '198.51.100.1', server: '198.51.100.2' }).shake(ms);
};
/** The first attempt; what makes the capture go on comes after it. */
const withLater =
  (tell: (t: Talk) => void, ms = 300_000) =>
  (): Attempt => {
    const made = film((t) => {
      tell(t);
      later(t, ms);
    });
    return explainAll(made).attempts[0]!;
  };

const cookie = (bytes: number): TcpOption => ({
  kind: 'fastOpen',
  cookie: new Uint8Array(bytes).fill(7),
  experimental: false,
});
const tfoSyn = (t: Talk, ms: number, data: number): number =>
  t.c(ms, 'S', { options: [...linuxOptions(null), cookie(8)], data });

/** A server that a client talks to again and again, its SYN+ACKs stamped as told. */
const stamped = (count: number, stamp: (n: number) => number): (() => Attempt) =>
  last((f) => {
    for (let n = 0; n < count; n++) {
      const t = new Talk(f, { clientPort: 40000 + n, clientIsn: 7919 * n * n, serverIsn: 104_729 * n * n });
      t.c(100 * n, 'S', { stamps: [500 + n, 0] });
      t.s(100 * n + 20, 'SA', { stamps: [stamp(n), 500 + n] });
      t.c(100 * n + 21, 'A', { stamps: [501 + n, stamp(n)] });
    }
  });

/** A SYN sent and answered five times. */
const answers = (t: Talk, stamp: (n: number) => number): void => {
  for (let n = 0; n < 5; n++) {
    t.c(1000 * n, 'S', { stamps: [500 + 1000 * n, 0] });
    t.s(1000 * n + 20, 'SA', { stamps: [stamp(n), 500 + 1000 * n] });
  }
};

/** A client that tries many ports of which few are open. */
const scan = (ports: number, open: (port: number) => boolean): (() => Attempt) =>
  last((f) => {
    for (let n = 0; n < ports; n++) {
      const t = new Talk(f, { serverPort: 1 + n, clientPort: 40000 + n, clientIsn: 7919 * n });
      if (open(n)) t.shake(10 * n, 1);
      else {
        t.c(10 * n, 'S');
        t.s(10 * n + 1, 'RA', { seq: 0, ack: t.isns[0] + 1 });
      }
    }
  });

/** Many clients of one port within seconds. */
const crowd = (syns: number, followed: (n: number) => boolean): (() => Attempt) =>
  last((f) => {
    for (let n = 0; n < syns; n++) {
      const t = new Talk(f, { client: `10.${n >> 8}.${n & 255}.7`, clientIsn: 7919 * n });
      if (followed(n)) t.shake(10 * n, 1);
      else t.c(10 * n, 'S');
    }
  });

/** The first attempt of a capture of several. */
const several = (tell: (made: Film) => void) => (): Attempt => {
  const made = new Film();
  tell(made);
  return explainAll(made).attempts[0]!;
};

const cases: Readonly<Record<Verdict, Case>> = {
  completed: {
    hit: one((t) => t.shake()),
    misses: [
      [
        'the last packet acknowledges something else',
        'unconfirmed',
        withLater((t) => {
          t.c(0, 'S');
          t.s(20, 'SA');
          t.c(20.1, 'A', { ack: t.isns[1] });
        }),
      ],
      [
        'the last packet acknowledges more than a server may have sent',
        'unconfirmed',
        withLater((t) => {
          t.c(0, 'S');
          t.s(20, 'SA');
          t.c(20.1, 'A', { ack: t.isns[1] + 500_000 });
          t.s(1020, 'SA');
        }),
      ],
    ],
  },
  refused: {
    hit: one((t) => {
      t.c(0, 'S');
      t.s(20, 'RA', { seq: 0, ack: 1001 });
    }),
    misses: [
      [
        'the RST acknowledges something else',
        'unanswered',
        one((t) => {
          t.c(0, 'S');
          t.s(20, 'RA', { seq: 0, ack: 1002 });
        }),
      ],
      [
        'the RST acknowledges nothing',
        'unanswered',
        one((t) => {
          t.c(0, 'S');
          t.s(20, 'R', { seq: 1001 });
        }),
      ],
    ],
  },
  unanswered: {
    hit: withLater((t) => {
      for (const ms of [0, 1000, 3000, 7000]) t.c(ms, 'S');
    }),
    misses: [
      [
        'the last copy was answered',
        'completed',
        one((t) => {
          t.c(0, 'S');
          t.c(1000, 'S');
          t.shake(3000);
        }),
      ],
    ],
  },
  unconfirmed: {
    hit: withLater((t) => {
      t.c(0, 'S');
      for (const ms of [20, 1020, 3020]) t.s(ms, 'SA');
    }),
    misses: [
      [
        'the last SYN+ACK was confirmed',
        'completed',
        one((t) => {
          t.c(0, 'S');
          t.s(20, 'SA');
          t.s(1020, 'SA');
          t.c(1021, 'A');
        }),
      ],
      [
        'only packets with SYN or FIN are in the capture, and much was sent in between',
        'completed',
        withLater((t) => {
          t.c(0, 'S');
          t.s(20, 'SA');
          t.s(9000, 'FA', { seq: t.isns[1] + 900_001 });
          t.c(9001, 'FA', { seq: 1500 });
        }),
      ],
      [
        "of these, the client's FIN alone",
        'completed',
        withLater((t) => {
          t.c(0, 'S');
          t.s(20, 'SA');
          t.c(9001, 'FA', { seq: 1500, ack: t.isns[1] + 900_001 });
        }),
      ],
      [
        'it answered with two numbers, of which the client took the second',
        'completed',
        withLater((t) => {
          t.c(0, 'S');
          t.s(20, 'SA');
          t.c(1000, 'S');
          t.s(1020, 'SA', { seq: 1_500_000_000 });
          t.c(1021, 'A', { ack: 1_500_000_001 });
        }),
      ],
      [
        'the same, the second number being lower',
        'completed',
        withLater((t) => {
          t.c(0, 'S');
          t.s(20, 'SA');
          t.c(1000, 'S');
          t.s(1020, 'SA', { seq: 1_000_000 });
          t.c(1021, 'A', { ack: 1_000_001 });
        }),
      ],
      [
        'the SYN is behind all the rest in the capture',
        'completed',
        one((t) => {
          t.s(1, 'SA');
          t.c(2, 'A', { seq: 1001 });
          t.c(3, 'PA', { seq: 1001, data: 39 });
          t.s(4, 'PA', { ack: 1040, data: 23 });
          t.c(8, 'S');
        }),
      ],
    ],
  },
  'reset-by-client': {
    hit: one((t) => {
      t.c(0, 'S');
      t.s(20, 'SA');
      t.c(20.1, 'R', { seq: 1001 });
    }),
    misses: [
      ['reset after the handshake', 'completed', one((t) => t.shake().c(30, 'R'))],
      [
        "the RST is for what came in the server's name before its SYN+ACK",
        'completed',
        one((t) => {
          t.c(0, 'S');
          t.s(18, 'RA', { seq: 0, ack: 1001 });
          t.s(19, 'FA', { seq: 0, ack: 1001 });
          t.c(19.1, 'R', { seq: 1001 });
          t.s(20, 'SA');
          t.c(20.1, 'A');
          t.c(20.2, 'PA', { data: 100 });
          t.s(40, 'A');
        }),
      ],
      [
        "an RST of nobody's numbers",
        'completed',
        one((t) => {
          t.c(0, 'S');
          t.c(10, 'R', { seq: 900_000_000 });
          t.s(20, 'SA');
          t.c(21, 'A');
        }),
      ],
    ],
  },
  'reset-by-server': {
    hit: one((t) => {
      t.c(0, 'S');
      t.s(20, 'SA');
      t.s(40, 'R');
    }),
    misses: [['reset after the handshake', 'completed', one((t) => t.shake().s(30, 'R'))]],
  },
  'rejected-by-icmp': {
    hit: one((t) => {
      t.icmp(20, 3, 13, t.c(0, 'S'), '203.0.113.1');
    }),
    misses: [
      [
        '"fragmentation needed" ends no attempt (RFC 1191)',
        'unanswered',
        one((t) => {
          t.icmp(20, 3, 4, t.c(0, 'S'));
        }),
      ],
      [
        'the error quotes data sent later',
        'completed',
        one((t) => {
          t.shake();
          t.icmp(60, 3, 1, t.c(30, 'PA', { data: 100 }));
        }),
      ],
      [
        'the error quotes a SYN of another number',
        'unanswered',
        () => {
          const other = film((t) => t.c(0, 'S'), { clientIsn: 77 });
          return explainOne(
            film((t) => {
              t.c(0, 'S');
              const frame = t.film.add(0, other.packets[0]!.bytes);
              t.icmp(20, 3, 1, frame);
              t.film.packets.splice(frame - 1, 1);
            }),
          );
        },
      ],
    ],
  },
  'simultaneous-open': {
    hit: one((t) => {
      t.c(0, 'S');
      t.s(10, 'S');
      t.c(10.1, 'SA');
      t.s(30, 'SA');
    }),
    misses: [
      [
        'a SYN the other way minutes later is another attempt',
        'unanswered',
        () =>
          explainAll(
            film((t) => {
              t.c(0, 'S');
              t.s(200_000, 'S');
            }),
          ).attempts[0]!,
      ],
      [
        'a SYN the other way after the handshake is another attempt',
        'completed',
        () =>
          explainAll(
            film((t) => {
              t.shake();
              t.s(1000, 'S', { seq: 9_000_000 });
            }),
          ).attempts[0]!,
      ],
    ],
  },
  'split-handshake': {
    hit: one((t) => {
      t.c(0, 'S');
      t.s(20, 'A', { seq: 0, ack: 1001 });
      t.s(20.1, 'S');
      t.c(20.2, 'SA');
      t.s(40, 'A');
    }),
    misses: [
      [
        "both sides' SYN+ACKs make it a simultaneous open",
        'simultaneous-open',
        one((t) => {
          t.c(0, 'S');
          t.s(20, 'S');
          t.c(20.1, 'SA');
          t.s(20.2, 'SA');
        }),
      ],
    ],
  },
  'self-connect': {
    hit: one(
      (t) => {
        t.c(0, 'S');
        t.c(0.01, 'SA', { seq: 1000, ack: 1001 });
        t.c(0.02, 'A', { seq: 1001, ack: 1001 });
      },
      { client: '127.0.0.1', server: '127.0.0.1', clientPort: 50000, serverPort: 50000 },
    ),
    misses: [
      [
        'the same address, but another port',
        'completed',
        one((t) => t.shake(0, 0.1, 0.01), {
          client: '127.0.0.1',
          server: '127.0.0.1',
          clientPort: 50001,
          serverPort: 50000,
        }),
      ],
    ],
  },
  'fast-open-accepted': {
    hit: one((t) => {
      tfoSyn(t, 0, 100);
      t.s(20, 'SA', { ack: 1101 });
      t.c(20.1, 'A');
    }),
    misses: [
      [
        'only a cookie is asked for',
        'completed',
        one((t) => {
          t.c(0, 'S', { options: [...linuxOptions(null), cookie(0)] });
          t.s(20, 'SA', { options: [...linuxOptions(null), cookie(8)] });
          t.c(20.1, 'A');
        }),
      ],
    ],
  },
  'fast-open-rejected': {
    hit: one((t) => {
      tfoSyn(t, 0, 100);
      t.s(20, 'SA');
      t.c(20.1, 'PA', { seq: 1001, data: 100 });
    }),
    misses: [
      [
        'a cookie without data',
        'completed',
        one((t) => {
          tfoSyn(t, 0, 0);
          t.s(20, 'SA');
          t.c(20.1, 'A');
        }),
      ],
    ],
  },
  'fast-open-fallback': {
    hit: one((t) => {
      t.c(0, 'S', { options: [...linuxOptions([100, 0]), cookie(0)] });
      t.c(1000, 'S', { stamps: [1100, 0] });
      t.s(1020, 'SA', { stamps: [9, 1100] });
      t.c(1021, 'A', { stamps: [1121, 9] });
    }),
    misses: [
      [
        'the answer echoes the SYN with the option',
        'completed',
        one((t) => {
          t.c(0, 'S', { options: [...linuxOptions([100, 0]), cookie(0)] });
          t.c(1000, 'S', { stamps: [1100, 0] });
          t.s(1020, 'SA', { stamps: [9, 100] });
          t.c(1021, 'A', { stamps: [1121, 9] });
        }),
      ],
    ],
  },
  'syn-cookie': {
    // Window scale 7 and SACK, as offered: 7 | 16; the server's clock goes on by 1,000 or so in the meantime.
    hit: stamped(4, (n) => ((1000 + 16 * n) << 6) | 7 | 16),
    misses: [
      [
        'the time stamps hold something else',
        'completed',
        stamped(8, (n) => ((1000 + 16 * n) << 6) | ((n * 11) & 63)),
      ],
      ['three are not enough', 'completed', stamped(3, (n) => ((1000 + 16 * n) << 6) | 7 | 16)],
      [
        'connections come every 8 s, which is 125 times 64 ms',
        'completed',
        last((f) => {
          for (let n = 0; n < 8; n++) {
            const t = new Talk(f, {
              clientPort: 40000 + n,
              clientIsn: 7919 * n * n,
              serverIsn: 104_729 * n * n,
            });
            const at = 8000 * n;
            t.c(at, 'S', { stamps: [500 + at, 0] });
            t.s(at + 20, 'SA', { stamps: [77_777 + at, 500 + at] });
            t.c(at + 20.1, 'A', { stamps: [520 + at, 77_777 + at] });
          }
        }),
      ],
      ['the clock stands still', 'completed', stamped(8, () => (1000 << 6) | 7 | 16)],
      [
        'the time stamps of one attempt are those of a running clock',
        'unconfirmed',
        withLater((t) => answers(t, (n) => 77_777 + 1000 * n)),
      ],
    ],
  },
  'answer-unmatched': {
    hit: one((t) => {
      for (const n of [0, 1]) {
        t.c(1000 * n, 'S', { ttl: 63 });
        t.s(1000 * n + 1, 'SA');
        t.c(1000 * n + 2, 'R', { seq: t.isns[0] + 1 });
      }
    }),
    misses: [
      [
        'the client does not ask again',
        'reset-by-client',
        one((t) => {
          t.c(0, 'S', { ttl: 63 });
          t.s(1, 'SA');
          t.c(2, 'R', { seq: t.isns[0] + 1 });
        }),
      ],
    ],
  },
  'answered-elsewhere': {
    hit: several((made) => {
      new Talk(made, { server: '198.51.100.10' }).c(0, 'S');
      const other = new Talk(made);
      other.s(1, 'SA');
      other.c(1.1, 'R', { seq: other.isns[0] + 1 });
    }),
    misses: [
      [
        'the SYN+ACK acknowledges another SYN',
        'unanswered',
        several((made) => {
          new Talk(made, { server: '198.51.100.10' }).c(0, 'S');
          new Talk(made).s(1, 'SA', { ack: 1002 });
          new Talk(made, { clientPort: 9 }).shake(5000);
        }),
      ],
      [
        'the SYN+ACK goes to another port',
        'unanswered',
        several((made) => {
          new Talk(made, { server: '198.51.100.10' }).c(0, 'S');
          new Talk(made, { clientPort: 40001 }).s(1, 'SA');
          new Talk(made, { clientPort: 9 }).shake(5000);
        }),
      ],
      [
        'the address that was asked answers as well, as the translator sends it on',
        'completed',
        several((made) => {
          const asked = new Talk(made, { server: '198.51.100.10' });
          const other = new Talk(made);
          asked.c(0, 'S', { id: 7 });
          other.c(0.1, 'S', { id: 7 });
          other.s(1, 'SA');
          asked.s(1.1, 'SA');
          asked.c(1.2, 'A');
        }),
      ],
    ],
  },
  'final-ack-ignored': {
    hit: one((t) => {
      t.shake();
      t.s(1020, 'SA');
      t.c(1020.1, 'A');
    }),
    misses: [
      [
        "the capture is the server's and the client had sent data",
        'accept-queue-full',
        one((t) => {
          t.c(0, 'S', { ttl: 60 });
          t.s(0.1, 'SA');
          t.c(20, 'A', { ttl: 60 });
          t.c(21, 'PA', { data: 5, ttl: 60 });
          t.c(300, 'PA', { seq: t.isns[0] + 1, data: 5, ttl: 60 });
          t.s(1020, 'SA');
        }),
      ],
    ],
  },
  'accept-queue-full': {
    hit: one((t) => {
      t.c(0, 'S', { ttl: 60 });
      t.s(0.1, 'SA');
      t.c(20, 'A', { ttl: 60 });
      t.c(21, 'PA', { data: 5, ttl: 60 });
      t.c(300, 'PA', { seq: t.isns[0] + 1, data: 5, ttl: 60 });
      t.s(1020, 'SA');
    }),
    misses: [
      [
        "the capture is the client's: ACKs and data may be lost on the way",
        'final-ack-ignored',
        one((t) => {
          t.c(0, 'S');
          t.s(20, 'SA', { ttl: 60 });
          t.c(20.1, 'A');
          t.c(21, 'PA', { data: 5 });
          t.c(300, 'PA', { seq: t.isns[0] + 1, data: 5 });
          t.s(1020, 'SA', { ttl: 60 });
        }),
      ],
      [
        'no data came: it may wait for them',
        'final-ack-ignored',
        one((t) => {
          t.c(0, 'S', { ttl: 60 });
          t.s(0.1, 'SA');
          t.c(20, 'A', { ttl: 60 });
          t.s(1020, 'SA');
        }),
      ],
      [
        'they crossed on a long way: the server sends again after 300 ms, and the ACK takes longer',
        'completed',
        one((t) => {
          t.shake(0, 305);
          t.c(306, 'PA', { data: 500 });
          t.s(607, 'SA');
          t.s(611, 'A');
        }),
      ],
      [
        'the only SYN+ACK has a time that is wrong',
        'completed',
        one((t) => {
          t.c(0, 'S');
          t.s(90_000_000, 'SA');
          t.c(20.1, 'A');
          t.c(21, 'PA', { data: 10 });
        }),
      ],
      [
        'the second SYN+ACK crossed the ACK',
        'completed',
        one((t) => {
          t.c(0, 'S');
          t.s(1000, 'SA');
          t.c(1000.1, 'A');
          t.s(1050, 'SA');
        }),
      ],
      [
        'the ACK came only after the second SYN+ACK',
        'completed',
        one((t) => {
          t.c(0, 'S');
          t.s(20, 'SA');
          t.s(1020, 'SA');
          t.c(1020.1, 'A');
        }),
      ],
    ],
  },
  'port-reused': {
    hit: last((f) => {
      new Talk(f).shake().close(100);
      new Talk(f, { clientIsn: 900_000, serverIsn: 80_000_000 }).shake(5000);
    }),
    misses: [
      [
        'TIME-WAIT was over',
        'completed',
        last((f) => {
          new Talk(f).shake().close(100);
          new Talk(f, { clientIsn: 900_000, serverIsn: 80_000_000 }).shake(65_000);
        }),
      ],
      [
        'the connection before was reset',
        'completed',
        last((f) => {
          new Talk(f).shake().c(100, 'R');
          new Talk(f, { clientIsn: 900_000, serverIsn: 80_000_000 }).shake(5000);
        }),
      ],
    ],
  },
  'challenge-ack': {
    hit: one((t) => {
      t.c(0, 'S');
      t.s(20, 'A', { seq: 77_000_000, ack: 555_000 });
      t.c(20.1, 'R', { seq: 555_000 });
    }),
    misses: [
      [
        'an ACK of the SYN begins a split handshake',
        'split-handshake',
        one((t) => {
          t.c(0, 'S');
          t.s(20, 'A', { seq: 0, ack: 1001 });
          t.s(21, 'S');
          t.c(22, 'SA');
          t.s(40, 'A');
        }),
      ],
    ],
  },
  'one-sided': {
    hit: one((t) => {
      t.c(0, 'S');
      t.c(20, 'A', { ack: 5_000_001 });
      t.c(21, 'PA', { ack: 5_000_001, data: 100 });
    }),
    misses: [
      ['a lone SYN proves no answer', 'unanswered', withLater((t) => t.c(0, 'S'))],
      ['the other side is there', 'completed', one((t) => t.shake())],
    ],
  },
  'mid-stream': {
    hit: one((t) => {
      t.c(0, 'PA', { seq: 5000, ack: 9000, data: 10 });
      t.s(1, 'A', { seq: 9000, ack: 5010 });
    }),
    misses: [
      [
        'the SYN+ACK is there: only the SYN is missing',
        'completed',
        one((t) => {
          t.s(0, 'SA');
          t.c(1, 'A', { seq: 1001 });
        }),
      ],
      [
        'the SYN comes later in the capture',
        'completed',
        one((t) => {
          t.c(20.1, 'A', { seq: 1001, ack: 5_000_001 });
          t.c(0, 'S');
          t.s(20, 'SA');
        }),
      ],
    ],
  },
  scan: {
    hit: scan(20, () => false),
    misses: [
      ['one destination too few', 'refused', scan(19, () => false)],
      ['most ports are open', 'refused', scan(20, (n) => n < 12)],
    ],
  },
  flood: {
    hit: crowd(100, () => false),
    misses: [
      ['one SYN too few', 'unanswered', crowd(99, () => false)],
      ['a crowd that is served', 'unanswered', crowd(100, (n) => n < 40)],
    ],
  },
};

describe('each verdict', () => {
  for (const [verdict, { hit, misses }] of Object.entries(cases)) {
    test(`${verdict}: given to what has it`, () => {
      const attempt = hit();
      expect(attempt.verdict, attempt.sentence).toBe(verdict);
      expect(attempt.frames.length, attempt.sentence).toBeGreaterThan(0);
      expect(attempt.sentence).toMatch(/^\S.*[^.]\.$/);
      expect(attempt.sentence).not.toMatch(/undefined|null|NaN/);
    });
    test(`${verdict}: has a near miss`, () => expect(misses.length).toBeGreaterThan(0));
    for (const [name, instead, make] of misses)
      test(`${verdict}: not given if ${name}`, () => {
        const attempt = make();
        expect(attempt.verdict, attempt.sentence).toBe(instead);
      });
  }

  test('syn-cookie: also given if the time stamps have an offset, per pair of hosts or per attempt', () => {
    const offset = 0x1234_5678;
    const pair = stamped(5, (n) => (((1000 + 16 * n) << 6) | 7 | 16) + offset);
    expect(pair().verdict).toBe('syn-cookie');
    const attempt = withLater((t) => answers(t, (n) => (((1000 + 16 * n) << 6) | 7 | 16) + offset));
    expect(attempt()).toMatchObject({ verdict: 'syn-cookie', outcome: 'unconfirmed', certainty: 'likely' });
  });

  test('syn-cookie: given to the first attempts too, before it could be known', () => {
    const made = new Film();
    for (let n = 0; n < 6; n++) {
      const t = new Talk(made, {
        clientPort: 40000 + n,
        clientIsn: 7919 * n * n,
        serverIsn: 104_729 * n * n,
      });
      const stamp = (((1000 + 16 * n) << 6) | 7 | 16) + 99;
      t.c(1000 * n, 'S', { stamps: [500, 0] });
      t.s(1000 * n + 20, 'SA', { stamps: [stamp, 500] });
      t.c(1000 * n + 21, 'A', { stamps: [521, stamp] });
    }
    expect(explainAll(made).attempts.map(({ verdict }) => verdict)).toEqual(new Array(6).fill('syn-cookie'));
  });
});
