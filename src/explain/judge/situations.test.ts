/** What real networks and real ways of capturing do, and what must not be made of it. */
import { describe, expect, test } from 'vitest';
import type { TcpOption } from '../../wire/options.ts';
import { LINKTYPE_ETHERNET } from '../../wire/pcap.ts';
import { explainAll, explainOne, Film, film, linuxOptions, Talk } from '../testing.ts';
import { ethernet, vxlan } from '../testing-wraps.ts';
import type { Attempt } from './attempt.ts';

const attemptsOf = (tell: (f: Film) => void): Attempt[] => {
  const made = new Film();
  tell(made);
  made.packets.sort((a, b) => a.ms - b.ms);
  return explainAll(made).attempts;
};

/** Two captures merged into one; the clock of the second is `late` ms ahead. */
const merged = (made: Film, late: number): Film => {
  const both = new Film();
  for (const { ms, bytes } of made.packets) {
    both.add(ms, bytes);
    both.add(ms + late, bytes);
  }
  both.packets.sort((a, b) => a.ms - b.ms);
  return both;
};

describe('an RST is not always the last word', () => {
  test('a client that sends its SYN again after an RST (as Windows does) may still be answered', () => {
    const a = explainOne(
      film((t) => {
        t.c(0, 'S');
        t.s(1, 'RA', { seq: 0, ack: 1001 });
        t.shake(500);
      }),
    );
    expect(a.verdict).toBe('completed');
    expect(a.roundTrip).toMatchObject({ serverNs: 20e6, ambiguous: false });
    expect(a.notes).not.toContain('reset-at-once');
  });

  test('an attempt after one that was refused shares no tuple with it', () => {
    const attempts = explainAll(
      film((t) => {
        for (const [n, seq] of [1000, 600_000].entries()) {
          t.c(500 * n, 'S', { seq });
          t.s(500 * n + 1, 'RA', { seq: 0, ack: seq + 1 });
        }
      }),
    ).attempts;
    expect(attempts.map(({ verdict }) => verdict)).toEqual(['refused', 'refused']);
    expect(attempts[1]!.notes).not.toContain('tuple-shared');
  });

  test('whichever comes first, RST or SYN+ACK, is what the client believes', () => {
    const first = (tell: (t: Talk) => void): Attempt => explainOne(film(tell));
    const forged = first((t) => {
      t.c(0, 'S');
      t.s(5, 'RA', { seq: 0, ack: 1001 });
      t.s(20, 'SA');
      t.c(20.1, 'R', { seq: 1001 });
    });
    expect(forged).toMatchObject({ verdict: 'refused', outcome: 'refused', certainty: 'likely' });
    expect(forged.sentence).toContain('somebody on the way');
    const late = first((t) => {
      t.c(0, 'S');
      t.s(20, 'SA');
      t.s(20.1, 'R');
      t.c(20.2, 'R', { seq: 1001 });
    });
    expect(late.verdict).toBe('reset-by-server');
  });

  test('an RST that refuses a SYN says who is the server, though the SYN is not in the capture', () => {
    const a = explainOne(
      film((t) => t.s(0, 'RA', { seq: 0, ack: 1001 }), { clientPort: 79, serverPort: 80 }),
    );
    expect(a).toMatchObject({
      verdict: 'mid-stream',
      outcome: 'unknown',
      certainty: 'likely',
      serverPort: 80,
    });
    expect(a.sentence).toContain('refused');
    const reordered = explainOne(
      film((t) => {
        t.s(1, 'RA', { seq: 0, ack: 1001 });
        t.c(0, 'S');
      }),
    );
    expect(reordered).toMatchObject({ verdict: 'refused', notes: ['reordered'] });
  });

  test('an RST long after an idle handshake is none right after it', () => {
    const a = explainOne(film((t) => t.shake().c(60_000, 'R')));
    expect(a.notes).not.toContain('reset-at-once');
  });

  test('a SYN+ACK that nobody asked for is no attempt given up', () => {
    const a = explainOne(film((t) => t.s(0, 'SA') && t.c(0.1, 'R', { seq: 1001 })));
    expect(a).toMatchObject({ verdict: 'reset-by-client', certainty: 'likely' });
    expect(a.sentence).toContain('may never have sent one');
  });
});

