import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pcapHeader, pcapngHeader, pcapngPacket, pcapPacket } from '../../src/wire/pcap.ts';
import { testNeeding } from '../support/needs.ts';

// An IPv4 SYN 10.0.0.1:1000 → 10.0.0.2:80 without options.
const syn = Uint8Array.from([
  0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0x26, 0xce, 10, 0, 0, 1, 10, 0, 0, 2, 3, 232, 0, 80, 0, 0, 0, 1, 0, 0,
  0, 0, 0x50, 2, 0xfa, 0xf0, 0, 0, 0, 0,
]);

function tshark(file: Uint8Array, fields: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'halfopen-pcap-'));
  const path = join(folder, 'capture');
  writeFileSync(path, file);
  const args = ['-r', path, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
  const result = spawnSync('tshark', args, { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  if (result.status !== 0) throw new Error(result.stderr);
  return result.stdout.trim();
}

describe('writing captures', () => {
  test('a pcapng block is padded to 32 bits and says its length at both ends', () => {
    const bytes = pcapngPacket(1n, Uint8Array.of(1, 2, 3), { comment: 'five5' });
    const view = new DataView(bytes.buffer);
    expect(bytes.length % 4).toBe(0);
    expect(view.getUint32(4, true)).toBe(bytes.length);
    expect(view.getUint32(bytes.length - 4, true)).toBe(bytes.length);
    expect(view.getUint32(20, true)).toBe(3);
  });

  test('a comment too long for the format is cut at a character', () => {
    const bytes = pcapngPacket(0n, new Uint8Array(0), { comment: 'é'.repeat(40_000) });
    expect(new DataView(bytes.buffer).getUint16(30, true)).toBe(65534);
  });

  testNeeding('test/wire/pcap.test.ts', 'tshark')(
    'tshark reads the pcapng with every nanosecond and comment',
    () => {
      const time = 1_700_000_000_123_456_789n;
      const file = Buffer.concat([
        pcapngHeader([{ name: 'a' }, { name: 'b' }], 'whole file'),
        pcapngPacket(time, syn, { comment: 'first', interfaceId: 1 }),
        pcapngPacket(time + 1n, syn.subarray(0, 34), { originalLength: 40 }),
      ]);
      const fields = [
        'frame.time_epoch',
        'frame.interface_name',
        'frame.comment',
        'frame.len',
        'tcp.dstport',
      ];
      expect(tshark(file, fields).split('\n')).toEqual([
        '1700000000.123456789\tb\tfirst\t40\t80',
        '1700000000.123456790\ta\t\t40\t80',
      ]);
    },
  );

  testNeeding('test/wire/pcap.test.ts', 'tshark')('tshark reads the classic pcap', () => {
    const file = Buffer.concat([pcapHeader(), pcapPacket(1_700_000_000_000_000_001n, syn)]);
    expect(tshark(file, ['frame.time_epoch', 'ip.dst'])).toBe('1700000000.000000001\t10.0.0.2');
  });
});
