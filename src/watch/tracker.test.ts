import { describe, expect, test } from 'vitest';
import type { Attempt, Who } from './attempt.ts';
import { type Seen, Tracker } from './tracker.ts';

const who: Who = { pid: 7, name: 'curl', unit: null, container: null, pod: null, namespace: 1 };
const from = '10.0.0.1:40000';
const to = '10.0.0.2:80';

/** Plays events and gives what is told, with the clock at 10 s after the last one. */
function told(seen: readonly Seen[], overflowed = false): Attempt[] {
  const ended: Attempt[] = [];
  const tracker = new Tracker({ who: () => who, overflowed: () => overflowed, wall: (time) => time }, (one) =>
    ended.push(one),
  );
  for (const one of seen) tracker.see(one);
  tracker.settle((seen.at(-1)?.time ?? 0) + 1e7);
  tracker.end(1e9);
  return ended;
}

const step = (
  time: number,
  old: number,
  now: number,
  more: Partial<Seen & { kind: 'state' }> = {},
): Seen => ({
  ...{ kind: 'state', time, cpu: 0, thread: 7, socket: 1, old, now, from, to },
  ...more,
});
const begin = (more: Partial<Seen & { kind: 'state' }> = {}): Seen =>
  step(0, 7, 2, { from: '10.0.0.1:0', ...more });
const failed = (time: number, errno: number, more: Partial<Seen & { kind: 'state' }> = {}): Seen[] => [
  { kind: 'error', time, from, to, errno },
  step(time, 2, 7, { thread: 0, ...more }),
];
const resent = (time: number, socket = 1, cpu = 0): Seen => ({ kind: 'resent', time, cpu, socket });
const drop = (time: number, word = 'NETFILTER_DROP', cpu = 0): Seen => ({ kind: 'drop', time, cpu, word });
const short = ({ outcome, reason, certainty, kernel }: Attempt): string =>
  [outcome, reason, certainty, kernel].filter((word) => word !== null).join(' ');

describe('an attempt', () => {
  test('that connects is told with its time and its port', () => {
    expect(told([begin(), step(150, 2, 1)])).toEqual([
      {
        ...{ at: 0, duration: 150, who, from, to, syns: 1, errno: 0 },
        ...{ outcome: 'connected', reason: 'none', certainty: 'certain', kernel: null },
      },
    ]);
  });

  test('that meets itself is told at once', () => {
    const self = { from: to, to };
    expect(told([begin({ to }), step(5, 2, 3, self), step(9, 3, 1, self)]).map(short)).toEqual([
      'itself none certain',
    ]);
  });

  test('for which no port is left is told as one that was never sent', () => {
    const [one] = told([begin(), step(9, 2, 7, { from: '10.0.0.1:0' })]);
    expect(one).toMatchObject({ outcome: 'unsent', reason: 'no-port', syns: 0, errno: 99 });
  });

  test('that is refused by another host is told so', () => {
    const seen = [begin(), { kind: 'got-reset', time: 90, socket: 1, from, to } as const, ...failed(91, 111)];
    expect(told(seen).map(short)).toEqual(['refused peer certain']);
  });

  test('that is refused because nobody listens on this machine says so', () => {
    const answer = { kind: 'sent-reset', time: 80, from: to, to: from, word: 'NO_SOCKET' } as const;
    const seen = [
      begin(),
      answer,
      { kind: 'got-reset', time: 90, socket: 1, from, to } as const,
      ...failed(91, 111),
    ];
    expect(told(seen).map(short)).toEqual(['refused no-socket certain NO_SOCKET']);
  });

  test('that times out says which drop took its SYNs, certainly if it was the same one each time', () => {
    const seen = [begin(), drop(20), resent(1e6), drop(1e6 + 20), ...failed(3e6, 110)];
    expect(told(seen).map(short)).toEqual(['timed-out firewall certain NETFILTER_DROP']);
    expect(told([begin(), drop(20), ...failed(3e6, 110)]).map(short)).toEqual([
      'timed-out firewall likely NETFILTER_DROP',
    ]);
  });

  test('takes no drop of another CPU, of later, or of the next SYN for its own', () => {
    const wrong = [drop(20, 'NETFILTER_DROP', 1), drop(400)];
    expect(told([begin(), ...wrong, ...failed(3e6, 110)]).map(short)).toEqual(['timed-out no-answer likely']);
    const next = begin({ time: 50, socket: 2, to: '10.0.0.3:80' });
    const told1 = told([begin(), next, drop(60), ...failed(3e6, 110)]).find((one) => one.to === to)!;
    expect(short(told1)).toBe('timed-out no-answer likely');
  });

  test('shares a drop with those whose SYNs were under way with its own, unless its first SYN speaks against it', () => {
    const other = begin({ time: 10_000, socket: 2, to: '10.0.0.3:80' });
    // The first of each is alone: only the other's is dropped. Then a batch of a timer, of which one is dropped.
    const seen = [begin(), other, drop(10_020), resent(1e6, 1), resent(1e6 + 2, 2), drop(1e6 + 30)];
    const end = [...failed(3e6, 110), ...failed(3e6 + 1, 110).slice(1)];
    expect(short(told([...seen, ...end]).find((one) => one.to === to)!)).toBe('timed-out no-answer likely');
  });

  test('that nobody answers is told as a full queue where one overflowed, never for certain', () => {
    expect(told([begin(), ...failed(3e6, 110)], true).map(short)).toEqual(['timed-out queue-full likely']);
  });

  test('that the program ends is given up', () => {
    expect(told([begin(), step(2e5, 2, 7)]).map(short)).toEqual(['given-up program certain']);
    expect(told([begin(), resent(1e6), step(2e6, 2, 7)]).map(short)).toEqual(['given-up no-answer likely']);
  });

  test('that an ICMP error ends is unreachable', () => {
    expect(told([begin(), ...failed(100, 113)]).map(short)).toEqual(['unreachable icmp likely']);
    expect(told([begin(), ...failed(100, 111)]).map(short)).toEqual(['unreachable icmp certain']);
  });

  test('whose checksum was wrong on arrival says so', () => {
    const seen = [begin(), { kind: 'bad-checksum', time: 30, from, to } as const, ...failed(40_000, 110)];
    expect(told(seen).map(short)).toEqual(['timed-out checksum certain TCP_CSUM']);
  });

  test('that is reset soon after connecting is told, and not one that lives on', () => {
    const reset = (time: number, port = from): Seen => ({
      kind: 'got-reset',
      time,
      socket: 1,
      from: port,
      to,
    });
    // The socket's memory may belong to another one by then.
    const other = reset(900, '10.0.0.1:40002');
    expect(told([begin(), step(100, 2, 1), other]).map(short)).toEqual(['connected none certain']);
    expect(told([begin(), step(100, 2, 1), reset(900)]).map(short)).toEqual(['reset peer certain']);
    expect(told([begin(), step(100, 2, 1), reset(3e6)]).map(short)).toEqual(['connected none certain']);
  });

  test("that ended before another began in its socket's memory is told all the same", () => {
    const next = begin({ time: 500, to: '10.0.0.3:80' });
    expect(told([begin(), step(100, 2, 1), next]).map(short)).toEqual([
      'connected none certain',
      'pending none certain',
    ]);
  });

  test('that has not ended is pending', () => {
    expect(told([begin()]).map(short)).toEqual(['pending none certain']);
  });
});

