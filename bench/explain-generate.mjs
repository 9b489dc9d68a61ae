// Writes the two captures that `halfopen explain` is measured with, the same bytes every time.
//
//   node bench/explain-generate.mjs connections FILE [CONNECTIONS]   many short connections (1.6 million: 1.1 GB)
//   node bench/explain-generate.mjs data FILE [CONNECTIONS]          few long ones (60,000: 1.2 GB)
//
// Classic pcap, µs, Ethernet, IPv4. `connections`: 20,000 in progress at a time; of 100 attempts 84 complete and close
// with FINs, 5 complete and are reset, 5 are refused, 4 get no answer to three SYNs, 2 are answered and never confirmed.
// `data`: all complete, carry segments of 1,448 bytes with an ACK for every second one, and close.
import { closeSync, openSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const SYN = 2;
const ACK = 16;
const PSH = 8;
const FIN = 1;
const RST = 4;

/** A small seeded generator (xorshift32): the captures must not change from run to run. */
function generator(seed) {
  let state = seed | 0;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const synOptions = Buffer.from('020405b40402080a00000000000000000103030a', 'hex');
const timestamps = Buffer.from('0101080a0000000000000000', 'hex');

class Writer {
  constructor(path) {
    this.file = openSync(path, 'w');
    this.buffer = Buffer.alloc(8 << 20);
    this.used = 0;
    this.bytes = 0;
    this.packets = 0;
    this.timeUs = 0;
    const header = Buffer.alloc(24);
    header.writeUInt32LE(0xa1b2c3d4, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(262144, 16);
    header.writeUInt32LE(1, 20);
    header.copy(this.buffer, 0);
    this.used = 24;
  }

  packet(source, sport, destination, dport, seq, ack, flags, payload) {
    if (this.used + 16 + 14 + 60 + 40 + payload > this.buffer.length) this.flush();
    const options = flags & SYN ? synOptions : flags & RST ? null : timestamps;
    const tcpLength = 20 + (options === null ? 0 : options.length) + payload;
    const { buffer } = this;
    let at = this.used;
    buffer.writeUInt32LE(1_700_000_000 + Math.floor(this.timeUs / 1e6), at);
    buffer.writeUInt32LE(this.timeUs % 1e6, at + 4);
    buffer.writeUInt32LE(34 + tcpLength, at + 8);
    buffer.writeUInt32LE(34 + tcpLength, at + 12);
    at += 16;
    buffer.write('020000000001020000000002', at, 'hex');
    buffer.writeUInt16BE(0x0800, at + 12);
    at += 14;
    buffer.writeUInt16BE(0x4500, at);
    buffer.writeUInt16BE(20 + tcpLength, at + 2);
    buffer.writeUInt16BE(this.packets & 0xffff, at + 4);
    buffer.writeUInt16BE(0x4000, at + 6);
    buffer.writeUInt16BE(0x4006, at + 8);
    buffer.writeUInt16BE(0, at + 10);
    buffer.writeUInt32BE(source, at + 12);
    buffer.writeUInt32BE(destination, at + 16);
    buffer.writeUInt16BE(sum(buffer, at, 20, 0), at + 10);
    at += 20;
    buffer.writeUInt16BE(sport, at);
    buffer.writeUInt16BE(dport, at + 2);
    buffer.writeUInt32BE(seq >>> 0, at + 4);
    buffer.writeUInt32BE(ack >>> 0, at + 8);
    buffer[at + 12] = (tcpLength - payload) << 2;
    buffer[at + 13] = flags;
    buffer.writeUInt16BE(flags & SYN ? 64240 : 502, at + 14);
    buffer.writeUInt32BE(0, at + 16);
    if (options !== null) {
      options.copy(buffer, at + 20);
      const value = at + (flags & SYN ? 28 : 24);
      const clock = Math.floor(this.timeUs / 1000);
      buffer.writeUInt32BE(clock, value);
      buffer.writeUInt32BE(flags & ACK ? clock : 0, value + 4);
    }
    buffer.fill(0, at + tcpLength - payload, at + tcpLength);
    // The payload is zeros: it adds nothing to the checksum.
    const pseudo =
      (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + 6 + tcpLength;
    buffer.writeUInt16BE(sum(buffer, at, tcpLength - payload, pseudo), at + 16);
    this.used = at + tcpLength;
    this.packets++;
  }

  flush() {
    let at = 0;
    while (at < this.used) at += writeSync(this.file, this.buffer, at, this.used - at);
    this.bytes += this.used;
    this.used = 0;
  }
}

function sum(buffer, start, length, initial) {
  let total = initial;
  for (let at = start; at < start + length; at += 2) total += (buffer[at] << 8) | buffer[at + 1];
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

/** What a connection sends, step by step: [from client, flags, payload]. */
const close = [
  [true, FIN | ACK, 0],
  [false, FIN | ACK, 0],
  [true, ACK, 0],
];
const open = [
  [true, SYN, 0],
  [false, SYN | ACK, 0],
  [true, ACK, 0],
];
const kinds = {
  closed: [...open, [true, PSH | ACK, 24], [false, PSH | ACK, 78], ...close.slice(0, 2)],
  closedSlowly: [...open, [true, PSH | ACK, 24], [false, PSH | ACK, 78], ...close],
  reset: [...open, [true, PSH | ACK, 24], [false, RST | ACK, 0]],
  refused: [
    [true, SYN, 0],
    [false, RST | ACK, 0],
  ],
  unanswered: [
    [true, SYN, 0],
    [true, SYN, 0],
    [true, SYN, 0],
  ],
  unconfirmed: [
    [true, SYN, 0],
    [false, SYN | ACK, 0],
    [false, SYN | ACK, 0],
    [false, SYN | ACK, 0],
  ],
};

function kindOf(dice) {
  if (dice < 44) return kinds.closed;
  if (dice < 84) return kinds.closedSlowly;
  if (dice < 89) return kinds.reset;
  if (dice < 94) return kinds.refused;
  return dice < 98 ? kinds.unanswered : kinds.unconfirmed;
}

function bulk(segments) {
  const steps = [...open, [true, PSH | ACK, 120]];
  for (let n = 0; n < segments; n++) {
    steps.push([false, ACK, 1448]);
    if (n % 2 === 1) steps.push([true, ACK, 0]);
  }
  return [...steps, ...close];
}

/**
 * Writes one capture.
 * @param kind 'connections' or 'data'
 * @returns how many packets and bytes it holds
 */
export function generate(kind, path, connections) {
  const random = generator(20_240_607);
  const writer = new Writer(path);
  const bulks = Array.from({ length: 20 }, (_, n) => bulk(4 + n));
  const inProgress = [];
  const limit = kind === 'data' ? 500 : 20_000;
  let begun = 0;
  while (begun < connections || inProgress.length > 0) {
    while (begun < connections && inProgress.length < limit) {
      const n = begun++;
      inProgress.push({
        client: 0x0a010000 + (n % 4000),
        cport: 1024 + (Math.floor(n / 4000) % 64_000),
        server: 0xc0a80000 + (n % 200),
        sport: n % 3 === 0 ? 443 : 80,
        seq: random(0xffffffff),
        ack: random(0xffffffff),
        steps: kind === 'data' ? bulks[random(20)] : kindOf(random(100)),
        step: 0,
      });
    }
    const at = random(inProgress.length);
    const c = inProgress[at];
    const [fromClient, flags, payload] = c.steps[c.step++];
    const consumed = payload + (flags & (SYN | FIN) ? 1 : 0);
    const again = flags & SYN && c.step > 1 && c.steps[c.step - 2][1] === flags ? 1 : 0;
    writer.timeUs += 7;
    if (fromClient) {
      writer.packet(
        c.client,
        c.cport,
        c.server,
        c.sport,
        c.seq - again,
        flags & ACK ? c.ack : 0,
        flags,
        payload,
      );
      c.seq = (c.seq + (again ? 0 : consumed)) | 0;
    } else {
      writer.packet(
        c.server,
        c.sport,
        c.client,
        c.cport,
        c.ack - again,
        flags & ACK ? c.seq : 0,
        flags,
        payload,
      );
      c.ack = (c.ack + (again ? 0 : consumed)) | 0;
    }
    if (c.step === c.steps.length) {
      inProgress[at] = inProgress[inProgress.length - 1];
      inProgress.pop();
    }
  }
  writer.flush();
  closeSync(writer.file);
  return { packets: writer.packets, bytes: writer.bytes };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [kind, path, count] = process.argv.slice(2);
  if ((kind !== 'connections' && kind !== 'data') || path === undefined) {
    console.error('usage: node bench/explain-generate.mjs connections|data FILE [CONNECTIONS]');
    process.exit(2);
  }
  const made = generate(kind, path, Number(count ?? (kind === 'data' ? 60_000 : 1_600_000)));
  console.log(`${path}: ${made.packets} packets, ${made.bytes} bytes`);
}
