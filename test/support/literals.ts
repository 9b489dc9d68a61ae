/** The string literals of a TypeScript source, for tests about what is written in it. */
export interface Literal {
  readonly line: number;
  /** With … where a template has an expression. */
  readonly text: string;
  /** For those who program: the message of a plain Error, or below a comment that begins with "Not for readers". */
  readonly internal: boolean;
}

/** Three words in a row, as a sentence has them and a name, a format or an option does not. */
export const sentenceLike = (text: string): boolean => /[A-Za-z']{2,},? [a-z']+,? [a-z']{2,}/.test(text);

const endOfRegex = (source: string, start: number): number => {
  let [i, inClass] = [start + 1, false];
  for (; i < source.length && source[i] !== '\n'; i++) {
    if (source[i] === '\\') i++;
    else if (source[i] === '[') inClass = true;
    else if (source[i] === ']') inClass = false;
    else if (source[i] === '/' && !inClass) return i + 1;
  }
  return start + 1;
};

/** Whether a slash there begins a regular expression: by what stands before it. */
const beginsRegex = (before: string): boolean =>
  /(?:^|[(,=:[!&|?{};>]|return|typeof)\s*$/.test(before.slice(-12));

export function literalsOf(source: string): Literal[] {
  const found: Literal[] = [];
  const lines = source.split('\n');
  const add = (start: number, text: string): void => {
    const line = source.slice(0, start).split('\n').length;
    const internal =
      /new (?:Range|Type)?Error\(\s*$/.test(source.slice(Math.max(0, start - 40), start)) ||
      /^\s*\/\/ Not for readers/.test(lines[line - 2] ?? '');
    found.push({ line, text, internal });
  };
  /** Reads code up to the brace that closes it, or to the end. */
  const code = (start: number): number => {
    let depth = 0;
    for (let i = start; i < source.length; i++) {
      const c = source[i]!;
      if (c === '/' && source[i + 1] === '/') i = (source.indexOf('\n', i) + 1 || source.length + 1) - 1;
      else if (c === '/' && source[i + 1] === '*') i = source.indexOf('*/', i) + 1;
      else if (c === '/' && beginsRegex(source.slice(Math.max(0, i - 12), i))) i = endOfRegex(source, i) - 1;
      else if (c === "'" || c === '"') i = quoted(i, c) - 1;
      else if (c === '`') i = template(i) - 1;
      else if (c === '{') depth++;
      else if (c === '}' && depth-- === 0) return i;
    }
    return source.length;
  };
  const quoted = (start: number, quote: string): number => {
    let i = start + 1;
    while (i < source.length && source[i] !== quote) i += source[i] === '\\' ? 2 : 1;
    add(start, source.slice(start + 1, i));
    return i + 1;
  };
  const template = (start: number): number => {
    let [i, text] = [start + 1, ''];
    while (i < source.length && source[i] !== '`') {
      if (source[i] === '\\') {
        text += source.slice(i, i + 2);
        i += 2;
      } else if (source[i] === '$' && source[i + 1] === '{') {
        text += '…';
        i = code(i + 2) + 1;
      } else text += source[i++];
    }
    add(start, text);
    return i + 1;
  };
  code(0);
  return found;
}
