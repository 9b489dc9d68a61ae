/**
 * Text of unknown origin, made fit to be shown: names of files, lines of scripts, what a kernel's file holds. A terminal obeys
 * control characters, a report's reader is misled by a line that a name brought along, and directional marks turn words around.
 */

/** Control characters, line and paragraph separators, directional marks, and halves of surrogate pairs. */
const unfit = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu;
const unfitInLines = /(?![\n\t])[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu;

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' };

function escaped(char: string): string {
  const code = char.charCodeAt(0);
  if (Object.hasOwn(short, char)) return short[char]!;
  // U+DC80 to U+DCFF stand for the bytes of a name that is not UTF-8 (see cli/output/names.ts).
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
  return code < 0x80
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** A name or a value on one line: control characters as `\x1b`, line ends as `\n`. */
export const visible = (text: string): string => text.replace(unfit, escaped);

/** The same for text of several lines: line feeds and tabs stay. */
export const visibleLines = (text: string): string => text.replace(unfitInLines, escaped);