describe('a SYN that arrived in a network of this machine and was dropped there', () => {
  const lost = { word: 'NETFILTER_DROP', time: 0, wall: 5, namespace: 9 };
  const toldOf = (
    begin: readonly Seen[],
    loss: Parameters<Tracker['lost']>[0],
    end: readonly Seen[],
  ): Attempt[] => {
    const ended: Attempt[] = [];
    const around = { who: () => who, overflowed: () => false, wall: (time: number) => time };
    const tracker = new Tracker(around, (one) => ended.push(one));
    for (const one of begin) tracker.see(one);
    tracker.lost(loss);
    for (const one of end) tracker.see(one);
    tracker.settle(1e9);
    return ended;
  };

  test('explains the attempt that it was of, and so does its answer', () => {
    const expected = { who, outcome: 'timed-out', reason: 'firewall', certainty: 'likely', namespace: 9 };
    for (const ends of [
      { from, to, answer: false },
      { from: to, to: from, answer: true },
    ]) {
      expect(toldOf([begin()], { ...ends, ...lost }, failed(3e6, 110))).toMatchObject([expected]);
    }
  });

  test('is told as a stranger where its program is not on this machine', () => {
    expect(toldOf([], { from, to, answer: false, ...lost }, [])).toMatchObject([
      {
        who: null,
        from,
        to,
        outcome: 'dropped',
        reason: 'firewall',
        certainty: 'likely',
        namespace: 9,
        at: 5,
      },
    ]);
    expect(toldOf([], { from: to, to: from, answer: true, ...lost }, [])).toEqual([]);
  });
});

describe('a SYN from elsewhere', () => {
  test('that is refused or damaged here is told without a process', () => {
    const reset = { kind: 'sent-reset', time: 5, from: to, to: from, word: 'NO_SOCKET' } as const;
    const damaged = { kind: 'bad-checksum', time: 6, from: '10.0.0.9:1', to } as const;
    const late = {
      kind: 'sent-reset',
      time: 5,
      from: '10.0.0.2:50000',
      to: '10.0.0.1:80',
      word: 'NO_SOCKET',
    } as const;
    expect(told([reset, damaged, late])).toMatchObject([
      { who: null, from: '10.0.0.9:1', to, outcome: 'dropped', reason: 'checksum' },
      { who: null, from, to, outcome: 'turned-away', reason: 'no-socket' },
    ]);
  });
});