describe('what is down is neither scan nor flood', () => {
  /** One client, many destinations, each SYN sent `copies` times. */
  const outage = (destinations: number, copies: number): Attempt[] =>
    attemptsOf((f) => {
      for (let n = 0; n < destinations; n++) {
        const t = new Talk(f, { server: `10.0.0.${n}`, clientPort: 30_000 + n, clientIsn: 7919 * n });
        for (let k = 0; k < copies; k++) t.c(50 * n + 1000 * k, 'S', { stamps: [50 * n + 1000 * k, 0] });
      }
      new Talk(f).shake(300_000);
    });

  test('a client without network that tries 30 destinations again and again is no scanner', () => {
    expect(new Set(outage(30, 3).map(({ verdict }) => verdict))).toEqual(
      new Set(['unanswered', 'completed']),
    );
  });

  test('60 are too many for an outage: worms, too, are connected by a system', () => {
    const [first] = outage(60, 3);
    expect(first).toMatchObject({ verdict: 'scan', certainty: 'possible', outcome: 'unanswered' });
    expect(first!.sentence).toMatch(/at least 5\d destinations|at least 60 destinations/);
  });

  test('if it tries each once it may be one, and the sentence counts the destinations of that minute', () => {
    const [first] = outage(30, 1);
    expect(first).toMatchObject({ verdict: 'scan', certainty: 'possible', outcome: 'unanswered' });
    expect(first!.sentence).toContain('at least 30 destinations within a minute');
    expect(first!.sentence).toContain('whose network or servers are down');
  });

  test('one client of a dead server with a short time-out is no flood', () => {
    const attempts = attemptsOf((f) => {
      for (let n = 0; n < 200; n++)
        new Talk(f, { clientPort: 30_000 + n, clientIsn: 7919 * n }).c(50 * n, 'S', { stamps: [50 * n, 0] });
    });
    expect(new Set(attempts.map(({ verdict }) => verdict))).toEqual(new Set(['unanswered']));
  });

  test('nor if the snap length cut off what its SYNs offer', () => {
    const made = new Film();
    for (let n = 0; n < 200; n++) {
      const syn = new Talk(made, { clientPort: 30_000 + n }).packet(0, 'S');
      made.add(50 * n, syn.subarray(0, 40), syn.length);
    }
    expect(explainAll(made).attempts[0]!.verdict).toBe('unanswered');
  });

  test('SYNs as no system sends them are, also from one address', () => {
    const attempts = attemptsOf((f) => {
      for (let n = 0; n < 200; n++)
        new Talk(f, { clientPort: 30_000 + n, clientIsn: 7919 * n }).c(50 * n, 'S', { options: [] });
    });
    expect(new Set(attempts.map(({ verdict }) => verdict))).toEqual(new Set(['flood']));
  });
});

describe('answers that are none', () => {
  test('a SYN+ACK of an older attempt is reset, and the new one goes on', () => {
    const begin = (t: Talk): void => {
      t.c(0, 'S');
      t.s(5, 'SA', { ack: 900_000_000, seq: 4 });
      t.c(5.1, 'R', { seq: 900_000_000 });
      t.c(1000, 'S');
    };
    const over = explainOne(film(begin));
    expect(over).toMatchObject({ verdict: 'reset-by-client', outcome: 'reset' });
    expect(over.sentence).toContain('acknowledges something else than its SYN');
    const on = explainOne(
      film((t) => {
        begin(t);
        t.s(1020, 'SA');
        t.c(1021, 'A');
      }),
    );
    expect(on).toMatchObject({ verdict: 'completed', outcome: 'completed' });
  });

  test('an RST that acknowledges nothing is no answer, and the sentence says so', () => {
    const a = explainOne(film((t) => t.c(0, 'S') && t.s(1, 'R', { seq: 0 })));
    expect(a).toMatchObject({ verdict: 'unanswered', outcome: 'unanswered' });
    expect(a.sentence).toContain('but an RST that does not acknowledge it, which it has to ignore,');
  });

  test('after a challenge ACK and an RST the next SYN may be taken', () => {
    const a = explainOne(
      film((t) => {
        t.c(0, 'S');
        t.s(5, 'A', { ack: 900_000_000, seq: 4 });
        t.c(5.1, 'R', { seq: 900_000_000 });
        t.shake(1000);
      }),
    );
    expect(a).toMatchObject({ verdict: 'challenge-ack', outcome: 'completed' });
    expect(a.sentence).toContain('in the end it took the new one');
  });
});

