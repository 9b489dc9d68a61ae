/** Colours for packetdrill scripts. What is right and wrong is the drill parser's business, not this one's. */
import { HighlightStyle, StreamLanguage, type StringStream, syntaxHighlighting } from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { tags } from '@lezer/highlight';

interface State {
  /** What a construct over several lines ends with; empty outside of one. */
  until: '' | '*/' | '}%' | '`';
}

const optionWord =
  /^(?:mss|wscale|sackOK|sack|TS|val|ecr|nop|eol|FO|FOEXP|win|urg|md5|length|ecn|ect0|ect1|ce|noecn)\b/;

function token(stream: StringStream, state: State): string | null {
  if (state.until !== '') {
    const name = state.until === '*/' ? 'comment' : 'meta';
    while (!stream.eol()) {
      if (stream.match(state.until)) {
        state.until = '';
        return name;
      }
      stream.next();
    }
    return name;
  }
  if (stream.eatSpace()) return null;
  if (stream.match('//')) {
    stream.skipToEnd();
    return 'comment';
  }
  if (stream.match('/*')) state.until = '*/';
  else if (stream.match('%{')) state.until = '}%';
  else if (stream.match('`')) state.until = '`';
  if (state.until !== '') return token(stream, state) ?? 'meta';
  if (stream.match(/^--\w+/)) return 'meta';
  if (stream.match(/^"(?:[^"\\]|\\.)*"?/)) return 'string';
  if (stream.match(/^[<>](?=\s)/)) return 'operator';
  if (stream.match(/^[+]?\d+(?:\.\d+)?(?:~[+]?\d+(?:\.\d+)?)?/) || stream.match(/^0x[\da-f]+/i))
    return 'number';
  if (stream.match(/^\.\.\./)) return 'operator';
  if (stream.match(optionWord)) return 'propertyName';
  if (stream.match(/^[A-Z][A-Z0-9_]{2,}\b/)) return 'atom';
  if (stream.match(/^[SFRPAUEWC.]{1,5}(?=\s+\d+:)/)) return 'keyword';
  if (stream.match(/^[a-z_]\w*(?=\s*\()/)) return 'function';
  if (stream.match(/^\w+/)) return null;
  stream.next();
  return null;
}

const language = StreamLanguage.define<State>({
  name: 'packetdrill',
  startState: () => ({ until: '' }),
  token,
  languageData: { commentTokens: { line: '//' } },
  tokenTable: { function: tags.function(tags.variableName) },
});

const style = HighlightStyle.define([
  { tag: tags.comment, color: 'var(--muted)', fontStyle: 'italic' },
  { tag: tags.meta, color: 'var(--timer)' },
  { tag: tags.string, color: 'var(--good)' },
  { tag: tags.number, color: 'var(--f-syn)' },
  { tag: tags.operator, color: 'var(--f-rst)', fontWeight: 'bold' },
  { tag: tags.propertyName, color: 'var(--f-synack)' },
  { tag: tags.atom, color: 'var(--f-fin)' },
  { tag: tags.keyword, color: 'var(--f-rst)', fontWeight: 'bold' },
  { tag: tags.function(tags.variableName), color: 'var(--call)', fontWeight: 'bold' },
]);

export const packetdrill: readonly Extension[] = [language, syntaxHighlighting(style)];
