/** Scripts: options, the init command, timed events, the cleanup command; in that order. */
import type { Action, Command, Event, EventTime, Script, ScriptOption } from './ast.ts';
import { chosenText } from './conditional.ts';
import { DrillError } from './failure.ts';
import { Lexer, type Token } from './lexer.ts';
import { parseSeconds, semanticError } from './parse-number.ts';
import { parsePacket } from './parse-packet.ts';
import { parseSyscall } from './parse-syscall.ts';

/**
 * Reads a script.
 * @param written the script
 * @param defines `-D name=value` pairs; a definition in the script itself is overridden by one given here
 * @throws DrillError of kind parse or semantic
 */
export function parseScript(written: string, defines: ReadonlyMap<string, string> = new Map()): Script {
  const text = chosenText(written, defines);
  const options = parseOptions(new Lexer(text, new Map()));
  const all = new Map(options.list.flatMap((option) => definitionOf(option)));
  for (const [name, value] of defines) all.set(name, value);
  const lexer = new Lexer(text, all);
  for (let i = 0; i < options.tokens; i++) lexer.next();
  return { options: options.list, ...parseBody(lexer) };
}

/** The name and value of a `--define=name=value` line of a script. */
function definitionOf(option: ScriptOption): [string, string][] {
  if (option.name !== 'define') return [];
  const equals = option.value?.indexOf('=') ?? -1;
  if (option.value === null || equals < 0) {
    throw new DrillError('semantic', `semantic error: bad definition: ${option.value ?? ''}`, option.at);
  }
  return [[option.value.slice(0, equals), option.value.slice(equals + 1)]];
}

function parseOptions(lexer: Lexer): { list: ScriptOption[]; tokens: number } {
  const list: ScriptOption[] = [];
  let tokens = 0;
  const next = (): Token => {
    tokens++;
    return lexer.next();
  };
  while (lexer.peek().kind === 'option') {
    const name = next();
    let value: string | null = null;
    if (lexer.at('=')) {
      next();
      if (!['integer', 'hex', 'word', 'string', 'ipv4', 'ipv6'].includes(lexer.peek().kind)) {
        throw lexer.unexpected('the value of an option');
      }
      const first = next();
      value = first.value;
      if (first.kind === 'word' && lexer.at('=')) {
        next();
        const second = next();
        value = `${first.value}=${second.text}`;
      }
    }
    list.push({ name: name.value, value, at: name.start });
  }
  return { list, tokens };
}

function parseBody(lexer: Lexer): Omit<Script, 'options'> {
  const command = (): Command => {
    const token = lexer.next();
    return { text: token.value, at: token.start };
  };
  const init = lexer.peek().kind === 'command' ? command() : null;
  const events: Event[] = [];
  let cleanup: Command | null = null;
  while (lexer.peek().kind !== 'end') {
    if (lexer.peek().kind === 'command' && events.length > 0) {
      cleanup = command();
      if (lexer.peek().kind !== 'end') throw lexer.unexpected('nothing more after the cleanup command');
      break;
    }
    events.push(parseEvent(lexer));
  }
  if (events.length === 0) throw lexer.unexpected('an event, such as: 0 socket(..., SOCK_STREAM, 0) = 3');
  return { init, events, cleanup };
}

function parseEvent(lexer: Lexer): Event {
  const start = lexer.peek();
  const time = parseTime(lexer);
  const action = parseAction(lexer);
  const outbound = action.kind === 'packet' && action.packet.direction === 'out';
  if (time.kind === 'any' && !outbound) {
    throw semanticError('event time <star> can only be used with outbound packets', start.start);
  }
  if (time.kind.endsWith('range')) {
    if (time.endUs < time.us) throw semanticError('time range is backwards', start.start);
    if (!outbound)
      throw semanticError('event time range can only be used with outbound packets', start.start);
  }
  return { time, at: start.start, action };
}

function parseTime(lexer: Lexer): EventTime {
  if (lexer.accept('*')) return { kind: 'any', us: 0, endUs: 0 };
  const relative = lexer.accept('+');
  const us = parseSeconds(
    lexer,
    relative ? 'a time in seconds' : 'a time (0.1, +0.1 or *), or a command to clean up',
  );
  if (!lexer.accept('~')) return { kind: relative ? 'relative' : 'absolute', us, endUs: us };
  if (relative) lexer.expect('+', "'+' before the end of a relative range");
  const endUs = parseSeconds(lexer, 'the time that ends the range');
  return { kind: relative ? 'relative-range' : 'absolute-range', us, endUs };
}

function parseAction(lexer: Lexer): Action {
  const token = lexer.peek();
  if (token.kind === 'code') return { kind: 'code', text: lexer.next().value };
  if (token.kind === 'command') return { kind: 'command', text: lexer.next().value };
  if (lexer.at('<') || lexer.at('>')) return { kind: 'packet', packet: parsePacket(lexer) };
  if (token.kind === 'word' || token.kind === 'ellipsis')
    return { kind: 'syscall', call: parseSyscall(lexer) };
  throw lexer.unexpected('a packet (< or >), a system call, a `command` or %{ code }%');
}
