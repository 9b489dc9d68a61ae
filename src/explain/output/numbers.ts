/** How explain writes durations: as strings, and the same as bytes. */
import { type LineBuffer, type Piece, piece } from './line-buffer.ts';

const units = ['µs', 'ms', 's'] as const;
const unitPieces: readonly Piece[] = units.map((unit) => piece(` ${unit}`));

/** Tenths of a fitting unit, rounded to four digits or so, << 2 (times 4), plus which unit. Negative ones are rounded alike. */
function rounded(ns: number): number {
  const size = Math.abs(ns);
  const unit = size < 999.5e3 ? 0 : size < 999.5e6 ? 1 : 2;
  const value = ns / (unit === 0 ? 1e3 : unit === 1 ? 1e6 : 1e9);
  const fine = size < (unit === 0 ? 1e5 : unit === 1 ? 1e8 : 1e11);
  return (fine ? Math.round(value * 10) : Math.round(value) * 10) * 4 + unit;
}

/** Nanoseconds as text in a fitting unit: `12.3 ms`. */
export function durationText(ns: number): string {
  const both = rounded(ns);
  const unit = ((both % 4) + 4) % 4;
  return `${(both - unit) / 40} ${units[unit]}`;
}

/** How long somebody waited: seconds to the millisecond. */
export const waitText = (ns: number): string =>
  ns < 1e9 ? durationText(ns) : `${Math.round(ns / 1e6) / 1000} s`;

/** The same as bytes, of nanoseconds from 0 to {@link EXACT_NS}. */
export function writeDuration(out: LineBuffer, ns: number): void {
  const both = rounded(ns);
  const unit = both % 4;
  const tenths = (both - unit) / 4;
  const whole = Math.floor(tenths / 10);
  out.whole(whole);
  if (tenths > whole * 10) {
    out.byte(46);
    out.byte(48 + (tenths - whole * 10));
  }
  out.piece(unitPieces[unit]!);
}

/** Whole nanoseconds in a unit of 10^`digits` of them, exactly, without the slow printing of fractions. */
export function scaled(ns: number, digits: 6 | 9): string {
  const sign = ns < 0 ? '-' : '';
  const size = Math.abs(ns);
  const unit = digits === 6 ? 1e6 : 1e9;
  let whole = Math.floor(size / unit);
  let rest = size - whole * unit;
  // Beyond 52 days, which damaged captures claim and long ones have, the division may round up.
  if (rest < 0 || rest >= unit) {
    rest = size % unit;
    whole = (size - rest) / unit;
  }
  if (rest === 0 || whole >= 1e21) return `${sign}${whole}`;
  // Most captures count microseconds.
  const micro = rest % 1000 === 0;
  return `${sign}${whole}.${String(micro ? rest / 1000 : rest).padStart(micro ? digits - 3 : digits, '0')}`;
}

/** So far a division of nanoseconds is exact: 52 days. */
export const EXACT_NS: number = 2 ** 52;

/** The same as bytes, of less than {@link EXACT_NS}. */
export function writeScaled(out: LineBuffer, ns: number, digits: 6 | 9): void {
  if (ns < 0) out.byte(45);
  const size = Math.abs(ns);
  const unit = digits === 6 ? 1e6 : 1e9;
  const whole = Math.floor(size / unit);
  const rest = size - whole * unit;
  out.whole(whole);
  if (rest === 0) return;
  out.byte(46);
  writeFraction(out, rest, digits);
}

/** Nanoseconds below 10^`digits`, with zeros in front; only microseconds of what are whole ones. */
function writeFraction(out: LineBuffer, ns: number, digits: 6 | 9): void {
  const micros = (ns / 1000) | 0;
  if (digits === 9) out.six(micros);
  else out.three(micros);
  const rest = ns - micros * 1000;
  if (rest > 0) out.three(rest);
}
