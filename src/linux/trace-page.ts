/**
 * The pages of the kernel's trace buffers (per_cpu/cpuN/trace_pipe_raw) and the fields of their records. Pure.
 * Layout: events/header_page, events/header_event and events/GROUP/NAME/format under tracefs describe it.
 */

/** Where a field stands in a record. */
interface TraceField {
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
}

/** An event's number in this kernel and its fields by name. */
export interface TraceFormat {
  readonly name: string;
  readonly id: number;
  readonly fields: ReadonlyMap<string, TraceField>;
  /** Names of a field's values by number, from the format's __print_symbolic lists; the last list wins. */
  readonly symbols: ReadonlyMap<number, string>;
}

/**
 * Reads an event's `format` file.
 * @throws Error if the text has no ID
 */
export function parseTraceFormat(name: string, text: string): TraceFormat {
  const id = Number(/^ID: (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
  if (Number.isNaN(id)) throw new Error(`the format of ${name} has no ID`);
  const fields = new Map<string, TraceField>();
  const line = /^\s*field:[^;]*?(\w+)(?:\[\d*\])?;\s*offset:(\d+);\s*size:(\d+);\s*signed:([01]);/gm;
  for (const [, field, offset, size, signed] of text.matchAll(line)) {
    fields.set(field!, { offset: Number(offset), size: Number(size), signed: signed === '1' });
  }
  const lists = text.split('__print_symbolic(');
  const symbols = new Map<number, string>();
  for (const [, value, symbol] of (lists.at(-1) ?? '').matchAll(/\{ (\d+), "(\w+)" \}/g)) {
    if (lists.length > 1) symbols.set(Number(value), symbol!);
  }
  return { name, id, fields, symbols };
}

/** One record of the trace: valid for as long as nothing else is read into the page that it stands in. */
export class TraceEvent {
  /** The event's name without its group: inet_sock_set_state. */
  readonly name: string;
  /** When, in µs of CLOCK_MONOTONIC (the clock of process.hrtime). */
  readonly time: number;
  readonly cpu: number;
  readonly format: TraceFormat;
  readonly #view: DataView;

  constructor(format: TraceFormat, time: number, cpu: number, view: DataView) {
    this.name = format.name;
    this.format = format;
    this.time = time;
    this.cpu = cpu;
    this.#view = view;
  }

  /** The thread that ran when it happened: in softirq that is often a stranger. 0 is the idle task. */
  get thread(): number {
    return this.number('common_pid');
  }

  /**
   * A whole number field; of pointers and other 8-byte fields the low 48 bits, which tell kernel addresses apart.
   * @throws RangeError if this kernel's event has no such field
   */
  number(field: string): number {
    const { offset, size, signed } = this.#field(field);
    const view = this.#view;
    if (size === 4)
      return signed ? view.getInt32(offset, littleEndian) : view.getUint32(offset, littleEndian);
    if (size === 2)
      return signed ? view.getInt16(offset, littleEndian) : view.getUint16(offset, littleEndian);
    if (size === 1) return signed ? view.getInt8(offset) : view.getUint8(offset);
    const low = view.getUint32(offset + (littleEndian ? 0 : 4), littleEndian);
    const high = view.getUint32(offset + (littleEndian ? 4 : 0), littleEndian);
    return (high & 0xffff) * 0x1_0000_0000 + low;
  }

  /** The bytes of an array field. @throws RangeError if this kernel's event has no such field */
  bytes(field: string): Uint8Array {
    const { offset, size } = this.#field(field);
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + offset, size);
  }

  /** Whether this kernel's event has the field. */
  has(field: string): boolean {
    return this.format.fields.has(field);
  }

  #field(name: string): TraceField {
    const field = this.format.fields.get(name);
    if (field === undefined) throw new RangeError(`${this.name} has no field ${name} in this kernel`);
    return field;
  }
}

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

const padding = 29;
const timeExtend = 30;
const timeStamp = 31;
/** Flags beside the length in a page's `commit` (kernel/trace/ring_buffer.c). */
const missedEvents = 0x8000_0000;
const lengthBits = 0xf_ffff;

/**
 * Reads a page.
 * @param into gets the records of events in `formats`
 * @returns whether the kernel overwrote records before this page because nobody had read them
 * @throws RangeError if the page is cut short
 */
export function readTracePage(
  page: Uint8Array,
  cpu: number,
  formats: ReadonlyMap<number, TraceFormat>,
  into: TraceEvent[],
): boolean {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const word = (at: number): number => view.getUint32(at, littleEndian);
  const long = (at: number): number =>
    word(at + (littleEndian ? 4 : 0)) * 0x1_0000_0000 + word(at + (littleEndian ? 0 : 4));
  let time = long(0);
  const commit = word(littleEndian ? 8 : 12);
  const end = Math.min(16 + (commit & lengthBits), page.byteLength);
  let at = 16;
  while (at + 4 <= end) {
    const header = word(at);
    const type = littleEndian ? header & 31 : header >>> 27;
    const delta = littleEndian ? header >>> 5 : header & 0x7ff_ffff;
    if (type === timeExtend) {
      time += word(at + 4) * 0x800_0000 + delta;
      at += 8;
    } else if (type === timeStamp) {
      // The stamp has 59 bits; those above come from the time so far, and are 0 for centuries of uptime.
      time = word(at + 4) * 0x800_0000 + delta;
      at += 8;
    } else if (type === padding) {
      if (delta === 0) break;
      time += delta;
      at += 4 + word(at + 4);
    } else {
      time += delta;
      const start = type === 0 ? at + 8 : at + 4;
      const length = type === 0 ? word(at + 4) - 4 : type * 4;
      const format = formats.get(view.getUint16(start, littleEndian));
      if (format !== undefined) {
        const record = new DataView(page.buffer, page.byteOffset + start, length);
        into.push(new TraceEvent(format, time / 1000, cpu, record));
      }
      at = start + length;
    }
  }
  return (commit & missedEvents) !== 0;
}
