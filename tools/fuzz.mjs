// npm run fuzz [-- --seconds N] [--target NAME] [--seed N]: feeds mutated inputs to what reads strangers' bytes, guided by V8's block
// coverage: an input that reaches new code is mutated further, and kept in test/fuzz/corpus/ with --keep. A finding is an error that is
// not the reader's own, or a run that takes too long; its input is written to .cache/fuzz/ and the exit code is 1.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { targets } from './fuzz-targets.mjs';
import { build, install, root } from './setup.mjs';

/** Runs between two looks at the coverage, which take longer than a run. */
const batch = 128;
/** A run that takes longer is a finding, ms; one that takes much longer is ended. */
const slowMs = 1000;
const hungMs = 10_000;
const mostBytes = 1 << 16;

/** A generator of numbers that can be repeated (mulberry32). */
function generator(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const interesting = [
  0, 1, 4, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
];

/** One mutation of some bytes; `other` lends pieces, `words` are of the input's language. */
function mutate(bytes, other, words, below) {
  const out = Buffer.from(bytes);
  const at = below(Math.max(out.length, 1));
  switch (below(words.length > 0 ? 9 : 8)) {
    case 0:
      if (out.length > 0) out[at] ^= 1 << below(8);
      return out;
    case 1:
      if (out.length > 0) out[at] = below(256);
      return out;
    case 2: {
      const value = interesting[below(interesting.length)];
      const width = [1, 2, 4][below(3)];
      if (at + width > out.length) return out;
      if (below(2) === 0) out.writeUIntBE(value % 256 ** width, at, width);
      else out.writeUIntLE(value % 256 ** width, at, width);
      return out;
    }
    case 3:
      return out.subarray(0, at);
    case 4:
      return Buffer.concat([out.subarray(0, at), out.subarray(at + 1 + below(16))]);
    case 5:
      return Buffer.concat([out.subarray(0, at), out.subarray(Math.max(0, at - 1 - below(64)))]);
    case 6: {
      const from = below(Math.max(other.length, 1));
      return Buffer.concat([
        out.subarray(0, at),
        other.subarray(from, from + 1 + below(128)),
        out.subarray(at),
      ]);
    }
    case 7: {
      const from = below(Math.max(other.length, 1));
      return Buffer.concat([out.subarray(0, at), other.subarray(from)]);
    }
    default:
      return Buffer.concat([out.subarray(0, at), Buffer.from(words[below(words.length)]), out.subarray(at)]);
  }
}

/** What was reached of the files of a target, by bytes of their text. */
class Coverage {
  constructor(wanted) {
    this.wanted = wanted;
    this.files = new Map();
    this.session = new Session();
    this.session.connect();
    this.post('Profiler.enable');
    this.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
  }

  post(method, params) {
    let result;
    this.session.post(method, params, (error, value) => {
      if (error) throw new Error(error.message);
      result = value;
    });
    return result;
  }

  /** What was reached since the last look and never before, as places in `ever`; commit() remembers them. */
  look() {
    const fresh = [];
    for (const { url, functions } of this.post('Profiler.takePreciseCoverage').result) {
      if (!this.wanted(url)) continue;
      let reached = this.files.get(url);
      if (reached === undefined) {
        const end = Math.max(...functions.map(({ ranges }) => ranges[0].endOffset));
        reached = { now: new Uint8Array(end), ever: new Uint8Array(end), possible: new Uint8Array(end) };
        this.files.set(url, reached);
      }
      const { now, ever, possible } = reached;
      now.fill(0);
      for (const { functionName, ranges } of functions) {
        // The module itself runs once when it is loaded.
        if (functionName === '' && ranges[0].startOffset === 0) continue;
        possible.fill(1, ranges[0].startOffset, ranges[0].endOffset);
        for (const { startOffset, endOffset, count } of ranges)
          now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      }
      for (let n = 0; n < now.length; n++) if (now[n] === 1 && ever[n] === 0) fresh.push([ever, n]);
    }
    return fresh;
  }

  commit(fresh) {
    for (const [ever, n] of fresh) ever[n] = 1;
  }

  /** The share of the target's functions that was reached. */
  share() {
    let [ever, possible] = [0, 0];
    for (const file of this.files.values())
      for (let n = 0; n < file.possible.length; n++)
        if (file.possible[n] === 1) {
          possible++;
          ever += file.ever[n];
        }
    return possible === 0 ? 0 : ever / possible;
  }
}

const nameFor = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

/** Fuzzes one target in this thread. */
async function fuzz({ name, seconds, seed, keep, shared }) {
  const target = await targets[name]();
  const below = generator(seed);
  const coverage = new Coverage((url) => target.files.test(url));
  const folder = join(root, 'test', 'fuzz', 'corpus', name);
  const kept = existsSync(folder) ? readdirSync(folder).map((file) => readFileSync(join(folder, file))) : [];
  const state = new Int32Array(shared, 0, 2);
  const current = new Uint8Array(shared, 8);
  const findings = [];
  const found = (what, bytes) => {
    const key = `${what}`.split('\n').slice(0, 2).join(' ');
    if (findings.some((other) => other.key === key)) return;
    findings.push({ key, input: nameFor(bytes) });
    parentPort.postMessage({ finding: what, bytes });
  };
  let runs = 0;
  const run = (bytes) => {
    const length = Math.min(bytes.length, current.length);
    current.set(bytes.subarray(0, length));
    Atomics.store(state, 1, length);
    Atomics.add(state, 0, 1);
    const before = performance.now();
    try {
      target.run(bytes);
    } catch (error) {
      if (!target.expects(error)) found(error.stack ?? String(error), bytes);
    }
    const ms = performance.now() - before;
    if (ms > slowMs) found(`a run of ${bytes.length} bytes took ${Math.round(ms)} ms`, bytes);
    runs++;
  };
  const corpus = [...target.seeds, ...kept].map((bytes) => Buffer.from(bytes));
  for (const bytes of corpus) run(bytes);
  coverage.commit(coverage.look());
  const keepInput = (bytes) => {
    corpus.push(bytes);
    if (!keep) return;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, nameFor(bytes)), bytes);
  };
  // A look takes longer than many runs, so that inputs of a batch are tried again by halves.
  const keepWhatIsNew = (inputs) => {
    for (const bytes of inputs) run(bytes);
    const fresh = coverage.look();
    if (fresh.length === 0) return;
    if (inputs.length === 1) {
      coverage.commit(fresh);
      keepInput(inputs[0]);
      return;
    }
    const half = inputs.length >> 1;
    keepWhatIsNew(inputs.slice(0, half));
    keepWhatIsNew(inputs.slice(half));
  };
  const began = performance.now();
  const cpu = process.cpuUsage();
  const runsBefore = runs;
  while (performance.now() - began < seconds * 1000) {
    const tried = [];
    for (let n = 0; n < batch; n++) {
      // The newest reached new code last: they are drawn more often.
      const pick =
        below(2) === 0 ? below(corpus.length) : corpus.length - 1 - below(Math.min(corpus.length, 32));
      let bytes = corpus[pick];
      for (let times = 1 + below(4); times > 0; times--)
        bytes = mutate(bytes, corpus[below(corpus.length)], target.words, below).subarray(0, mostBytes);
      tried.push(bytes);
      run(bytes);
    }
    const fresh = coverage.look();
    if (fresh.length === 0) continue;
    keepWhatIsNew(tried);
    // What only the whole batch reaches (state that outlives a run) must not be searched for again and again.
    coverage.commit(fresh);
  }
  const took = (performance.now() - began) / 1000;
  const spent = process.cpuUsage(cpu);
  return {
    name,
    runs,
    perSecond: Math.round((runs - runsBefore) / took),
    perCpuSecond: Math.round(((runs - runsBefore) * 1e6) / (spent.user + spent.system)),
    share: coverage.share(),
    corpus: corpus.length,
    findings,
  };
}

