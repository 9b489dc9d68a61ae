/** System calls and the C-like values they take and return. */
import type { Expression, SyscallSpec } from './ast.ts';
import { isIpv6, type Lexer } from './lexer.ts';
import { parseNumber, parseSeconds, semanticError } from './parse-number.ts';
import { parseGreHeader, parseMplsEntry } from './parse-packet.ts';

export function parseSyscall(lexer: Lexer): SyscallSpec {
  const endUs = lexer.accept('...') ? parseSeconds(lexer, "the blocking call's end") : null;
  const name = lexer.expectKind('word', 'the name of a system call');
  lexer.expect('(', `'(' after ${name.value}`);
  const args = lexer.at(')') ? [] : parseList(lexer);
  lexer.expect(')', "',' or ')' after an argument");
  lexer.expect('=', "'=' and the expected result");
  const result = parseExpression(lexer);
  let errno: SyscallSpec['errno'] = null;
  if (lexer.peek().kind === 'word') {
    const token = lexer.next();
    const names = [token.value];
    while (lexer.accept('|')) names.push(lexer.next().value);
    errno = { names, at: token.start };
    parseNote(lexer);
  }
  if (lexer.at('(')) parseNote(lexer);
  return { name: name.value, args, result, errno, endUs, at: name.start };
}

/** The words in parentheses after an error's name say it again for people; they are not compared. */
function parseNote(lexer: Lexer): void {
  const open = lexer.expect('(', "'(' and the error's text");
  let words = 0;
  while (!lexer.accept(')')) {
    const token = lexer.next();
    if (token.kind !== 'word') throw lexer.unexpected("')' after the error's text", token);
    words++;
  }
  if (words === 0) throw lexer.unexpected("the error's text", open);
}

function parseList(lexer: Lexer): Expression[] {
  const items: Expression[] = [];
  do items.push(parseExpression(lexer));
  while (lexer.accept(','));
  return items;
}

/** Values within values, or joined by `|`: no call needs more, and each takes some of the stack. */
const mostDepth = 100;

function parseExpression(lexer: Lexer): Expression {
  if (++lexer.depth > mostDepth) throw semanticError(`values go up to ${mostDepth} deep`, lexer.peek().start);
  let value = parseTerm(lexer);
  if (lexer.accept('|')) value = { kind: 'or', left: value, right: parseExpression(lexer), at: value.at };
  lexer.depth--;
  return value;
}

function parseTerm(lexer: Lexer): Expression {
  const token = lexer.peek();
  const at = token.start;
  switch (token.kind) {
    case 'ellipsis':
      lexer.next();
      return { kind: 'ellipsis', at };
    case 'integer':
    case 'hex':
      lexer.next();
      return { kind: 'integer', value: Number(token.value), at };
    case 'string':
      return parseString(lexer);
    case 'word':
      return parseWord(lexer);
    default:
      if (lexer.at('[')) {
        lexer.next();
        const items = lexer.at(']') ? [] : parseList(lexer);
        lexer.expect(']', "',' or ']'");
        return { kind: 'list', items, at };
      }
      if (lexer.at('{')) return parseBraces(lexer);
      throw lexer.unexpected('an argument or a value');
  }
}

function parseString(lexer: Lexer): Expression {
  const first = lexer.next();
  let value = first.value;
  while (lexer.peek().kind === 'string') value += lexer.next().value;
  lexer.accept('...');
  return { kind: 'string', value, at: first.start };
}

function parseWord(lexer: Lexer): Expression {
  const token = lexer.next();
  const at = token.start;
  if (token.text === 'inet_addr' || token.text === 'inet6_addr') {
    const address = parseQuotedAddress(lexer);
    const six = token.text === 'inet6_addr';
    if (six !== isIpv6(address))
      throw semanticError(six ? 'cannot parse in6_addr' : 'invalid IPv4 address', at);
    if (six) return { kind: 'in6addr', ip: address, at };
    const bytes = address.split('.').map(Number);
    return { kind: 'integer', value: bytes.reduceRight((sum, byte) => sum * 256 + byte, 0), at };
  }
  if (!lexer.at('=')) return { kind: 'word', name: token.value, at };
  lexer.next();
  return { kind: 'assign', name: token.value, value: parseExpression(lexer), at };
}

function parseQuotedAddress(lexer: Lexer): string {
  lexer.expect('(');
  const text = lexer.expectKind('string', 'an address in quotes').value;
  lexer.expect(')');
  return text;
}

/** `name=value`, with a comma before it unless it is the first. */
function field(lexer: Lexer, name: string, first = false): Expression {
  if (!first) lexer.expect(',', `',' and ${name}=`);
  lexer.expect(name);
  lexer.expect('=');
  return parseExpression(lexer);
}

function parseBraces(lexer: Lexer): Expression {
  const at = lexer.next().start;
  const value = parseStruct(lexer, at);
  lexer.expect('}', "'}'");
  return value;
}

