/** Attempts of a capture as the lab draws them: their bytes, and the scenario that is nearest. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { segmentOf } from '../../apps/lab/src/text/describe.ts';
import { verdictName } from '../../apps/lab/src/text/verdicts.ts';
import { packetsOf } from '../../apps/lab/src/world/capture-packets.ts';
import { eventsOf } from '../../apps/lab/src/world/foreign.ts';
import { nearestScenario } from '../../apps/lab/src/world/nearest.ts';
import { flagsOf } from '../../apps/lab/src/world/run.ts';
import type { Scenario } from '../../apps/lab/src/world/scenario.ts';
import { explain } from '../../src/explain/explain.ts';
import type { Attempt } from '../../src/explain/judge/attempt.ts';
import { verdicts } from '../../src/explain/judge/verdicts.ts';
import { root } from '../support/needs.ts';

const folder = join(root, 'apps', 'lab', 'scenarios');
const scenarios = readdirSync(folder).map((file): Scenario => {
  const scenario = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Omit<Scenario, 'id'>;
  return { ...scenario, id: file.replace('.json', '') };
});
const capture = readFileSync(join(root, 'docs', 'examples', 'attempts.pcapng'));
async function attempts(bytes: Uint8Array): Promise<Attempt[]> {
  const found: Attempt[] = [];
  for await (const attempt of explain([bytes])) found.push(attempt);
  return found;
}

test('the bytes of an attempt are those of its packets, in the order of the capture, compressed or not', async () => {
  for (const attempt of await attempts(capture)) {
    const packets = await packetsOf([capture], attempt);
    expect(packets.length).toBe(attempt.evidence.packets.length);
    expect(await packetsOf([gzipSync(capture)], attempt)).toEqual(packets);
    packets.forEach(({ frame, fromClient, bytes }, i) => {
      const seen = attempt.evidence.packets[i]!;
      expect({ frame, fromClient }).toEqual({ frame: seen.frame, fromClient: seen.fromClient });
      const segment = segmentOf(bytes);
      if (seen.icmp !== null) expect(segment).toBeNull();
      else
        expect([segment!.seq >>> 0, segment!.flags & 511, segment!.window]).toEqual([
          seen.seq >>> 0,
          seen.flags,
          seen.window,
        ]);
    });
  }
});

test('an attempt is put beside the scenario that is about what happened, and what differs is said in both languages', async () => {
  const nearest = new Map<string, string>();
  for (const attempt of await attempts(capture)) {
    const self = attempt.client === attempt.server && attempt.clientPort === attempt.serverPort;
    const events = eventsOf(await packetsOf([capture], attempt), self);
    const found = nearestScenario(scenarios, events, attempt.verdict);
    if (found === null) continue;
    nearest.set(attempt.verdict, found.scenario.id);
    const keys = new Set(
      events.flatMap((e) => (e.kind === 'sent' ? [`capture/${e.packet.from}/${e.packet.n}`] : [])),
    );
    for (const key of found.differing) expect(keys).toContain(key);
    for (const { en, zh } of found.differences) {
      expect(en).toMatch(/capture|scenario/);
      expect(zh).not.toMatch(/[a-z]{3,} [a-z]{2,}/);
    }
  }
  expect(nearest.get('self-connect')).toBe('09-self-connect');
  expect(nearest.get('completed')).toBe('01-three-way-handshake');
  expect(nearest.get('unanswered')).toBe('07-nobody-answers');
});

test('a capture that is cut off, or is none, gives the packets before the damage', async () => {
  const all = await attempts(capture);
  for (const cut of [
    capture.subarray(0, capture.length - 30),
    capture.subarray(0, 40),
    Buffer.from('no capture'),
  ])
    for (const attempt of all.slice(-2)) {
      const packets = await packetsOf([cut], attempt);
      expect(packets.length).toBeLessThanOrEqual(attempt.evidence.packets.length);
      for (const { bytes } of packets) expect(() => flagsOf(bytes)).not.toThrow();
    }
});

test('every verdict has a name in Chinese', () => {
  for (const verdict of Object.keys(verdicts)) {
    expect(verdictName(verdict, 'en')).toBe(verdict);
    expect(verdictName(verdict, 'zh')).toMatch(/[一-鿿]|SYN cookie/);
  }
});
