import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { generate } from '../../bench/explain-generate.mjs';
import { Explainer, type Outlet } from '../../src/explain/explain.ts';
import { explainRecord } from '../../src/explain/explain-record.ts';
import type { Attempt } from '../../src/explain/judge/attempt.ts';
import { CleanJson } from '../../src/explain/output/clean-json.ts';
import { attemptJson } from '../../src/explain/output/json.ts';
import { LineBuffer } from '../../src/explain/output/line-buffer.ts';
import {
  durationText,
  EXACT_NS,
  scaled,
  writeDuration,
  writeScaled,
} from '../../src/explain/output/numbers.ts';
import { BATCH_BYTES, RecordBatch } from '../../src/explain/output/record-batch.ts';
import { Film, film, Talk } from '../../src/explain/testing.ts';
import { CaptureError } from '../../src/wire/captured-packet.ts';
import { shared, testNeeding } from '../support/needs.ts';
import { zoo } from './zoo.ts';

function explainBytes(bytes: Uint8Array, take: ((a: Attempt) => void) | CleanJson | Outlet): void {
  const explainer = new Explainer(take);
  let problem: CaptureError | null = null;
  try {
    explainer.push(bytes);
    explainer.end();
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    problem = error;
  }
  try {
    if (problem !== null) explainer.end(problem);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
  }
}

/** The lines written of records that were packed, as for another thread. */
function packedLines(bytes: Uint8Array): string[] {
  const batch = new RecordBatch(new ArrayBuffer(BATCH_BYTES + 64), 64);
  const names: string[] = [];
  let text = '';
  const decoder = new TextDecoder();
  const lines = new CleanJson(
    new LineBuffer((part) => {
      text += decoder.decode(part, { stream: true });
    }),
  );
  const unpack = (): void => {
    for (let slot = 0; slot < batch.count; slot++) {
      const facts = batch.facts(slot, names[slot]!);
      lines.write(batch, slot, facts.baseSeconds, () => explainRecord(batch, slot, facts));
    }
    batch.empty();
  };
  explainBytes(bytes, {
    add: (log, slot, facts) => {
      names[batch.count] = facts.encapsulation;
      batch.add(log, slot, facts);
      if (!batch.hasRoom) unpack();
    },
  });
  unpack();
  lines.out.flush();
  return text.split('\n').slice(0, -1);
}

/**
 * The lines made of values, the lines written as bytes, and how many of the latter were made without a value. Lines of packed
 * records have to be the same as well.
 */
function bothWays(capture: Uint8Array): { slow: string[]; fast: string[]; direct: number } {
  const bytes = capture[0] === 0x1f && capture[1] === 0x8b ? gunzipSync(capture) : capture;
  const slow: string[] = [];
  explainBytes(bytes, (a) => slow.push(attemptJson(a)));
  let text = '';
  let direct = 0;
  const decoder = new TextDecoder();
  // Small, so that it fills up again and again.
  const lines = new CleanJson(
    new LineBuffer((part) => {
      text += decoder.decode(part, { stream: true });
    }, 16_384),
  );
  const write = lines.write.bind(lines);
  lines.write = (log, slot, baseSeconds, explain): void => {
    let asked = false;
    write(log, slot, baseSeconds, () => {
      asked = true;
      return explain();
    });
    if (!asked) direct++;
  };
  explainBytes(bytes, lines);
  lines.out.flush();
  expect(packedLines(bytes)).toEqual(slow);
  return { slow, fast: text.split('\n').slice(0, -1), direct };
}

const needing = testNeeding('test/explain/clean.test.ts', 'captures');

