/**
 * A stack in real time, written from docs/foreign-stacks.md alone: it answers a SYN with a SYN+ACK 50 ms later, and
 * lets accept() return when the ACK comes. IPv4; everything else it lacks.
 */
import { hrtime, stdin, stdout } from 'node:process';

const start = hrtime.bigint();
const now = () => (hrtime.bigint() - start) / 1000n;
const [HELLO, READY, PACKET, RETURN] = [1, 2, 3, 4];

function put(type, ...parts) {
  const body = Buffer.concat([Buffer.from([type]), ...parts]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  stdout.write(Buffer.concat([length, body]));
}
const u64 = (value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
};
function giveBack(id, value, errno) {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(id, 0);
  head.writeInt32LE(value, 4);
  head.writeInt32LE(errno, 8);
  put(RETURN, head, u64(now()));
}
function checksum(bytes, start) {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function synAck(syn) {
  const bytes = Buffer.alloc(40);
  bytes.writeUInt16BE(0x4500, 0);
  bytes.writeUInt16BE(40, 2);
  bytes.writeUInt16BE(0x4006, 8);
  syn.copy(bytes, 12, 16, 20);
  syn.copy(bytes, 16, 12, 16);
  bytes.writeUInt16BE(checksum(bytes.subarray(0, 20), 0), 10);
  syn.copy(bytes, 20, 22, 24);
  syn.copy(bytes, 22, 20, 22);
  bytes.writeUInt32BE(7000, 24);
  bytes.writeUInt32BE((syn.readUInt32BE(24) + 1) >>> 0, 28);
  bytes.writeUInt32BE(0x5012ffff, 32);
  bytes.writeUInt16BE(checksum(bytes.subarray(12), 6 + 20), 36);
  return bytes;
}

let accepting = 0;
let ready = 0;
function request(type, body) {
  if (type === 1) put(HELLO, Buffer.from([1, 0, 0]), Buffer.from('real'));
  if (type === 3 && (body[33] & 2) !== 0) setTimeout(() => put(PACKET, u64(now()), synAck(body)), 50);
  if (type === 3 && (body[33] & 18) === 16) ready++;
  if (type === 4) {
    const [id, number] = [body.readUInt32LE(0), body.readUInt16LE(4)];
    if (number === 1) giveBack(id, 3, 0);
    else if (number === 5) accepting = id;
    else if ([2, 4, 16, 21].includes(number)) giveBack(id, 0, 0);
    else giveBack(id, -1, 38);
  }
  if (accepting !== 0 && ready > 0) {
    giveBack(accepting, 4, 0);
    [accepting, ready] = [0, 0];
  }
  if (type === 7) process.exit(0);
  put(READY, u64(now()), u64(-1n));
}

let rest = Buffer.alloc(0);
stdin.on('data', (bytes) => {
  rest = Buffer.concat([rest, bytes]);
  while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE(0)) {
    const end = 4 + rest.readUInt32LE(0);
    const body = Buffer.from(rest.subarray(5, end));
    const type = rest[4];
    rest = rest.subarray(end);
    request(type, body);
  }
});
stdin.on('end', () => process.exit(0));
