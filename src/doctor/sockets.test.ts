import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { endpointText, isLoopback, SocketParser, state } from './sockets.ts';
import { socketLine } from './testing.ts';

const parse = (text: string, littleEndian = true): SocketParser => {
  const parser = new SocketParser(littleEndian);
  const bytes = new TextEncoder().encode(text);
  expect(parser.push(bytes, bytes.length)).toBe(bytes.lastIndexOf(10) + 1);
  return parser;
};
const ends = ({ sockets }: SocketParser): string[] =>
  Array.from({ length: sockets.length }, (_, row) => {
    const local = endpointText(sockets.localAddress, sockets.localPort, row);
    return `${local} ${endpointText(sockets.remoteAddress, sockets.remotePort, row)}`;
  });

// Lines that a 6.18 kernel wrote.
const header =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n';
const listener =
  '   0: 0100007F:0050 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 25298 3 0000000016b7b99f 100 0 0 10 0                     \n';
const synSent =
  '   4: 0100007F:B7A2 0100007F:0050 02 00000001:00000000 01:0000004F 00000003     0        0 25301 2 00000000e3bccbbe 100 0 0 10 -1                    \n';
const timeWait =
  '   0: 0100007F:C350 0100007F:C350 06 00000000:00000000 03:0000176E 00000000     0        0 0 3 0000000003c73b83                                      \n';
const sixth =
  '   1: 00000000000000000000000001000000:C352 B80D0120000000000000000001000000:01BB 01 00000000:00000000 00:00000000 00000000   998        0 77 1 0000000000000000 20 4 30 10 -1\n';

describe('the parser of /proc/net/tcp', () => {
  test("reads a kernel's lines of a listener, a SYN-SENT and a TIME-WAIT socket", () => {
    const parser = parse(header + listener + synSent + timeWait);
    expect(ends(parser)).toEqual([
      '127.0.0.1:80 0.0.0.0:0',
      '127.0.0.1:47010 127.0.0.1:80',
      '127.0.0.1:50000 127.0.0.1:50000',
    ]);
    const { sockets } = parser;
    expect([...sockets.state.subarray(0, 3)]).toEqual([state.listen, state.synSent, state.timeWait]);
    expect([...sockets.receiveQueue.subarray(0, 3)]).toEqual([2, 0, 0]);
    expect([...sockets.sendQueue.subarray(0, 3)]).toEqual([0, 1, 0]);
    expect([...sockets.timer.subarray(0, 3)]).toEqual([0, 1, 3]);
    expect([...sockets.retransmits.subarray(0, 3)]).toEqual([0, 3, 0]);
    expect([...sockets.inode.subarray(0, 3)]).toEqual([25298, 25301, 0]);
    expect(parser.unknownLines).toBe(0);
  });

  test('reads IPv6, writes it in the shortest form, and takes IPv4 inside IPv6 for IPv4', () => {
    const mapped = socketLine({ local: '[0000000000000000FFFF00000100007F]:80', state: '0A' });
    const parser = parse(`${header}${sixth}${mapped}\n`);
    expect(ends(parser)).toEqual(['[::1]:50002 [2001:db8::1]:443', '127.0.0.1:80 0.0.0.0:0']);
    expect([0, 1].map((row) => isLoopback(parser.sockets.localAddress, row))).toEqual([true, true]);
    expect(isLoopback(parser.sockets.remoteAddress, 0)).toBe(false);
  });

  test('writes addresses as RFC 5952 says: the first longest run of zeros, never a single group', () => {
    const text = (words: string): string =>
      ends(parse(`${socketLine({ local: `[${words}]:1`, state: '0A' })}\n`, false))[0]!.split(' ')[0]!;
    expect(text('20010DB8000000010000000000000001')).toBe('[2001:db8:0:1::1]:1');
    expect(text('20010DB8000000000001000000000001')).toBe('[2001:db8::1:0:0:1]:1');
    expect(text('20010DB8000000010001000100010001')).toBe('[2001:db8:0:1:1:1:1:1]:1');
    expect(text('FE800000000000000000000000000000')).toBe('[fe80::]:1');
    expect(text('00000000000000000000000000000000')).toBe('[::]:1');
  });

  test('reads the words of a big-endian kernel', () => {
    expect(ends(parse(listener.replaceAll('0100007F', '7F000001'), false))).toEqual([
      '127.0.0.1:80 0.0.0.0:0',
    ]);
  });

  test('counts and passes over lines that it does not know, and reads those around them', () => {
    const tooLarge = [listener.replace(' 0A ', ' 10A '), listener.replace(':0050', ':10050')];
    const strange = [
      ...tooLarge.map((line) => line.trimEnd()),
      'what is this',
      '   0: 0100007F',
      `${listener.slice(0, 40)}\n`,
      '7: zz:1 2',
      '\0\0\0',
    ];
    for (const line of strange) {
      const parser = parse(`${header}${listener}${line}\n${timeWait}`);
      expect(ends(parser)).toHaveLength(2);
      expect(parser.unknownLines).toBe(1);
    }
  });

  test('does not borrow the beginning of a line from the next one', () => {
    // Were the line's end a space, the fields would come from the following line.
    const parser = parse(`   0: 0100007F:0050\n${listener}`);
    expect(ends(parser)).toEqual(['127.0.0.1:80 0.0.0.0:0']);
    expect(parser.unknownLines).toBe(1);
  });

  test('never fails and never invents a socket, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        const parser = new SocketParser(true);
        const bytes = new Uint8Array([...noise, 10, ...new TextEncoder().encode(listener)]);
        expect(parser.push(bytes, bytes.length)).toBe(bytes.length);
        const lines = noise.filter((byte) => byte === 10).length + 1;
        expect(parser.sockets.length).toBe(1);
        expect(parser.unknownLines).toBeLessThanOrEqual(lines);
      }),
    );
  });

  test('never fails on a line of a kernel with bytes changed', () => {
    const original = new TextEncoder().encode(synSent);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(original.length - 2), fc.nat(255)), { maxLength: 5 }),
        (changes) => {
          const bytes = original.slice();
          for (const [at, byte] of changes) bytes[at] = byte;
          const parser = new SocketParser(true);
          expect(parser.push(bytes, bytes.length)).toBe(bytes.length);
        },
      ),
    );
  });

  test('gives the same sockets however the bytes are cut', () => {
    const bytes = new TextEncoder().encode(header + listener + sixth + timeWait);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const parser = new SocketParser(true);
      const used = parser.push(bytes, cut);
      const rest = bytes.slice(used);
      parser.push(rest, rest.length);
      expect(ends(parser)).toHaveLength(3);
      expect(parser.unknownLines).toBe(0);
    }
  });

  test('keeps every socket while its columns grow', () => {
    const lines = Array.from({ length: 5000 }, (_, port) =>
      socketLine({ local: `10.0.0.1:${port}`, state: '0A' }),
    );
    const { sockets } = parse(`${lines.join('\n')}\n`);
    expect(sockets.length).toBe(5000);
    expect([0, 1023, 1024, 4999].map((row) => sockets.localPort[row])).toEqual([0, 1023, 1024, 4999]);
  });
});
