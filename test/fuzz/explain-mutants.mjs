/**
 * Explains mutated captures, in a process of its own so that its memory can be measured.
 * Usage: node explain-mutants.mjs DIST FOLDER FIRST COUNT. Prints one JSON object; throws with the seed if something is wrong.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [dist, folder, first, count] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(join(dist, name)).href);
const { Explainer } = await load('explain/explain.js');
const { attemptJson } = await load('explain/output/json.js');
const { attemptLines } = await load('view/attempt-text.js');
const { LineBuffer } = await load('explain/output/line-buffer.js');
const { explainRecord } = await load('explain/explain-record.js');
const { BATCH_BYTES, RecordBatch } = await load('explain/output/record-batch.js');
const { CleanJson } = await load('explain/output/clean-json.js');
const { CaptureError } = await load('wire/captured-packet.js');
const { Prng } = await load('sim/prng.js');

const files = readdirSync(folder).sort();
const captures = files.map((name) => readFileSync(join(folder, name)));
const starts = captures.map(recordStarts);

/** Where the records of an undamaged little-endian capture begin; of others, nothing. */
function recordStarts(bytes) {
  const list = [];
  const pcapng = bytes.length >= 12 && bytes.readUInt32LE(0) === 0x0a0d0d0a;
  for (let at = pcapng ? 0 : 24; at + 16 <= bytes.length; ) {
    list.push(at);
    const length = pcapng ? bytes.readUInt32LE(at + 4) : 16 + bytes.readUInt32LE(at + 8);
    if (length < 12 || length > bytes.length) break;
    at += length;
  }
  return list;
}

const lies = [0, 1, 2, 4, 7, 8, 15, 19, 20, 27, 40, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000];
const bigLies = [0x3ffff, 0xfffff, 0x100000, 0x100001, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** One mutated capture and how it was made. */
function mutant(seed) {
  const random = new Prng(seed);
  const below = (n) => random.uint32() % n;
  const which = below(captures.length);
  let bytes = Buffer.from(captures[which]);
  const done = [files[which]];
  const write = (at) => {
    const size = [1, 2, 4][below(3)];
    if (at + size > bytes.length) return;
    const value =
      size < 4 ? lies[below(lies.length)] : [...lies, ...bigLies][below(lies.length + bigLies.length)];
    const little = below(2) === 0;
    for (let k = 0; k < size; k++) bytes[at + (little ? k : size - 1 - k)] = value / 2 ** (8 * k);
    done.push(`${value} in ${size} bytes at ${at}`);
  };
  for (let n = below(4); n >= 0; n--) {
    switch (below(9)) {
      case 0:
        for (let k = below(40); k >= 0 && bytes.length > 0; k--) {
          const at = below(bytes.length);
          bytes[at] ^= 1 << below(8);
        }
        done.push('bits');
        break;
      case 1:
        bytes = bytes.subarray(0, below(bytes.length + 1));
        done.push(`cut to ${bytes.length}`);
        break;
      case 2: {
        const from = below(bytes.length + 1);
        const to = Math.min(bytes.length, from + below(200));
        bytes = Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
        done.push(`without ${from} to ${to}`);
        break;
      }
      case 3: {
        const other = captures[below(captures.length)];
        const from = below(other.length + 1);
        const at = below(bytes.length + 1);
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          other.subarray(from, from + below(3000)),
          bytes.subarray(at),
        ]);
        done.push(`bytes of another at ${at}`);
        break;
      }
      default:
        // Lengths, offsets and types are at the beginning of packets, and (rarely, since it ends the reading) of records.
        for (let k = below(6); k >= 0; k--) {
          const list = starts[which];
          const within = below(8) === 0 ? below(28) : 28 + below(100);
          write((list.length === 0 ? below(bytes.length + 1) : list[below(list.length)]) + within);
        }
    }
  }
  const sizes = [1, 3, 7, 16, 24, 61, 1000, 4096, 65_536, 1 << 22];
  return { bytes, done, chunk: bytes.length > 100_000 ? 4096 + below(1e6) : sizes[below(sizes.length)] };
}

