/** TCP options: `<mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>`, or `<...>` for any. */
import type { SackBlock, TcpOptionSpec } from './ast.ts';
import type { Lexer } from './lexer.ts';
import { parseNumber, parseNumberOrAny, semanticError } from './parse-number.ts';

export function parseTcpOptions(lexer: Lexer): TcpOptionSpec[] | '*' {
  lexer.expect('<');
  if (lexer.accept('...')) {
    lexer.expect('>', "'>' after <...");
    return '*';
  }
  const options: TcpOptionSpec[] = [];
  do options.push(parseTcpOption(lexer));
  while (lexer.accept(','));
  lexer.expect('>', "',' or '>' after a TCP option");
  return options;
}

/** Bytes an option takes on the wire; for one whose size is left open, its usual size. */
export function optionLength(option: TcpOptionSpec): number {
  switch (option.kind) {
    case 'nop':
    case 'eol':
      return 1;
    case 'sackOK':
      return 2;
    case 'mss':
      return 4;
    case 'wscale':
      return 3;
    case 'TS':
      return 10;
    case 'sack':
      return 2 + 8 * (option.blocks === '*' ? 0 : option.blocks.length);
    case 'FO':
    case 'md5':
      return 2 + (option.bytes === '*' ? 0 : option.bytes.length);
    case 'FOEXP':
      return 4 + (option.bytes === '*' ? 0 : option.bytes.length);
    case 'ECN':
      return 2 + 3 * option.counters.length;
    case 'raw':
      return option.bytes.length;
    case 'unknown':
      return 2 + option.bytes.length;
  }
}

/** Bytes of a list of options; a multiple of four if the size of one of them is left open. */
export function optionsLength(options: readonly TcpOptionSpec[]): number {
  const open = options.some(
    (option) =>
      (option.kind === 'sack' && option.blocks === '*') || ('bytes' in option && option.bytes === '*'),
  );
  return open ? 0 : options.reduce((sum, option) => sum + optionLength(option), 0);
}

function parseTcpOption(lexer: Lexer): TcpOptionSpec {
  const token = lexer.peek();
  const what = 'a TCP option (mss, sackOK, TS, nop, wscale, sack, FO, FOEXP, md5, ECN, eol, bytes)';
  if (token.kind !== 'word') throw lexer.unexpected(what);
  lexer.next();
  switch (token.text) {
    case 'nop':
    case 'eol':
    case 'sackOK':
      return { kind: token.text };
    case 'mss':
      return { kind: 'mss', value: parseNumberOrAny(lexer, 'an MSS', 0xffff, 'mss value out of range') };
    case 'wscale':
      return {
        kind: 'wscale',
        value: parseNumberOrAny(lexer, 'a shift count', 0xff, 'window scale shift count out of range'),
      };
    case 'TS': {
      lexer.expect('val', "'val' of the timestamp");
      const val = parseNumberOrAny(lexer, 'a timestamp', 0xffffffff, 'ts val out of range');
      lexer.expect('ecr', "'ecr' of the timestamp");
      return {
        kind: 'TS',
        val,
        ecr: parseNumberOrAny(lexer, 'a timestamp', 0xffffffff, 'ecr val out of range'),
      };
    }
    case 'sack':
      return { kind: 'sack', blocks: parseSackBlocks(lexer) };
    case 'FO':
      return { kind: 'FO', bytes: parseBlob(lexer, 'TCP fast open cookie', 38, true) };
    case 'FOEXP':
      return { kind: 'FOEXP', bytes: parseBlob(lexer, 'TCP fast open cookie', 36, true) };
    case 'md5':
      return { kind: 'md5', bytes: parseBlob(lexer, 'TCP MD5 digest', 16, false) };
    case 'bytes':
      return { kind: 'raw', bytes: parseBlob(lexer, 'bytes of options', 40, false) as Uint8Array };
    case 'ECN':
      return parseEcn(lexer);
    default:
      throw lexer.unexpected(what, token);
  }
}

function parseSackBlocks(lexer: Lexer): SackBlock[] | '*' {
  if (lexer.accept('*')) return '*';
  const blocks: SackBlock[] = [];
  do {
    const left = parseNumber(
      lexer,
      'a SACK block, such as 1001:2001',
      0xffffffff,
      'TCP SACK left sequence number out of range',
    );
    lexer.expect(':', "':' within a SACK block");
    const right = parseNumber(
      lexer,
      'the end of the SACK block',
      0xffffffff,
      'TCP SACK right sequence number out of range',
    );
    blocks.push({ left, right });
  } while (lexer.peek().kind === 'integer');
  return blocks;
}

function parseBlob(lexer: Lexer, name: string, maxBytes: number, optional: boolean): Uint8Array | '*' {
  if (lexer.accept('*')) return '*';
  const token = lexer.peek();
  if (token.kind !== 'word' && token.kind !== 'integer') {
    if (optional) return new Uint8Array(0);
    throw lexer.unexpected(`the ${name} in hex digits`);
  }
  lexer.next();
  const text = token.value;
  const fail = (message: string): Error => semanticError(message, token.start);
  if (!/^[0-9a-fA-F]*$/.test(text)) throw fail(`${name} '${text}' is not a valid hex string`);
  if (text.length % 2 !== 0) throw fail(`${name} has an odd number of digits`);
  if (text.length / 2 > maxBytes) {
    throw fail(`${name} of ${text.length / 2} bytes exceeds maximum length of ${maxBytes} bytes`);
  }
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}

function parseEcn(lexer: Lexer): TcpOptionSpec {
  if (!lexer.at('e0b') && !lexer.at('e1b')) throw lexer.unexpected('e0b or e1b');
  const first = lexer.next().text as 'e0b' | 'e1b';
  const order = ['ceb', first === 'e0b' ? 'e1b' : 'e0b'];
  const counter = (): number =>
    parseNumber(lexer, 'a counter', 0xffffff, 'TCP AccECN field value out of range');
  const counters = [counter()];
  for (const name of order) {
    if (!lexer.accept(name)) break;
    counters.push(counter());
  }
  return { kind: 'ECN', first, counters };
}
