/** What can go wrong with a script, as a value that people and programs can both read. */

/** Where the fault lies. */
export type FailureKind =
  | 'parse'
  | 'semantic'
  | 'packet'
  | 'syscall'
  | 'timing'
  | 'python'
  | 'command'
  /** The stack under test broke off: it crashed, hung, or answered what it may not. */
  | 'system'
  /** Nothing is wrong with the stack: it has not what the script asks for. */
  | 'cannot-run'
  | 'internal';

/** One packet as a message shows it: packetdrill's short text, and the part of it that differs. */
export interface PacketLine {
  /** Seconds since the script's start, with microseconds. */
  readonly time: string;
  readonly text: string;
  /** Offset and length within `text` of what differs; null if nothing in the text does. */
  readonly mark: { readonly at: number; readonly length: number } | null;
}

/** Why a script failed. */
export interface Failure {
  readonly kind: FailureKind;
  readonly file: string;
  /** 1-based; 0 if no line of the script is to blame. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
  /** The message in packetdrill's own words, without file and line. */
  readonly message: string;
  /** For a packet that differs: what the script wants and what came. */
  readonly expected: PacketLine | null;
  readonly actual: PacketLine | null;
  /** More to say below the message, one entry a line. */
  readonly notes: readonly string[];
}

/** Thrown inside the runner where a script cannot go on; never crosses the public functions. */
export class DrillError extends Error {
  readonly kind: FailureKind;
  /** Offset of the fault in the script's text, or -1 for the place of the running event. */
  readonly at: number;
  readonly expected: PacketLine | null;
  readonly actual: PacketLine | null;
  readonly notes: readonly string[];

  constructor(
    kind: FailureKind,
    message: string,
    at = -1,
    more: { expected?: PacketLine; actual?: PacketLine; notes?: readonly string[] } = {},
  ) {
    super(message);
    this.name = 'DrillError';
    this.kind = kind;
    this.at = at;
    this.expected = more.expected ?? null;
    this.actual = more.actual ?? null;
    this.notes = more.notes ?? [];
  }
}

/** Line and column (both 1-based) of an offset in a text. */
export function placeOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  const lineStart = before.lastIndexOf('\n') + 1;
  let line = 1;
  for (let i = before.indexOf('\n'); i >= 0; i = before.indexOf('\n', i + 1)) line++;
  return { line, column: before.length - lineStart + 1 };
}
