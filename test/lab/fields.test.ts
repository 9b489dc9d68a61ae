import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { drawingOf } from '../../apps/lab/src/draw/drawing.ts';
import { infosOf } from '../../apps/lab/src/draw/infos.ts';
import { timelineOf } from '../../apps/lab/src/draw/timeline.ts';
import type { IsnSource } from '../../apps/lab/src/text/about.ts';
import { arrowTexts, markLines } from '../../apps/lab/src/text/describe.ts';
import { asDamaged, type Field, headerOf } from '../../apps/lab/src/text/fields.ts';
import { parseChanges } from '../../apps/lab/src/world/changes.ts';
import { type LabEvent, runScenario } from '../../apps/lab/src/world/run.ts';
import type { Scenario } from '../../apps/lab/src/world/scenario.ts';
import type { PacketEvent } from '../../src/sim/events.ts';
import { root } from '../support/needs.ts';

const folder = join(root, 'apps', 'lab', 'scenarios');
const ids = readdirSync(folder).map((file) => file.replace('.json', ''));
const scenarioOf = (id: string): Scenario => ({
  ...(JSON.parse(readFileSync(join(folder, `${id}.json`), 'utf8')) as Scenario),
  id,
});
const eventsOf = (id: string, changes = ''): readonly LabEvent[] =>
  runScenario(scenarioOf(id), parseChanges(changes)).events;
const isSent = (event: LabEvent): event is PacketEvent => event.kind === 'sent';

/** The fields of a run's n-th packet, from 1. */
function fieldsOf(events: readonly LabEvent[], n: number, isn: IsnSource = 'siphash'): readonly Field[] {
  const event = events.filter(isSent)[n - 1]!;
  return headerOf(event.bytes, events.slice(0, events.indexOf(event)), isn)!.fields;
}
const why = (fields: readonly Field[], id: string): string => fields.find((it) => it.id === id)!.why.en;

/** The packet list's texts. */
function listOf(id: string, changes = '', relative = false): string[] {
  const run = runScenario(scenarioOf(id), parseChanges(changes));
  const lines = (event: LabEvent): number => markLines(event, 'en').length;
  const { lanes } = scenarioOf(id);
  const drawing = drawingOf(run.events, lanes, timelineOf([run], lines), run.places, lines);
  return infosOf(drawing.arrows, relative).map(({ text }) => text);
}

describe('the packet list beside the traces of the material', () => {
  test('has the marks that mislead in a self-connect, and its relative numbers', () => {
    const marked = listOf('09-self-connect').slice(-3);
    expect(marked.map((line) => /^\[TCP [\w -]+\]/.exec(line)?.[0] ?? '')).toEqual([
      '',
      '[TCP Out-Of-Order]',
      '[TCP Window Update]',
    ]);
    const numbers = listOf('09-self-connect', '', true).slice(-3);
    expect(numbers.map((line) => /Seq=\d+(?: Ack=\d+)?/.exec(line)?.[0])).toEqual([
      'Seq=0',
      'Seq=0 Ack=1',
      'Seq=1 Ack=1',
    ]);
  });

  test('says the same as the trace of the handshake, value for value, and of the SYNs but for their lateness', () => {
    const traceOf = (id: string): string[] =>
      scenarioOf(id).trace!.rows.map(({ info }) => info.slice(info.indexOf(' [SYN')).trim());
    const bare = (line: string): string => line.slice(line.indexOf('[')).trim();
    expect(listOf('01-three-way-handshake').slice(0, 2).map(bare)).toEqual(
      traceOf('01-three-way-handshake').slice(0, 2),
    );
    const values = (line: string): string[] =>
      line.match(/Seq=\d+|Win=\d+|MSS=\d+|WS=\d+|Retransmission/g) ?? [];
    expect(listOf('07-nobody-answers').map(values)).toEqual(
      scenarioOf('07-nobody-answers').trace!.rows.map(({ info }) => values(info)),
    );
  });

  test('calls another connection on the same tuple a reused port, and no retransmission', () => {
    expect(listOf('05c-reuse').filter((line) => line.startsWith('[TCP Port numbers reused]')).length).toBe(1);
  });
});

describe('the texts of the diagram', () => {
  test('cut no number, however little room there is', () => {
    for (const id of ids)
      for (const { bytes } of eventsOf(id).filter(isSent)) {
        const words = new Set(arrowTexts(bytes, 500, 'en').flat().join(' ').split(' '));
        for (let room = 3; room < 80; room += 7)
          for (const lines of arrowTexts(bytes, room, 'en')) {
            for (const word of lines.join(' ').trim().split(/ +/)) expect(words).toContain(word);
            for (const line of lines) expect(line.length).toBeLessThanOrEqual(room);
          }
      }
  });

  test('a recv() that takes what came in several segments is told as one', () => {
    const calls = eventsOf('03-what-is-exchanged').filter((event) => event.kind === 'call');
    const last = calls.findLast(({ call }) => call === 'recv')!;
    expect([last.args, last.result]).toEqual(['2000', '2000']);
  });
});

