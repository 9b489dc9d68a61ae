// What `npm run fuzz` feeds: for each target how to run some bytes, which errors are its own, which files are its code, and what to begin with.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const dist = (path) => import(join(root, 'build', path));
const sample = () => readFileSync(join(root, 'docs', 'examples', 'attempts.pcapng'));

/** The packets of a capture of ours. */
async function packetsOf() {
  const { CaptureReader } = await dist('wire/index.js');
  const packets = [];
  const reader = new CaptureReader(({ data, start, end }) =>
    packets.push(Buffer.from(data.subarray(start, end))),
  );
  reader.push(sample());
  return packets;
}

export const targets = {
  /** Captures: the reader of both formats, and what unwraps packets. */
  async capture() {
    const { Explainer } = await dist('explain/index.js');
    const { CaptureError, pcapHeader, pcapPacket } = await dist('wire/index.js');
    const packets = await packetsOf();
    const classic = Buffer.concat([
      pcapHeader(1),
      ...packets.slice(0, 8).map((data, n) => pcapPacket(BigInt(n) * 1000000n, data)),
    ]);
    return {
      run: (bytes) => {
        const explainer = new Explainer(() => {}, { relaxed: 64, attempts: 1024 });
        explainer.push(bytes);
        explainer.end();
      },
      expects: (error) => error instanceof CaptureError,
      files:
        /build\/(wire\/(pcap-reader|pcapng-blocks)|explain\/decode\/(decapsulate|layers|tunnels|fragments|options))\.js$/,
      seeds: [sample().subarray(0, 2048), classic],
      words: [],
    };
  },
  /** Scripts: lexer and parser. */
  async script() {
    const { parseScript } = await dist('drill/parser.js');
    const { DrillError } = await dist('drill/failure.js');
    const folder = join(root, 'scripts');
    const seeds = readdirSync(folder)
      .filter((name) => name.endsWith('.pkt'))
      .map((name) => readFileSync(join(folder, name)));
    return {
      run: (bytes) => parseScript(bytes.toString('latin1'), new Map()),
      expects: (error) => error instanceof DrillError,
      files: /build\/drill\/(lexer|parser|parse-\w+)\.js$/,
      seeds,
      words: [
        '+0 ',
        '< S ',
        '> S. ',
        '0:0(0) ',
        'win 1000 ',
        '<mss 1000,nop,wscale 7>',
        'socket(...',
        ') = 3',
        '`',
        '%{',
        '}%',
        '*',
        '0.1~0.2',
        '...',
        '--mss=1000',
        'icmp unreachable ',
        '[1:2(1)] ',
        'ack 1 ',
        'TS val 1 ecr 0',
        'sack 1:2',
        '"',
        '\\x',
        '{',
        '[',
        '/*',
        '#',
      ],
    };
  },
  /** Segments: what comes in from the network to a host with a listener and a connection. */
  async segment() {
    const { Host } = await dist('host/host.js');
    const { OpenFlag } = await dist('host/index.js');
    const { parseAddress, encodeIp, encodeTcp, ipPacket, Flag } = await dist('wire/index.js');
    const [here, there] = [parseAddress('192.0.2.2'), parseAddress('192.0.2.1')];
    const packet = (fields) => {
      const segment = {
        sourcePort: 4000,
        destinationPort: 80,
        seq: 0,
        ack: 0,
        flags: 0,
        window: 1000,
        urgent: 0,
        options: [],
        payload: new Uint8Array(0),
        ...fields,
      };
      return encodeIp(
        ipPacket({ source: there, destination: here, protocol: 6, payload: encodeTcp(segment, there, here) }),
      );
    };
    const framed = (packets) =>
      Buffer.concat(packets.flatMap((it) => [Buffer.of(it.length >> 8, it.length & 255), it]));
    const handshake = [
      packet({ flags: Flag.syn, seq: 999 }),
      packet({ flags: Flag.ack, seq: 1000, ack: 5001 }),
    ];
    const options = [
      { kind: 'mss', value: 1460 },
      { kind: 'sackPermitted' },
      { kind: 'timestamps', value: 1, echo: 0 },
      { kind: 'windowScale', shift: 7 },
    ];
    const trying = (make) => {
      try {
        return [make()];
      } catch {
        return [];
      }
    };
    return {
      run: (bytes) => {
        let words = 1;
        const clock = { now: 0 };
        const host = new Host({
          clock,
          random: () => (words = Math.imul(words, 48271) >>> 0),
          interfaces: [{ addresses: ['192.0.2.2/24'] }],
          isn: { kind: 'constant', value: 5000 },
          verifyChecksums: false,
          profile: { tsOffsetUsesPorts: true },
        });
        const listener = host.socket(4, OpenFlag.nonBlock);
        listener.bind(parseAddress('0.0.0.0'), 80);
        listener.listen(5);
        const buffer = new Uint8Array(4096);
        for (let at = 0; at + 2 <= bytes.length; ) {
          const length = bytes.readUInt16BE(at);
          const part = Uint8Array.from(bytes.subarray(at + 2, at + 2 + length));
          at += 2 + length;
          host.input(clock.now, part, new DataView(part.buffer), 0, part.length);
          const socket = listener.accept(OpenFlag.nonBlock);
          if (typeof socket === 'object' && 'receive' in socket) {
            socket.receive(buffer, 0x40);
            socket.send(buffer.subarray(0, 3000), 0x40);
          }
          while (host.out.shift());
          clock.now += 50_000;
          host.handleTimers(clock.now);
          while (host.out.shift());
        }
      },
      expects: () => false,
      files:
        /build\/(wire\/segment|tcp\/(receive|states|handshake|recovery|send)\/[\w-]+|tcp\/(input|icmp))\.js$/,
      seeds: [
        framed(handshake),
        framed([
          ...handshake,
          packet({ flags: Flag.ack | Flag.psh, seq: 1000, ack: 5001, payload: new Uint8Array(100) }),
          packet({ flags: Flag.fin | Flag.ack, seq: 1100, ack: 5001 }),
        ]),
        framed([...handshake, packet({ flags: Flag.rst, seq: 1000 })]),
        ...trying(() => framed([packet({ flags: Flag.syn, seq: 999, options }), handshake[1]])),
      ],
      words: [],
    };
  },
};
