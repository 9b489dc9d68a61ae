/**
 * Names of files that are not UTF-8. Node hands the command line over as text in which such bytes are lost, and cannot open the
 * file then. Here each byte that is not part of valid UTF-8 becomes U+DC80 to U+DCFF, half of a surrogate pair that no valid text
 * has (as Python does, PEP 383), so names stay strings; {@link fsPath} turns them back into bytes.
 */
import { readFileSync } from 'node:fs';

/** Valid UTF-8 sequences, and whatever byte is in none, in text of one character per byte. */
const sequences =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: bytes
  /[\x00-\x7f]+|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

/** A name as text; bytes that are not UTF-8 as U+DC80 to U+DCFF. */
export function nameOfBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(sequences, (bytes) => {
      const code = bytes.charCodeAt(0);
      if (bytes.length === 1 && code >= 0x80) return String.fromCharCode(0xdc00 + code);
      return Buffer.from(bytes, 'latin1').toString('utf8');
    });
}

/** A name as node:fs takes it: the text itself, or its bytes if it stands for some that are not UTF-8. */
export function fsPath(name: string): string | Buffer {
  if (!/[\udc80-\udcff]/u.test(name)) return name;
  const parts: Buffer[] = [];
  // Code points: what is half of a pair by itself comes alone.
  for (const char of name) {
    const code = char.charCodeAt(0);
    const byte = char.length === 1 && code >= 0xdc80 && code <= 0xdcff;
    parts.push(byte ? Buffer.of(code - 0xdc00) : Buffer.from(char));
  }
  return Buffer.concat(parts);
}

/** The arguments behind the program's name, without loss where the system tells their bytes. */
export function commandLine(argv: readonly string[] = process.argv): string[] {
  const args = argv.slice(2);
  if (!args.some((arg) => arg.includes('\ufffd'))) return args;
  try {
    const raw = nameOfBytes(readFileSync('/proc/self/cmdline')).split('\0').slice(0, -1);
    return args.length === 0 ? args : raw.slice(-args.length);
  } catch {
    return args; // Not Linux: the name is as Node has it, and opening it says that there is no such file.
  }
}
