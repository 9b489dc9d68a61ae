import { describe, expect, test } from 'vitest';
import { parseTraceFormat, readTracePage, type TraceEvent } from './trace-page.ts';

const format = parseTraceFormat(
  'thing',
  `name: thing
ID: 700
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:const void * skaddr;	offset:8;	size:8;	signed:0;
	field:__u8 saddr[4];	offset:16;	size:4;	signed:0;

print fmt: "%s %s", __print_symbolic(REC->a, { 1, "NO" }), __print_symbolic(REC->b, { 2, "X" }, { 3, "NETFILTER_DROP" })
`,
);

/** A page as a little-endian kernel writes it: words after its time and its length. */
function page(time: number, words: readonly number[], flags = 0): Uint8Array {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(time), true);
  view.setUint32(8, words.length * 4 + flags, true);
  for (const [index, word] of words.entries()) view.setUint32(16 + index * 4, word, true);
  return bytes;
}

const header = (type: number, delta: number): number => ((delta << 5) | type) >>> 0;
const record = (pid: number): number[] => [700, pid, 0x89abcdef, 0xffff8881, 0x0100007f];
const read = (bytes: Uint8Array): TraceEvent[] => {
  const events: TraceEvent[] = [];
  readTracePage(bytes, 3, new Map([[700, format]]), events);
  return events;
};

describe('a page of the trace buffer', () => {
  test('gives records with their time, thread and fields', () => {
    const [event] = read(page(5_000_000, [header(5, 2000), ...record(42)]));
    expect(event).toMatchObject({ name: 'thing', time: 5002, cpu: 3, thread: 42 });
    expect(event!.number('skaddr')).toBe(0x888189abcdef);
    expect([...event!.bytes('saddr')]).toEqual([127, 0, 0, 1]);
    expect(event!.has('saddr')).toBe(true);
    expect(() => event!.number('nothing')).toThrow('thing has no field nothing in this kernel');
  });

  test('adds up time extensions, absolute times and padding, and reads long records', () => {
    const words = [
      header(30, 5),
      1, // 2^27 + 5 ns
      header(0, 0),
      24,
      ...record(1),
      header(29, 10),
      8,
      0,
      header(31, 7),
      2, // absolute: 2^28 + 7 ns
      header(5, 0),
      ...record(2),
    ];
    const times = read(page(1000, words)).map(({ time, thread }) => [Math.round(time * 1000), thread]);
    expect(times).toEqual([
      [1000 + 2 ** 27 + 5, 1],
      [2 ** 28 + 7, 2],
    ]);
  });

  test('passes over events that nobody asked for, and stops at the padding that ends a page', () => {
    const other = [701, 9, 0, 0, 0];
    expect(
      read(page(0, [header(5, 1), ...other, header(5, 1), ...record(8)])).map(({ thread }) => thread),
    ).toEqual([8]);
    expect(read(page(0, [header(29, 0), 0, header(5, 1), ...record(8)]))).toEqual([]);
  });

  test('says that records were overwritten before it', () => {
    expect(readTracePage(page(0, []), 0, new Map(), [])).toBe(false);
    expect(readTracePage(page(0, [], 0x8000_0000), 0, new Map(), [])).toBe(true);
  });
});

describe('the format of an event', () => {
  test('names values by the last list, which is that of the reason', () => {
    expect(format.symbols).toEqual(
      new Map([
        [2, 'X'],
        [3, 'NETFILTER_DROP'],
      ]),
    );
  });

  test('must have an ID', () => {
    expect(() => parseTraceFormat('x', 'what')).toThrow('the format of x has no ID');
  });
});