describe('ways of capturing', () => {
  test('a clock that is set back during the handshake hides no ACK', () => {
    const a = explainOne(
      film((t) => {
        t.c(1_000_000, 'S');
        t.s(20, 'SA');
        t.c(20.1, 'A');
      }),
    );
    expect(a).toMatchObject({ verdict: 'completed', outcome: 'completed' });
  });

  test('one direction alone is no scan, though none of the answers is there', () => {
    const attempts = attemptsOf((f) => {
      for (let n = 0; n < 30; n++) {
        const t = new Talk(f, { server: `10.0.0.${n}`, clientPort: 30_000 + n });
        t.c(100 * n, 'S');
        if (n !== 7) t.c(100 * n + 20, 'A', { ack: 777 });
      }
    });
    expect(attempts[7]!.verdict).toBe('unanswered');
    expect(attempts[8]!.verdict).toBe('one-sided');
  });

  const stamped = film((t) => {
    t.c(0, 'S', { stamps: [100, 0] });
    t.s(20, 'SA', { stamps: [900, 100], id: 0 });
    t.c(20.1, 'A', { stamps: [120, 900] });
  });

  test.each([500, -500, 90_000])(
    'two hosts in one capture, clocks %i ms apart: no retransmissions',
    (late) => {
      const a = explainOne(merged(stamped, late));
      expect(a).toMatchObject({ verdict: 'completed', notes: ['captured-twice'] });
      expect([a.evidence.synCount, a.evidence.synDuplicates, a.evidence.synAckCount]).toEqual([1, 1, 1]);
    },
  );

  test('copies are told by their identification where a clock is far off or the way is longer; MSS rewritten in between', () => {
    const bare = (mss: number): TcpOption[] => [{ kind: 'mss', value: mss }];
    const ends = (apart: number, ttl: number, ids: readonly [number, number]): Film =>
      film((t) => {
        t.c(0, 'S', { id: ids[0], options: bare(1432), ttl });
        t.s(0.1, 'SA', { id: 1, options: bare(1460) });
        t.c(20.4, 'A', { id: 2, ttl });
        t.c(apart, 'S', { id: ids[1], options: bare(1460) });
        t.s(apart + 20.4, 'SA', { id: 1, options: bare(1460), ttl });
        t.c(apart + 20.5, 'A', { id: 2 });
      });
    for (const made of [ends(410_000, 64, [7, 7]), ends(3000, 60, [7, 7])]) {
      const a = explainOne(made);
      expect(a).toMatchObject({ verdict: 'completed', notes: ['captured-twice', 'options-changed'] });
      expect([a.evidence.synCount, a.evidence.synAckCount]).toEqual([1, 1]);
    }
    // Another identification is another packet.
    expect(explainOne(ends(3000, 64, [7, 8])).evidence.synCount).toBe(2);
  });

  test('a SYN+ACK that comes again after data of the server is a late copy', () => {
    const windows = film((t) => {
      t.shake();
      t.c(21, 'PA', { data: 10 });
      t.s(41, 'PA', { data: 100 });
    });
    const a = explainOne(merged(windows, 500));
    expect(a.verdict).toBe('completed');
    expect([a.evidence.synAckCount, a.evidence.synAckDuplicates]).toEqual([1, 1]);
    const again = explainOne(film((t) => t.shake() && t.c(21, 'PA', { data: 10 }) && t.s(1041, 'SA')));
    expect(again.verdict).toBe('final-ack-ignored');
  });

  test('a SYN+ACK that comes again with a new time stamp is a retransmission', () => {
    const a = explainOne(
      film((t) => {
        t.c(0, 'S', { stamps: [100, 0] });
        t.s(20, 'SA', { stamps: [900, 100], id: 0 });
        t.c(20.1, 'A', { stamps: [120, 900] });
        t.s(1020, 'SA', { stamps: [1900, 100], id: 0 });
      }),
    );
    expect(a.verdict).toBe('final-ack-ignored');
  });

  test('retransmissions whose checksums the network card was to finish are no copies', () => {
    const made = new Film();
    const t = new Talk(made, { client: '2001:db8::1', server: '2001:db8::2' });
    for (const ms of [0, 1000, 2000]) {
      const bytes = t.packet(0, 'S', { stamps: [5 + ms, 0] });
      new DataView(bytes.buffer).setUint16(40 + 16, 0x1234);
      made.add(ms, bytes);
    }
    const { evidence } = explainOne(made);
    expect([evidence.synCount, evidence.synDuplicates]).toEqual([3, 0]);
  });

  test('headers cut off by the snap length: nothing is said of options that may have been there', () => {
    const cut = (bytes: number): Attempt => {
      const made = new Film();
      for (const { ms, bytes: whole } of stamped.packets)
        made.add(ms, whole.subarray(0, bytes), whole.length);
      return explainOne(made);
    };
    for (const bytes of [40, 46, 54]) {
      const a = cut(bytes);
      expect(a).toMatchObject({ verdict: 'completed', notes: [], inForce: null, system: null });
      expect(a.handshake.syn!.options).toMatchObject({ cut: true, malformed: false });
    }
    expect(cut(60)).toMatchObject({ inForce: { clientMss: 1460, timestamps: true }, system: 'Linux' });
  });

  test('a SYN+ACK that is not in the capture makes no challenge of what follows', () => {
    const a = explainOne(
      film((t) => {
        t.c(0, 'S');
        t.c(20, 'A', { ack: 5_000_001 });
        t.c(21, 'PA', { data: 100, ack: 5_000_001 });
        t.s(40, 'A', { seq: 5_000_001 });
      }),
    );
    expect(a).toMatchObject({ verdict: 'completed', notes: ['synack-missing'] });
  });

  test('a port is reused, too, if its connection began before the capture', () => {
    const again = (t: Talk): void => {
      const seq = 900_000_000;
      t.c(5000, 'S', { seq });
      t.s(5010, 'SA', { seq: 77, ack: seq + 1 });
      t.c(5011, 'A', { seq: seq + 1, ack: 78 });
    };
    const lived = explainAll(
      film((t) => {
        t.c(0, 'PA', { seq: 5000, ack: 9000, data: 10 });
        t.s(1, 'A', { seq: 9000, ack: 5010 });
        again(t);
      }),
    ).attempts[1]!;
    expect(lived).toMatchObject({ verdict: 'port-reused', certainty: 'likely' });
    const stray = explainAll(film((t) => t.c(0, 'FA', { seq: 5000, ack: 9000 }) && again(t))).attempts[1]!;
    expect(stray.verdict).toBe('completed');
  });
});

