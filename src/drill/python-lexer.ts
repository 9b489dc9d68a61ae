/** Tokens of the Python subset of python.ts. */
import { PythonError } from './python-values.ts';

export interface PyToken {
  readonly kind: 'name' | 'integer' | 'float' | 'string' | 'operator' | 'end-of-statement';
  readonly text: string;
  /** 1-based within the snippet. */
  readonly line: number;
}

const pattern =
  /(?<blank>[ \t\r]+|\\\r?\n|#[^\n]*)|(?<newline>\n)|(?<float>\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)|(?<integer>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*)|(?<name>[A-Za-z_]\w*)|(?<string>'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*")|(?<operator>\*\*|\/\/=|<<=|>>=|\/\/|<<|>>|[-+*/%|&^<>=!]=|[-+*/%|&^~<>=()[\],.:])|(?<end>;)/y;
const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

/** @throws PythonError at a character that starts no token */
export function* lexPython(source: string): Generator<PyToken> {
  let line = 1;
  let depth = 0;
  pattern.lastIndex = 0;
  let at = 0;
  while (at < source.length) {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match === null) {
      // A lone backslash at the very end continues nothing.
      if (/^\\\s*$/.test(source.slice(at))) return;
      throw new PythonError(`unexpected character '${source[at]}'`, { line, unsupported: true });
    }
    const text = match[0];
    at += text.length;
    const { newline, float, integer, name, string, operator, end } = match.groups!;
    if (newline !== undefined ? depth === 0 : end !== undefined)
      yield { kind: 'end-of-statement', text, line };
    else if (float !== undefined) yield { kind: 'float', text, line };
    else if (integer !== undefined) yield { kind: 'integer', text: text.replaceAll('_', ''), line };
    else if (name !== undefined) yield { kind: 'name', text, line };
    else if (string !== undefined) yield { kind: 'string', text: withoutEscapes(text.slice(1, -1)), line };
    else if (operator !== undefined) {
      if ('(['.includes(text)) depth++;
      if (')]'.includes(text)) depth--;
      yield { kind: 'operator', text, line };
    }
    for (const char of text) if (char === '\n') line++;
  }
}

const withoutEscapes = (text: string): string =>
  text.replace(/\\([\s\S])/g, (all: string, code: string) => (code === '\n' ? '' : (escapes[code] ?? all)));
