import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { CaptureError } from '../../wire/captured-packet.ts';
import { type Attempt, type CaptureSummary, type Chunks, explain } from '../index.ts';

const sample = readFileSync(
  fileURLToPath(new URL('../../../docs/examples/attempts.pcapng', import.meta.url)),
);

interface Heard {
  readonly sentences: string[];
  readonly summary: CaptureSummary | null;
  readonly error: unknown;
}

async function listen(chunks: Chunks): Promise<Heard> {
  const sentences: string[] = [];
  const attempts = explain(chunks);
  try {
    for (;;) {
      const next: IteratorResult<Attempt, CaptureSummary> = await attempts.next();
      if (next.done) return { sentences, summary: next.value, error: null };
      sentences.push(next.value.sentence);
    }
  } catch (error) {
    return { sentences, summary: null, error };
  }
}

function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const whole = await listen([sample]);

describe('explain() as a library', () => {
  test('hears the same in pieces of any size, with gzip and without', async () => {
    expect(whole.error).toBeNull();
    expect(whole.sentences.length).toBe(whole.summary!.attempts);
    expect(whole.sentences.length).toBeGreaterThan(20);
    const zipped = gzipSync(sample);
    for (const size of [1, 7, 1000, 1 << 20]) {
      expect(await listen(pieces(sample, size))).toEqual(whole);
      expect(await listen(pieces(zipped, size))).toEqual(whole);
    }
  });

  test('takes async iterables, web streams and what a browser gives for a chosen file', async () => {
    const later = async function* (): AsyncGenerator<Uint8Array> {
      yield* pieces(sample, 999);
    };
    expect(await listen(later())).toEqual(whole);
    expect(await listen(new Blob([new Uint8Array(sample)]).stream())).toEqual(whole);
    // Streams that cannot be iterated, as those of older browsers.
    const stream = new Blob([new Uint8Array(gzipSync(sample))]).stream();
    expect(await listen({ getReader: () => stream.getReader() })).toEqual(whole);
  });

  test('tells all attempts before it says where a capture is cut off or damaged', async () => {
    const cut = await listen([sample.subarray(0, sample.length - 10)]);
    expect(cut.sentences.length).toBe(whole.sentences.length);
    expect(cut.error).toBeInstanceOf(CaptureError);
    expect((cut.error as CaptureError).offset).toBeGreaterThan(sample.length - 200);
    const damaged = Uint8Array.from(sample);
    damaged.fill(0xff, 10_000, 10_100);
    const heard = await listen([damaged]);
    expect(heard.error).toBeInstanceOf(CaptureError);
    expect(heard.sentences.length).toBeGreaterThan(3);
  });

  test('tells what could be had of damaged gzip', async () => {
    const zipped = gzipSync(sample, { level: 0 });
    const cut = await listen(pieces(zipped.subarray(0, 12_000), 1000));
    expect(cut.sentences.length).toBeGreaterThan(3);
    expect(cut.error).toBeInstanceOf(CaptureError);
    zipped[11_000]! ^= 0xff;
    zipped[zipped.length - 6]! ^= 0xff;
    expect((await listen([zipped])).error).toBeInstanceOf(CaptureError);
  });

  test('says of an empty source that it is empty', async () => {
    for (const chunks of [[], [new Uint8Array(0)], [new Uint8Array(0), new Uint8Array(0)]])
      expect(String((await listen(chunks)).error)).toContain('the capture is empty');
  });

  test('passes on what goes wrong at the source, and closes it if the reader leaves', async () => {
    const broken = async function* (bytes: Uint8Array): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 3000);
      throw new Error('the disk is gone');
    };
    expect(String((await listen(broken(sample))).error)).toBe('Error: the disk is gone');
    expect(String((await listen(broken(gzipSync(sample)))).error)).toBe('Error: the disk is gone');
    let closed = 0;
    const watched = async function* (bytes: Uint8Array): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield bytes;
      } finally {
        closed++;
      }
    };
    // The same file over and over is damaged at its second header at the latest.
    expect((await listen(watched(sample.subarray(0, sample.length - 1)))).error).toBeInstanceOf(CaptureError);
    expect(closed).toBe(1);
  });
});
