/**
 * packetdrill's tokens. They are made on demand, because two places need the parser's knowledge of where it is: TCP
 * flags (`.5` is an ACK with ACE 5, not a number) and nothing else may read ahead across them.
 */
import { DrillError } from './failure.ts';

type TokenKind =
  | 'word'
  | 'integer'
  | 'hex'
  | 'float'
  | 'string'
  | 'command'
  | 'code'
  | 'ipv4'
  | 'ipv6'
  | 'option'
  | 'ellipsis'
  | 'punctuation'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As it stands in the script. */
  readonly text: string;
  /** Without quotes and delimiters; after `-D` substitution. */
  readonly value: string;
  /** Offset in the script. */
  readonly start: number;
  readonly end: number;
}

const patterns = {
  blank: /(?:[ \t\r\n]+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y,
  option: /--[A-Za-z0-9_]+/y,
  float: /-?[0-9]*\.[0-9]+/y,
  integer: /-?[0-9]+/y,
  hex: /0x[0-9a-fA-F]+/y,
  word: /[A-Za-z0-9_]+/y,
  ipv4: /[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+/y,
  colons: /[0-9a-fA-F:]*::[0-9a-fA-F:.]*|(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}/y,
  string: /"(?:\\[\s\S]|[^"\\])*"/y,
  command: /`(?:\\[\s\S]|[^`\\])*`/y,
  flags: /(?:-(?![0-9])|[A-Za-z0-9_?]*(?:\.\??)?[0-9]*)/y,
};

/** Whether a text is an IPv6 address (an embedded IPv4 tail allowed). */
export function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [index, half] of halves.entries()) {
    if (half === '') continue;
    const parts = half.split(':');
    for (const [i, part] of parts.entries()) {
      const last = index === halves.length - 1 && i === parts.length - 1;
      if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups += 1;
      else if (last && /^\d+\.\d+\.\d+\.\d+$/.test(part)) groups += 2;
      else return false;
    }
  }
  return halves.length === 2 ? groups <= 7 : groups === 8;
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  0: '\0',
  '"': '"',
  '\\': '\\',
};

/** A cursor over a script's tokens. */
export class Lexer {
  readonly text: string;
  private readonly defines: ReadonlyMap<string, string>;
  /** How deep the parser is in values within values. */
  depth = 0;
  private position = 0;
  private peeked: Token | null = null;

  /** @param defines what `-D name=value` replaces, whole words only */
  constructor(text: string, defines: ReadonlyMap<string, string>) {
    this.text = text;
    this.defines = defines;
  }

  peek(): Token {
    this.peeked ??= this.scan();
    return this.peeked;
  }

  next(): Token {
    const token = this.peek();
    this.peeked = null;
    this.position = token.end;
    return token;
  }

  /** The token after the next one. */
  peekSecond(): Token {
    const first = this.next();
    const second = this.peek();
    this.peeked = first;
    this.position = first.start;
    return second;
  }

  /** TCP flags, read as they stand: `S`, `S.`, `.`, `P.5`, `P?.` (PSH or not), `-` (none). */
  flags(): Token {
    this.position = this.peeked?.start ?? this.position;
    this.peeked = null;
    this.skipBlank();
    const start = this.position;
    const text = this.match(patterns.flags) ?? '';
    this.position = start + text.length;
    const dot = text.indexOf('.');
    const word = dot < 0 ? text : text.slice(0, dot);
    const value = (this.defines.get(word) ?? word) + (dot < 0 ? '' : text.slice(dot));
    return { kind: 'word', text, value, start, end: this.position };
  }

  /** Whether the next token is this punctuation mark or word. */
  at(text: string): boolean {
    const token = this.peek();
    return (
      (token.kind === 'punctuation' || token.kind === 'word' || token.kind === 'ellipsis') &&
      token.text === text
    );
  }

  accept(text: string): boolean {
    if (!this.at(text)) return false;
    this.next();
    return true;
  }

  expect(text: string, what: string = `'${text}'`): Token {
    if (!this.at(text)) throw this.unexpected(what);
    return this.next();
  }

  expectKind(kind: TokenKind, what: string): Token {
    if (this.peek().kind !== kind) throw this.unexpected(what);
    return this.next();
  }

  /** A parse error at the next token. */
  unexpected(wanted: string, token: Token = this.peek()): DrillError {
    const found = token.kind === 'end' ? 'end of file' : (token.text.split('\n', 1)[0] ?? '');
    return new DrillError('parse', `parse error at '${found}': expected ${wanted}`, token.start);
  }

  private match(pattern: RegExp): string | null {
    pattern.lastIndex = this.position;
    return pattern.exec(this.text)?.[0] ?? null;
  }

  private skipBlank(): void {
    const blank = this.match(patterns.blank);
    if (blank !== null) this.position += blank.length;
    if (this.text.startsWith('/*', this.position)) {
      throw new DrillError('parse', "parse error at '/*': this comment is never closed by */", this.position);
    }
  }

  private make(kind: TokenKind, text: string, value: string = text): Token {
    return { kind, text, value, start: this.position, end: this.position + text.length };
  }

  private scan(): Token {
    this.skipBlank();
    if (this.position >= this.text.length) return this.make('end', '');
    const char = this.text[this.position]!;
    if (char === '"') return this.quoted('string', patterns.string, 'string', '"');
    if (char === '`') return this.quoted('command', patterns.command, 'command', '`');
    if (this.text.startsWith('%{', this.position)) return this.code();
    if (this.text.startsWith('...', this.position)) return this.make('ellipsis', '...');
    const option = this.match(patterns.option);
    if (option !== null) return this.make('option', option, option.slice(2));
    return this.address() ?? this.numberOrWord() ?? this.make('punctuation', char);
  }

  private quoted(kind: TokenKind, pattern: RegExp, name: string, mark: string): Token {
    const text = this.match(pattern);
    if (text === null) {
      throw new DrillError('parse', `parse error at '${mark}': this ${name} is never closed`, this.position);
    }
    const inside = text.slice(1, -1);
    return this.make(kind, text, kind === 'string' ? this.unescape(inside) : inside);
  }

  private unescape(text: string): string {
    return text.replace(/\\(x[0-9a-fA-F]{2}|[\s\S])/g, (all: string, code: string) => {
      if (code.length === 3) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
      const plain = escapes[code];
      if (plain !== undefined) return plain;
      throw new DrillError('semantic', `semantic error: unsupported escape code: '${all}'`, this.position);
    });
  }

  private code(): Token {
    const end = this.text.indexOf('}%', this.position);
    if (end < 0) {
      throw new DrillError('parse', "parse error at '%{': this code is never closed by }%", this.position);
    }
    const text = this.text.slice(this.position, end + 2);
    return this.make('code', text, text.slice(2, -2).replace(/^[ \t]+|[ \t]+$/g, ''));
  }

  private address(): Token | null {
    if (!/[0-9a-fA-F:]/.test(this.text[this.position]!)) return null;
    const ipv4 = this.match(patterns.ipv4);
    if (ipv4 !== null) return this.make('ipv4', ipv4);
    const run = this.match(patterns.colons);
    if (run === null) return null;
    // A colon may follow the address (`ipv6 a > b: S 0:0(0)`): the longest beginning that is an address.
    for (let length = run.length; length > 1; length--) {
      if (isIpv6(run.slice(0, length))) return this.make('ipv6', run.slice(0, length));
    }
    return null;
  }

  private numberOrWord(): Token | null {
    let best: Token | null = null;
    // What starts with a letter can only be a word.
    if (/[A-Za-z_]/.test(this.text[this.position]!))
      return this.defined(this.make('word', this.match(patterns.word)!));
    for (const kind of ['float', 'integer', 'hex', 'word'] as const) {
      const text = this.match(patterns[kind]);
      if (text !== null && text.length > (best?.text.length ?? 0)) best = this.make(kind, text);
    }
    return best?.kind === 'word' ? this.defined(best) : best;
  }

  private defined(token: Token): Token {
    const value = this.defines.get(token.text);
    if (value === undefined) return token;
    if (value.startsWith('"')) return { ...token, kind: 'string', value: this.unescape(value.slice(1, -1)) };
    if (value.startsWith('`')) return { ...token, kind: 'command', value: value.slice(1, -1) };
    if (/^0x[0-9a-fA-F]+$/.test(value)) return { ...token, kind: 'hex', value };
    if (/^-?[0-9]+$/.test(value)) return { ...token, kind: 'integer', value };
    return { ...token, value };
  }
}