describe('lines written straight from records', () => {
  test('name the capture, if they are told to', () => {
    const film0 = film((t) => t.shake() && new Talk(t.film, { clientPort: 40001 }).shake(50).s(80, 'R'));
    const texts: string[] = [];
    const out = new LineBuffer((part) => texts.push(new TextDecoder().decode(part)));
    explainBytes(film0.toPcapng(), new CleanJson(out, 'a "b".pcap'));
    out.flush();
    const slow: string[] = [];
    explainBytes(film0.toPcapng(), (a) => slow.push(attemptJson(a, 'a "b".pcap')));
    expect(texts.join('')).toBe(slow.map((line) => `${line}\n`).join(''));
    expect(slow[0]).toMatch(/^\{"capture":"a \\"b\\".pcap","attempt":/);
  });

  needing('are the same as those made of values, for every reference capture', () => {
    const folder = join(shared, 'captures');
    let direct = 0;
    for (const name of readdirSync(folder)) {
      if (!/\.(pcap|cap|pcapng)/.test(name)) continue;
      const both = bothWays(readFileSync(join(folder, name)));
      expect(both.fast, name).toEqual(both.slow);
      direct += both.direct;
    }
    expect(direct).toBeGreaterThan(20);
  });

  test.each(['connections', 'data'] as const)('are the same for the generated capture: %s', (kind) => {
    const folder = mkdtempSync(join(tmpdir(), 'halfopen-'));
    try {
      generate(kind, join(folder, 'made.pcap'), 500);
      const both = bothWays(readFileSync(join(folder, 'made.pcap')));
      expect(both.fast).toEqual(both.slow);
      expect(both.direct).toBeGreaterThan(350);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('are the same for every wrapping, format and oddity', () => {
    for (const made of zoo()) {
      const both = bothWays(made);
      expect(both.fast).toEqual(both.slow);
    }
  });

  test('are the same for IPv6, for IPv4 in IPv6 addresses, and for a tuple used again', () => {
    const made = new Film();
    for (let n = 0; n < 3; n++) {
      new Talk(made, { client: '2001:db8::1', server: '2001:db8::2', clientPort: 40_000 + n }).shake(n * 100);
      new Talk(made, {
        client: '::ffff:192.0.2.1',
        server: '::ffff:192.0.2.2',
        clientPort: 41_000 + n,
      }).shake(n * 100);
      new Talk(made, { client: '192.0.2.9', server: '192.0.2.2', clientIsn: 5 + n * 1_000_000 }).shake(
        n * 90_000,
      );
    }
    const both = bothWays(made.toPcapng());
    expect(both.fast).toEqual(both.slow);
    expect(both.direct).toBeGreaterThan(2);
  });

  test('are not written for what is nearly plain: a SYN more, a reset, a mistaken ACK, Fast Open', () => {
    const near = [
      film((t) => {
        t.c(0, 'S');
        t.shake(1000);
      }),
      film((t) => {
        t.shake(0);
        t.c(100, 'R');
      }),
    ];
    for (const made of near) {
      const both = bothWays(made.toPcapng());
      expect(both.fast).toEqual(both.slow);
      expect(both.direct).toBe(0);
    }
  });
});

test('text of any kind becomes UTF-8, also if it is longer than the buffer', () => {
  const parts: Buffer[] = [];
  const out = new LineBuffer((part) => parts.push(Buffer.from(part)), 64);
  const texts = ['plain', 'µs', '×', '→ 日本', '😀 x', 'é'.repeat(50)];
  for (const text of texts) out.line(text);
  out.flush();
  expect(Buffer.concat(parts).toString('utf8')).toBe(`${texts.join('\n')}\n`);
});

describe('numbers as bytes', () => {
  test('are those of the strings', () => {
    let text = '';
    const out = new LineBuffer((part) => {
      text += new TextDecoder().decode(part);
    });
    const wanted: string[] = [];
    const bases = [
      0,
      1,
      9,
      10,
      99,
      100,
      101,
      999,
      1000,
      49,
      50,
      51,
      12_345,
      99_949,
      99_950,
      2 ** 31,
      2 ** 40 + 7,
    ];
    for (const base of bases) {
      for (let scale = 1; base * scale < EXACT_NS; scale *= 10) {
        const ns = base * scale;
        for (const write of [writeDuration, writeScaled]) {
          out.reserve(200);
          if (write === writeDuration) {
            writeDuration(out, ns);
            wanted.push(durationText(ns));
          } else {
            writeScaled(out, -ns, 6);
            wanted.push(scaled(-ns, 6));
          }
          out.line('');
        }
        if (scale > 1e15) break;
      }
    }
    out.flush();
    expect(text.split('\n').slice(0, -1)).toEqual(wanted);
  });
});