function parseStruct(lexer: Lexer, at: number): Expression {
  if (lexer.accept('...')) {
    lexer.expect(',', "',' and the buffer's length");
    return {
      kind: 'iovec',
      length: parseNumber(lexer, "the buffer's length", 2 ** 31, 'length out of range'),
      at,
    };
  }
  if (lexer.at('(') || lexer.at('}')) {
    while (lexer.at('(')) parseMplsEntry(lexer);
    return { kind: 'tunnel', at };
  }
  switch (lexer.peek().kind === 'word' ? lexer.peek().text : '') {
    case 'sa_family':
      return parseSockaddr(lexer, at);
    case 'msg_name':
      return parseMsghdr(lexer, at);
    case 'fd': {
      const fd = field(lexer, 'fd', true);
      const events = field(lexer, 'events');
      return { kind: 'pollfd', fd, events, revents: lexer.at(',') ? field(lexer, 'revents') : null, at };
    }
    case 'events':
      return parseEpollEvent(lexer, at);
    case 'onoff':
      return parseLinger(lexer, at);
    case 'cmsg_level':
      return {
        kind: 'cmsg',
        level: field(lexer, 'cmsg_level', true),
        type: field(lexer, 'cmsg_type'),
        data: field(lexer, 'cmsg_data'),
        at,
      };
    case 'scm_sec':
      return parseTimestamping(lexer, at);
    case 'ee_errno':
      return {
        kind: 'extended-error',
        errno: field(lexer, 'ee_errno', true),
        origin: field(lexer, 'ee_origin'),
        type: field(lexer, 'ee_type'),
        code: field(lexer, 'ee_code'),
        info: field(lexer, 'ee_info'),
        data: field(lexer, 'ee_data'),
        at,
      };
    case 'flags':
    case 'Flags':
      parseGreHeader(lexer);
      return { kind: 'tunnel', at };
    default:
      return { kind: 'list', items: parseList(lexer), at };
  }
}

function parseSockaddr(lexer: Lexer, at: number): Expression {
  lexer.expect('sa_family');
  lexer.expect('=');
  const family = lexer.expectKind('word', 'AF_INET or AF_INET6');
  lexer.expect(',');
  lexer.expect('sin_port');
  lexer.expect('=');
  lexer.expect('htons');
  lexer.expect('(');
  const port = parseNumber(lexer, 'a port', 0xffff, 'port out of range');
  lexer.expect(')');
  lexer.expect(',');
  lexer.expect('sin_addr');
  lexer.expect('=');
  const addressAt = lexer.peek().start;
  lexer.expect('inet_addr');
  const ip = parseQuotedAddress(lexer);
  const six = family.value === 'AF_INET6';
  if (!six && family.value !== 'AF_INET')
    throw semanticError(`unknown address family ${family.value}`, family.start);
  if (six ? !isIpv6(ip) : !/^\d+\.\d+\.\d+\.\d+$/.test(ip)) {
    throw semanticError(`invalid ${six ? 'IPv6' : 'IPv4'} address`, addressAt);
  }
  return { kind: 'sockaddr', family: family.value, port, ip, at };
}

function parseMsghdr(lexer: Lexer, at: number): Expression {
  for (const text of ['msg_name', '(', '...', ')', '=', '...', ',', 'msg_iov', '(']) lexer.expect(text);
  const count = parseNumber(lexer, 'the number of buffers', 1024, 'number of buffers out of range');
  lexer.expect(')');
  lexer.expect('=');
  const iov = parseExpression(lexer);
  const flags = field(lexer, 'msg_flags');
  let control: readonly Expression[] = [];
  if (lexer.at(',')) {
    const list = field(lexer, 'msg_control');
    if (list.kind !== 'list') throw semanticError('msg_control takes a list in [ ]', list.at);
    control = list.items;
  }
  return { kind: 'msghdr', count, iov, flags, control, at };
}

function parseEpollEvent(lexer: Lexer, at: number): Expression {
  const events = field(lexer, 'events', true);
  lexer.expect(',');
  const name = lexer.next();
  if (name.text !== 'fd' && name.text !== 'ptr' && name.text !== 'u32' && name.text !== 'u64') {
    throw lexer.unexpected('fd, ptr, u32 or u64', name);
  }
  lexer.expect('=');
  return { kind: 'epollev', events, field: name.text, data: parseExpression(lexer), at };
}

function parseLinger(lexer: Lexer, at: number): Expression {
  lexer.expect('onoff');
  lexer.expect('=');
  const onoff = parseNumber(lexer, '0 or 1', 2 ** 31 - 1, 'onoff out of range');
  lexer.expect(',');
  lexer.expect('linger');
  lexer.expect('=');
  return {
    kind: 'linger',
    onoff,
    linger: parseNumber(lexer, 'seconds', 2 ** 31 - 1, 'linger out of range'),
    at,
  };
}

function parseTimestamping(lexer: Lexer, at: number): Expression {
  lexer.expect('scm_sec');
  lexer.expect('=');
  const sec = parseNumber(lexer, 'seconds', 2 ** 53, 'seconds out of range');
  lexer.expect(',');
  lexer.expect('scm_nsec');
  lexer.expect('=');
  return {
    kind: 'timestamping',
    sec,
    nsec: parseNumber(lexer, 'nanoseconds', 1e9, 'nanoseconds out of range'),
    at,
  };
}
