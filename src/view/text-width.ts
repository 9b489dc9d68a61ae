/** Text in a terminal's columns: Chinese characters take two. */

/** Wide ranges of East Asian Width (Unicode TR 11) as far as this project writes them. */
const wide = (code: number): boolean =>
  (code >= 0x1100 && code <= 0x115f) ||
  (code >= 0x2e80 && code <= 0x303e) ||
  (code >= 0x3041 && code <= 0xa4cf) ||
  (code >= 0xac00 && code <= 0xd7a3) ||
  (code >= 0xf900 && code <= 0xfaff) ||
  (code >= 0xfe30 && code <= 0xfe4f) ||
  (code >= 0xff00 && code <= 0xff60) ||
  (code >= 0xffe0 && code <= 0xffe6);

/** How many columns a text without escape sequences takes. */
export function columns(text: string): number {
  let sum = 0;
  for (const character of text) sum += wide(character.codePointAt(0)!) ? 2 : 1;
  return sum;
}

/** The text with spaces behind it (or before it) up to a width; longer text stays as it is. */
export const padEnd = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - columns(text)));
export const padStart = (text: string, width: number): string =>
  ' '.repeat(Math.max(0, width - columns(text))) + text;

/** Splits a text into lines of at most `width` columns: at spaces, and between wide characters. */
export function wrap(text: string, width: number): string[] {
  // A break may come before any piece: a word with the space before it, or one wide character.
  const pieces =
    text.match(
      / ?(?:[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffe6]|[^ \u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffe6]+)/g,
    ) ?? [];
  const lines: string[] = [];
  let line = '';
  for (const piece of pieces) {
    if (line !== '' && columns(line) + columns(piece) > width) {
      lines.push(line);
      line = piece.trimStart();
    } else line = line === '' ? piece.trimStart() : line + piece;
  }
  if (line !== '') lines.push(line);
  return lines;
}

/** Puts short texts side by side as long as they fit; wraps those that are too long alone. */
export function pack(texts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const text of texts) {
    const last = lines.at(-1);
    const joined = `${last}  ${text}`;
    if (last !== undefined && columns(joined) <= width) lines[lines.length - 1] = joined;
    else lines.push(...wrap(text, width));
  }
  return lines;
}