/** Hands a capture to an explainer in pieces. Returns what the reader complained of. */
function feed(explainer, bytes, chunk) {
  let problem = null;
  try {
    for (let at = 0; at < bytes.length; at += chunk) explainer.push(bytes.subarray(at, at + chunk));
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    problem = error;
  }
  try {
    explainer.end(problem);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    problem = error;
  }
  return problem;
}

const batch = new RecordBatch(new SharedArrayBuffer(BATCH_BYTES), 0);

/** Where to put records that are packed, as for another thread, before their rows are written. */
function packing(lines) {
  const names = [];
  return {
    add(log, slot, facts) {
      names[batch.count] = facts.encapsulation;
      batch.add(log, slot, facts);
      if (!batch.hasRoom) this.unpack();
    },
    unpack() {
      for (let slot = 0; slot < batch.count; slot++) {
        const facts = batch.facts(slot, names[slot]);
        lines.write(batch, slot, facts.baseSeconds, () => explainRecord(batch, slot, facts));
      }
      batch.empty();
    },
  };
}

/** The rows as they are written straight from the records. */
function written(bytes, chunk, packed) {
  const pieces = [];
  const out = new LineBuffer((piece) => pieces.push(Buffer.from(piece)));
  const lines = new CleanJson(out);
  if (packed) {
    const outlet = packing(lines);
    feed(new Explainer(outlet), bytes, chunk);
    outlet.unpack();
  } else feed(new Explainer(lines), bytes, chunk);
  out.flush();
  return Buffer.concat(pieces).toString().split('\n').slice(0, -1).sort().join('\n');
}

/** Explains in pieces; returns the rows and what the reader complained of. */
function explained(bytes, chunk) {
  const lines = [];
  const explainer = new Explainer((attempt) => {
    const line = attemptJson(attempt);
    JSON.parse(line);
    const text = attemptLines(attempt, { width: 100, colour: false }).join('\n');
    // A Community ID is Base64, in which any letters may come.
    const words = text + line.replace(/"community_id":"[^"]*"/, '');
    if (/undefined|NaN|Infinity|\[object/.test(words)) throw new Error(`nonsense in: ${text}\n${line}`);
    lines.push(line);
  });
  const problem = feed(explainer, bytes, chunk);
  const { attempts } = explainer.summary();
  if (attempts !== lines.length) throw new Error(`${attempts} attempts began, ${lines.length} were told`);
  return { lines: lines.sort().join('\n'), problem: problem?.message ?? null };
}

let slowest = 0;
let damaged = 0;
let told = 0;
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  const { bytes, done, chunk } = mutant(seed);
  try {
    const begin = performance.now();
    const one = explained(bytes, chunk);
    slowest = Math.max(slowest, performance.now() - begin);
    if (one.problem !== null) damaged++;
    if (one.lines !== '') told += one.lines.split('\n').length;
    if (seed % 8 === 0) {
      const packed = seed % 16 === 0;
      if (written(bytes, chunk, packed) !== one.lines)
        throw new Error(`rows written from ${packed ? 'packed ' : ''}records differ from those of values`);
      const other = explained(bytes, 5000);
      if (other.lines !== one.lines || other.problem !== one.problem) {
        const differs = other.lines.split('\n').find((line) => !one.lines.includes(line));
        throw new Error(
          `pieces of ${chunk} and of 5000 bytes give different results: ${one.problem}, ${other.problem}, ${differs}`,
        );
      }
    }
  } catch (error) {
    throw new Error(`seed ${seed} (${done.join(', ')}; pieces of ${chunk}): ${error.stack}`);
  }
}
const { maxRSS } = process.resourceUsage();
process.stdout.write(
  `${JSON.stringify({ mutants: Number(count), damaged, told, slowestMs: Math.round(slowest), rssMb: Math.round(maxRSS / 1024) })}\n`,
);
