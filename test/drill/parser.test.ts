import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { DrillError } from '../../src/drill/failure.ts';
import { parseScript } from '../../src/drill/parser.ts';
import { testNeeding } from '../support/needs.ts';

testNeeding('test/drill/parser.test.ts', 'packetdrill-suite')(
  'every script of the outside suite parses',
  () => {
    const folder = process.env.PACKETDRILL_SUITE!;
    const defines = new Map([
      ['TFO_COOKIE', '3021b9d889017eeb'],
      ['CODE', 'host_unreachable'],
      ['CMSG_LEVEL_IP', 'SOL_IP'],
      ['CMSG_TYPE_RECVERR', 'IP_RECVERR'],
    ]);
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((it) =>
      it.endsWith('.pkt'),
    );
    const wrong = names.flatMap((name) => {
      try {
        parseScript(readFileSync(join(folder, name), 'utf8'), defines);
        return [];
      } catch (error) {
        return [`${name}: ${error instanceof DrillError ? error.message : error}`];
      }
    });
    expect(wrong).toEqual([]);
    expect(names.length).toBeGreaterThanOrEqual(162);
  },
);