/** Runs one target in a thread, which is ended if a run does not end. */
function guarded(name, options) {
  return new Promise((resolve) => {
    const shared = new SharedArrayBuffer(8 + mostBytes);
    const state = new Int32Array(shared, 0, 2);
    const worker = new Worker(new URL(import.meta.url), { workerData: { name, shared, ...options } });
    const write = (what, bytes) => {
      const folder = join(root, '.cache', 'fuzz');
      mkdirSync(folder, { recursive: true });
      const file = join(folder, `${name}-${nameFor(bytes)}`);
      writeFileSync(file, bytes);
      console.log(`${name}: FOUND ${what}\n  ${file}`);
    };
    let last = -1;
    const watch = setInterval(() => {
      const now = Atomics.load(state, 0);
      if (now === last && now > 0) {
        const bytes = Buffer.from(new Uint8Array(shared, 8, Atomics.load(state, 1)));
        write(`a run that does not end within ${hungMs / 1000} s`, bytes);
        void worker.terminate();
        end({ name, runs: now, perSecond: 0, perCpuSecond: 0, share: 0, corpus: 0, findings: ['hang'] });
      }
      last = now;
    }, hungMs);
    const end = (result) => {
      clearInterval(watch);
      resolve(result);
    };
    worker.on('message', (message) => {
      if (message.finding !== undefined) write(message.finding, Buffer.from(message.bytes));
      else end(message.result);
    });
    worker.on('error', (error) => {
      console.log(`${name}: the fuzzer failed: ${error.stack}`);
      end({ name, runs: 0, perSecond: 0, perCpuSecond: 0, share: 0, corpus: 0, findings: ['failed'] });
    });
  });
}

if (isMainThread) {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      target: { type: 'string', multiple: true },
      seed: { type: 'string', default: String(Date.now() % 1e9) },
      keep: { type: 'boolean', default: false },
    },
  });
  install();
  await build();
  const names = values.target ?? Object.keys(targets);
  let bad = 0;
  for (const name of names) {
    if (!Object.hasOwn(targets, name)) {
      console.error(`there is no target '${name}'; there are ${Object.keys(targets).join(', ')}`);
      process.exit(2);
    }
    const options = { seconds: Number(values.seconds), seed: Number(values.seed), keep: values.keep };
    const result = await guarded(name, options);
    bad += result.findings.length;
    console.log(
      `${name}: ${result.runs} runs, ${result.perSecond} a second (${result.perCpuSecond} of CPU), ${(100 * result.share).toFixed(1)} % of its code reached, ` +
        `${result.corpus} inputs, ${result.findings.length} findings (seed ${values.seed})`,
    );
  }
  process.exit(bad > 0 ? 1 : 0);
} else {
  parentPort.postMessage({ result: await fuzz(workerData) });
}