describe('a packet, field by field', () => {
  test.each(ids)('covers every bit of every header of %s, and says why in both languages', (id) => {
    const events = eventsOf(id);
    const sent = events.filter(isSent);
    sent.forEach((_, n) => {
      let at = 0;
      const fields = fieldsOf(events, n + 1);
      for (const field of fields) {
        expect(field.at).toBe(at);
        at += field.length;
        for (const text of [field.meaning, field.why]) {
          expect(text.en).not.toMatch(/[\u4e00-\u9fff]|undefined|NaN/);
          expect(text.zh).toMatch(/[\u4e00-\u9fff]/);
        }
      }
      expect(at).toBe(Number(fields.find((it) => it.id === 'offset')!.value) * 32);
    });
  });

  test('an option lies in the header as kind, length and values', () => {
    const options = fieldsOf(eventsOf('01-three-way-handshake'), 2).filter(({ at }) => at >= 160);
    expect(options.map(({ name, value }) => `${name} ${value}`)).toEqual([
      'Kind 2 MSS',
      'Length 4',
      'MSS 1460',
      'Kind 4 SACK OK',
      'Length 2',
      'Kind 8 TS',
      'Length 10',
      'TSval 784782708',
      'TSecr 785148763',
      'NOP 1',
      'Kind 3 WScale',
      'Length 3',
      'Shift 7 (×128)',
    ]);
  });

  test('the RST that refuses a SYN has the numbers that RFC 9293 gives it, and says so', () => {
    const fields = fieldsOf(eventsOf('12-detection'), 2);
    expect(fields.find(({ id }) => id === 'seq')!.value).toBe('0');
    expect(why(fields, 'seq')).toContain('3.10.7.1');
    expect(why(fields, 'ack')).toContain('3.10.7.3');
  });

  test('the SYN+ACKs of a simultaneous open are no retransmissions', () => {
    expect(why(fieldsOf(eventsOf('08-simultaneous-open'), 3), 'seq')).toContain('crossed');
    expect(listOf('08-simultaneous-open').join('\n')).not.toContain('Retransmission');
    expect(listOf('09-self-connect').join('\n')).not.toContain('Retransmission');
  });

  test('a connection that begins anew with the same numbers sends nothing again', () => {
    const list = listOf('05b-old-duplicate');
    const again = list.filter((text) => text.includes('Retransmission'));
    expect(again.length).toBe(1);
    expect(again[0]).toContain('PSH');
    const syn = list.findIndex((text, n) => n > 3 && text.includes('[SYN]'));
    expect(why(fieldsOf(eventsOf('05b-old-duplicate'), syn + 1, 'constant'), 'seq')).toContain('held');
  });

  test('a SYN that is sent again says that, and how long nobody answered', () => {
    expect(why(fieldsOf(eventsOf('07-nobody-answers'), 2), 'seq')).toContain('sent again');
    expect(listOf('07-nobody-answers').filter((text) => text.includes('Retransmission')).length).toBe(6);
  });

  test('what an attacker acknowledges is a guess, right or wrong', () => {
    const forged = (changes: string): string => {
      const events = eventsOf('05a-forged-connection', changes);
      const n = events
        .filter(isSent)
        .findIndex(({ packet, at }) => packet.from === 'attacker' && at === 200_000);
      return why(fieldsOf(events, n + 1, 'forged'), 'ack');
    };
    expect(forged('')).toContain('1000000 + 1');
    expect(forged('isn=siphash')).toContain('a wrong one');
  });

  test('what was damaged on the way says so, and nothing else does', () => {
    const events = eventsOf('06-states', 'corrupt=wire/client/2/27/1');
    const key = (it: { packet: { from: string; n: number } }): string => `${it.packet.from}/${it.packet.n}`;
    const sent = events.find((event): event is PacketEvent => isSent(event) && key(event) === 'client/2')!;
    const arrived = events.find(
      (event): event is PacketEvent => event.kind === 'arrived' && key(event) === 'client/2',
    )!;
    const before = events.slice(0, events.indexOf(sent));
    const whole = headerOf(sent.bytes, before, 'siphash')!;
    const header = asDamaged(headerOf(arrived.bytes, before, 'siphash')!, whole);
    expect(header.checksumRight).toBe(false);
    const damaged = header.fields.filter(({ why: text }) => text.en.includes('Damaged'));
    expect(damaged.map(({ id }) => id)).toEqual(['seq']);
    expect(why(header.fields, 'seq')).toContain(whole.fields[2]!.value);
    expect(why(header.fields, 'ack')).toBe(why(whole.fields, 'ack'));
  });
});