test.each([
  ['SEC', 'SAE', true],
  ['SEC', 'SA', false],
  ['SEC', 'SAEC', false],
  ['nSEC', 'SAC', true],
  ['nSEC', 'SAEC', true],
  ['nSEC', 'nSA', true],
  ['nSEC', 'nSAC', true],
  ['nSEC', 'nSAE', false],
  ['nSEC', 'nSAEC', false],
  ['nSEC', 'SAE', true],
  ['S', 'SAE', false],
])('ECN, accurate (n) or not: %s and %s', (offer, answer, agreed) => {
  const made = new Film();
  const t = new Talk(made);
  const add = (side: 0 | 1, flags: string): void => {
    const bytes = t.packet(side, flags.replace('n', ''));
    if (flags.startsWith('n')) bytes[32]! |= 1;
    made.add(made.packets.length, bytes);
  };
  add(0, offer);
  add(1, answer);
  t.c(2, 'A');
  expect(explainOne(made).inForce!.ecn).toBe(agreed);
});

describe('probes of scanners', () => {
  test('an ACK or FIN that is answered with RST need not be of a connection', () => {
    const ack = explainOne(film((t) => t.c(0, 'A', { seq: 5, ack: 7 }) && t.s(1, 'R', { seq: 7 })));
    expect(ack).toMatchObject({ verdict: 'mid-stream', certainty: 'likely', notes: [] });
    expect(ack.sentence).toMatch(/^192\.0\.2\.2:80 knows of no connection with 192\.0\.2\.1:40000/);
    const xmas = explainOne(film((t) => t.c(0, 'FPU', { seq: 5 }) && t.s(1, 'RA', { seq: 0, ack: 6 })));
    expect(xmas).toMatchObject({ verdict: 'mid-stream', certainty: 'likely', notes: ['odd-flags'] });
    expect(xmas.sentence).toContain('knows of no connection');
    const lived = explainOne(
      film((t) => t.c(0, 'PA', { seq: 5, ack: 7, data: 9 }) && t.s(1, 'R', { seq: 99 })),
    );
    expect(lived).toMatchObject({ verdict: 'mid-stream', certainty: 'certain' });
  });

  /** Open ports that are asked with a SYN and told off with RST. */
  const asked = (ports: number, options: readonly TcpOption[]): Attempt[] =>
    attemptsOf((f) => {
      for (let n = 0; n < ports; n++) {
        const t = new Talk(f, { serverPort: 1 + n, clientIsn: 7 });
        t.c(50 * n, 'S', { options });
        t.s(50 * n + 1, 'SA');
        t.c(50 * n + 1.1, 'R', { seq: 8 });
      }
    });

  test('many open ports are a scan too; health checks by a system are none', () => {
    const bare: TcpOption[] = [{ kind: 'mss', value: 1460 }];
    expect(new Set(asked(20, bare).map((a) => `${a.verdict} ${a.outcome}`))).toEqual(new Set(['scan reset']));
    expect(asked(19, bare)[0]!.verdict).toBe('reset-by-client');
    const [check] = asked(20, linuxOptions(null));
    expect(check).toMatchObject({ verdict: 'reset-by-client', outcome: 'reset' });
    expect(check!.sentence).toContain('only wanted to know whether the port is open');
  });

  test('a flood from one address is one, though its host resets what is answered', () => {
    const flood = (options: readonly TcpOption[]): Set<string> =>
      new Set(
        attemptsOf((f) => {
          for (let n = 0; n < 100; n++) {
            const t = new Talk(f, { clientPort: 1000 + n });
            t.c(50 * n, 'S', { options });
            t.s(50 * n + 1, 'SA');
            t.c(50 * n + 1.1, 'R', { seq: 1001 });
          }
        }).map((a) => `${a.verdict} ${a.outcome}`),
      );
    expect(flood([])).toEqual(new Set(['flood reset']));
    expect(flood(linuxOptions(null))).toEqual(new Set(['reset-by-client reset']));
  });
});

