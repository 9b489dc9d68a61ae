// The floor that explain is measured against: a loop over a classic pcap of Ethernet and IPv4 that does nothing but count.
//
//   node bench/explain-bare.mjs packets FILE       packets only
//   node bench/explain-bare.mjs connections FILE   packets per connection, in a table keyed by the tuple
import { closeSync, openSync, readSync } from 'node:fs';

const [kind, path] = process.argv.slice(2);
const file = openSync(path, 'r');
const chunk = Buffer.allocUnsafe(4 << 20);
const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);

// Open addressing: two words of key (addresses mixed, ports mixed: the same for both directions), one counter.
const capacity = 1 << 22;
const table = new Int32Array(capacity * 3);
let connections = 0;

function count(at) {
  const source = view.getInt32(at + 26);
  const destination = view.getInt32(at + 30);
  const ports = view.getInt32(at + 34);
  const low = source < destination ? source : destination;
  const high = source < destination ? destination : source;
  const sorted = source < destination ? ports : (ports << 16) | (ports >>> 16);
  const key = Math.imul(low, 0x9e3779b1) ^ high;
  let slot = Math.imul(key ^ Math.imul(sorted, 0x85ebca6b), 0xc2b2ae35);
  slot = (slot ^ (slot >>> 15)) & (capacity - 1);
  for (;;) {
    const base = slot * 3;
    if (table[base + 2] === 0) {
      table[base] = key;
      table[base + 1] = sorted;
      table[base + 2] = 1;
      connections++;
      return;
    }
    if (table[base] === key && table[base + 1] === sorted) {
      table[base + 2]++;
      return;
    }
    slot = (slot + 1) & (capacity - 1);
  }
}

let used = 0;
let at = 24;
let packets = 0;
for (;;) {
  const read = readSync(file, chunk, used, chunk.length - used, null);
  if (read === 0) break;
  used += read;
  while (used - at >= 16) {
    const length = view.getUint32(at + 8, true);
    if (used - at < 16 + length) break;
    packets++;
    if (kind === 'connections') count(at + 16);
    at += 16 + length;
  }
  chunk.copyWithin(0, at, used);
  used -= at;
  at = 0;
}
closeSync(file);
console.log(kind === 'connections' ? `${packets} packets, ${connections} tuples` : `${packets} packets`);
