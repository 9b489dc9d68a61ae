/** Control messages: extended errors, timestamps and their statistics, plain integers. */
import type { Expression } from './ast.ts';
import { symbols } from './symbols.ts';
import type { ControlMessage } from './system-under-test.ts';

/** What judging control messages needs to know of the run. */
interface ControlContext {
  evaluate(expression: Expression): number;
  readonly startUs: number;
  readonly toleranceUs: number;
}

/** The bytes of a message that a script sends: an integer. Null for kinds that can only be received. */
export function controlBytes(
  data: Expression,
  evaluate: (expression: Expression) => number,
): Uint8Array | null {
  if (data.kind !== 'integer' && data.kind !== 'word' && data.kind !== 'or') return null;
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, evaluate(data) | 0, true);
  return bytes;
}

/** What is wrong with the control messages received, in packetdrill's words; null if nothing is. */
export function controlProblem(
  wanted: readonly Expression[],
  actual: readonly ControlMessage[],
  context: ControlContext,
): string | null {
  for (const [i, spec] of wanted.entries()) {
    if (spec.kind !== 'cmsg') continue;
    const got = actual[i];
    if (got === undefined) return `received only ${i} cmsgs`;
    const level = context.evaluate(spec.level);
    const type = context.evaluate(spec.type);
    if (got.level !== level) return `Bad level in cmsg ${i}: expected=${level} actual=${got.level}`;
    if (got.type !== type) return `Bad type in cmsg ${i}: expected=${type} actual=${got.type}`;
    const problem = dataProblem(spec.data, got.data, i, context);
    if (problem !== null) return problem;
  }
  return actual.length > wanted.length ? `received more than ${wanted.length} cmsgs` : null;
}

function dataProblem(
  spec: Expression,
  data: Uint8Array,
  index: number,
  context: ControlContext,
): string | null {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  if (spec.kind === 'extended-error') return extendedErrorProblem(spec, view, index, context);
  if (spec.kind === 'timestamping') return timestampProblem(spec, view, index, context);
  if (spec.kind === 'list') return statisticsProblem(spec.items, view, index, context);
  const wanted = context.evaluate(spec) | 0;
  const got = data.length >= 4 ? view.getInt32(0, true) : (data[0] ?? 0);
  return wanted === got ? null : `Bad data in cmsg ${index}: expected=${wanted} actual=${got}`;
}

/** struct sock_extended_err of include/uapi/linux/errqueue.h. */
function extendedErrorProblem(
  spec: Extract<Expression, { kind: 'extended-error' }>,
  view: DataView,
  index: number,
  context: ControlContext,
): string | null {
  if (view.byteLength < 16) return `Bad len in cmsg ${index}: expected=16 or more actual=${view.byteLength}`;
  const fields: [string, Expression, number][] = [
    ['errno', spec.errno, view.getUint32(0, true)],
    ['origin', spec.origin, view.getUint8(4)],
    ['type', spec.type, view.getUint8(5)],
    ['code', spec.code, view.getUint8(6)],
    ['info', spec.info, view.getUint32(8, true)],
    ['data', spec.data, view.getUint32(12, true)],
  ];
  for (const [name, expression, got] of fields) {
    const wanted = context.evaluate(expression) >>> 0;
    if (wanted !== got) return `Bad ${name} in extended err ${index}: expected=${wanted} actual=${got}`;
  }
  return null;
}

/** struct scm_timestamping: three timespecs, of which the first is compared; all zeros means any. */
function timestampProblem(
  spec: Extract<Expression, { kind: 'timestamping' }>,
  view: DataView,
  index: number,
  context: ControlContext,
): string | null {
  if (spec.sec === 0 && spec.nsec === 0) return null;
  if (view.byteLength < 16) return `Bad len in cmsg ${index}: expected=48 actual=${view.byteLength}`;
  const wanted = context.startUs + spec.sec * 1e6 + Math.trunc(spec.nsec / 1000);
  const got = Number(view.getBigInt64(0, true)) * 1e6 + Math.trunc(Number(view.getBigInt64(8, true)) / 1000);
  if (Math.abs(wanted - got) <= context.toleranceUs) return null;
  const relative = (us: number): string => `${us} (${us - context.startUs})`;
  return `Bad timestamp 0 in scm_timestamping ${index}: expected=${relative(wanted)} actual=${relative(got)} start=${context.startUs}`;
}

/** Statistics in µs, which may be off by the tolerance. */
const durations: ReadonlySet<string> = new Set([
  'TCP_NLA_BUSY',
  'TCP_NLA_RWND_LIMITED',
  'TCP_NLA_SNDBUF_LIMITED',
]);

/** Netlink attributes, one after the other: length, type, value, padded to four bytes. */
function statisticsProblem(
  wanted: readonly Expression[],
  view: DataView,
  index: number,
  context: ControlContext,
): string | null {
  let at = 0;
  for (const item of wanted) {
    if (item.kind !== 'assign')
      return `Bad data in cmsg ${index}: NAME=value is wanted in the list of statistics`;
    if (at + 4 > view.byteLength) return `Bad data in cmsg ${index}: ${item.name} is missing`;
    const length = view.getUint16(at, true);
    const type = view.getUint16(at + 2, true);
    const wantedType = symbols[item.name];
    if (type !== wantedType) return `Bad nla_type ${index}: expected=${wantedType} actual=${type}`;
    const size = length - 4;
    const got =
      size === 8
        ? Number(view.getBigUint64(at + 4, true))
        : size === 1
          ? view.getUint8(at + 4)
          : view.getUint32(at + 4, true);
    at += (length + 3) & ~3;
    if (item.value.kind === 'ellipsis') continue;
    const value = context.evaluate(item.value);
    const near = durations.has(item.name) && value !== 0 && Math.abs(value - got) <= context.toleranceUs;
    if (value !== got && !near) return `Bad ${item.name}: expected=${value} actual=${got}`;
  }
  return null;
}