describe('one host, several interfaces', () => {
  const eth = (ip: Uint8Array): Uint8Array => ethernet(ip);
  const overlay = (ip: Uint8Array): Uint8Array => ethernet(vxlan(1, ethernet(ip)));

  test('inside and outside of a tunnel are told apart, and of both is said that there is another', () => {
    const made = new Film(LINKTYPE_ETHERNET);
    const story = film((t) => t.shake());
    for (const { ms, bytes } of story.packets) {
      made.add(ms, eth(bytes));
      made.add(ms + 0.01, overlay(bytes));
    }
    const { attempts } = explainAll(made);
    expect(attempts.map((a) => [a.verdict, a.encapsulation, a.notes])).toEqual([
      ['completed', '', ['another-encapsulation']],
      ['completed', 'vxlan 1', ['another-encapsulation']],
    ]);
  });

  test('two networks with the same addresses are not one attempt', () => {
    const made = new Film(LINKTYPE_ETHERNET);
    new Talk(made, { wrap: eth, clientIsn: 1 }).shake();
    new Talk(made, { wrap: overlay, clientIsn: 2 }).shake(0.01);
    expect(explainAll(made).attempts.map((a) => a.notes)).toEqual([[], []]);
  });

  test('what one side alone sends is told from whom', () => {
    const server = explainOne(film((t) => t.s(0, 'SA') && t.s(1000, 'SA')));
    expect(server.sentence).toBe(
      'Only packets from 192.0.2.2:80 are in this capture; it acknowledges a SYN of 192.0.2.1:40000.',
    );
  });
});
