import { describe, expect, test } from 'vitest';
import { Arrivals, Drops } from './arrivals.ts';

const syn = 2;
const synAck = 18;
const rstAck = 20;

interface Made {
  readonly outgoing?: boolean;
  readonly forUs?: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly seq?: number;
  readonly ack?: number;
}

const bytesOf = (
  flags: number,
  { from = '10.0.0.5', to = '10.0.0.1', seq = 7, ack = 0 }: Made,
): Uint8Array => {
  const view = new DataView(new ArrayBuffer(40));
  view.setUint8(0, 0x45);
  view.setUint8(9, 6);
  for (const [at, address] of [
    [12, from],
    [16, to],
  ] as const) {
    for (const [i, part] of address.split('.').entries()) view.setUint8(at + i, Number(part));
  }
  view.setUint16(20, 40_000);
  view.setUint16(22, 80);
  view.setUint32(24, seq);
  view.setUint32(28, ack);
  view.setUint8(33, flags);
  return new Uint8Array(view.buffer);
};

/** What is lost of some packets, a millisecond apart, when a second has passed. */
function lost(
  packets: readonly (readonly [flags: number, made: Made])[],
  drops: readonly (readonly [number, string])[] = [],
) {
  const known = new Drops();
  const arrivals = new Arrivals(known);
  for (const [index, [flags, made]] of packets.entries()) {
    const { outgoing = false, forUs = !outgoing } = made;
    arrivals.see({ time: 1000 * index, family: 4, outgoing, forUs, device: 2, bytes: bytesOf(flags, made) });
  }
  for (const [at, word] of drops) known.add(at, word);
  return arrivals.settle(1e6);
}

describe('a SYN that arrives', () => {
  test('and is answered, refused or passed on is not lost', () => {
    const back = { outgoing: true, from: '10.0.0.1', to: '10.0.0.5', ack: 8 };
    expect(
      lost([
        [syn, {}],
        [synAck, back],
      ]),
    ).toEqual([]);
    expect(
      lost([
        [syn, {}],
        [rstAck, back],
      ]),
    ).toMatchObject([{ refused: 'rst' }]);
    // Address translation changes everything but the sequence number.
    expect(
      lost([
        [syn, {}],
        [syn, { outgoing: true, from: '192.0.2.1', to: '10.9.9.9' }],
      ]),
    ).toEqual([]);
  });

  test('again and again, with nothing in return, is lost once with how often it came', () => {
    expect(
      lost([
        [syn, {}],
        [syn, {}],
      ]),
    ).toMatchObject([
      {
        from: '10.0.0.5',
        fromPort: 40_000,
        to: '10.0.0.1',
        toPort: 80,
        times: 2,
        answer: false,
        refused: null,
      },
    ]);
  });

  test('for another link address, or a moment ago, is none of ours', () => {
    expect(lost([[syn, { forUs: false }]])).toEqual([]);
    const arrivals = new Arrivals(new Drops());
    arrivals.see({ time: 0, family: 4, outgoing: false, forUs: true, device: 2, bytes: bytesOf(syn, {}) });
    expect(arrivals.settle(100_000)).toEqual([]);
    expect(arrivals.settle(200_000)).toHaveLength(1);
    expect(arrivals.settle(300_000)).toEqual([]);
  });

  test('has the drop that follows it at once, and no other', () => {
    expect(
      lost(
        [[syn, {}]],
        [
          [40, 'NETFILTER_DROP'],
          [1900, 'TCP_CSUM'],
        ],
      ),
    ).toMatchObject([{ word: 'NETFILTER_DROP' }]);
    expect(lost([[syn, {}]], [[5000, 'NETFILTER_DROP']])).toMatchObject([{ word: null }]);
    // Each drop is one packet's.
    const two = lost(
      [
        [syn, { seq: 1 }],
        [syn, { seq: 2 }],
      ],
      [[10, 'IP_RPFILTER']],
    );
    expect(two.map(({ word }) => word)).toEqual(['IP_RPFILTER', null]);
  });
});

test('an answer that arrives and is not passed on is lost', () => {
  const answer = { from: '10.0.0.1', to: '10.0.0.5', ack: 8 };
  expect(lost([[synAck, answer]])).toMatchObject([{ answer: true, from: '10.0.0.1' }]);
  expect(
    lost([
      [synAck, answer],
      [synAck, { ...answer, outgoing: true }],
    ]),
  ).toEqual([]);
});

test('bytes that are no packet are passed over', () => {
  const arrivals = new Arrivals(new Drops());
  for (let length = 0; length < 34; length++) {
    for (const family of [4, 6] as const) {
      const bytes = bytesOf(syn, {}).slice(0, length);
      arrivals.see({ time: 0, family, outgoing: false, forUs: true, device: 1, bytes });
      if (length > 9) bytes[9] = 1;
      arrivals.see({ time: 0, family, outgoing: true, forUs: false, device: 1, bytes });
    }
  }
  expect(arrivals.settle(1e6)).toEqual([]);
});
