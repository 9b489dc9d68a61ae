/** Numbers of all kinds, with their limits. */
import type { OrAny } from './ast.ts';
import { DrillError } from './failure.ts';
import type { Lexer } from './lexer.ts';

/** A script that parses but makes no sense. */
export function semanticError(message: string, at: number): DrillError {
  return new DrillError('semantic', `semantic error: ${message}`, at);
}

/** An integer within bounds. */
export function parseNumber(lexer: Lexer, what: string, max: number, rangeError: string): number {
  const token = lexer.peek();
  if (token.kind !== 'integer') throw lexer.unexpected(what);
  lexer.next();
  const value = Number(token.value);
  if (value < 0 || value > max) throw semanticError(rangeError, token.start);
  return value;
}

/** An integer, or `*` for any value (our extension, for outbound packets). */
export function parseNumberOrAny(lexer: Lexer, what: string, max: number, rangeError: string): OrAny {
  return lexer.accept('*') ? '*' : parseNumber(lexer, `${what} or *`, max, rangeError);
}

/** A decimal or hexadecimal integer. */
export function parseAnyInt(lexer: Lexer): number {
  const token = lexer.peek();
  if (token.kind !== 'integer' && token.kind !== 'hex') throw lexer.unexpected('a number');
  lexer.next();
  return Number(token.value);
}

/** The furthest time of an event, s: about four months, and exact in µs. */
export const mostSeconds = 10_000_000;

/** Seconds as written, in whole µs; what is finer is cut off. */
export function parseSeconds(lexer: Lexer, what: string): number {
  const token = lexer.peek();
  if (token.kind !== 'float' && token.kind !== 'integer') throw lexer.unexpected(what);
  lexer.next();
  if (token.value.startsWith('-')) throw semanticError('negative time', token.start);
  const [whole = '', fraction = ''] = token.value.split('.');
  if (Number(whole) >= mostSeconds)
    throw semanticError(`time out of range: events end before ${mostSeconds} s`, token.start);
  return Number(whole) * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}
